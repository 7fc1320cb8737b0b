// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace cistern::echo {

/// What run_load() asks of a server.
struct load {
  std::uint16_t port;            ///< at 127.0.0.1
  std::size_t connections = 64;  ///< that are open all the time
  /// Of them, those that say half a message at the beginning and the other half at the end.
  std::size_t idle = 0;
  std::uint64_t messages = 1000;  ///< that the others have back in all; each has one on its way at a time
  std::size_t smallest = 4096;    ///< bytes of a message: a random number between the two
  std::size_t largest = 4096;     ///< up to 1 MiB
  bool in_pieces = false;         ///< each write and read is of a random part of what there is
  /// This part of the messages ends in the middle by the connection's end, an orderly one or a reset, and another
  /// connection takes its place.
  double cut_off = 0;
  std::uint64_t seed = 1;
};

/// What came of it.
struct load_result {
  std::uint64_t messages = 0;  ///< that came back whole and right, without those of idle connections
  std::uint64_t resumed = 0;   ///< messages of idle connections: at most one of each
  std::uint64_t cut_off = 0;   ///< connections that ended in the middle of a message
  double seconds = 0;          ///< from when all are connected until the last message was back
  std::string error;           ///< empty; or what went wrong, and nothing of the above
};

/// Sends messages to an echo server, and compares each byte that comes back, in the calling thread. All connections are
/// closed at the end. A server that says nothing for ten seconds is an error.
load_result run_load(const load& wanted);

}  // namespace cistern::echo
