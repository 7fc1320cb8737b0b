// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

namespace cistern::inline v0 {

class epoch_slot;

/// All that cistern keeps in thread-local storage, but for a few words of the pools (detail/thread_seat.hpp,
/// detail/buffer_home.hpp): one block of at most 64 bytes, constant-initialised, trivially
/// destructible, in initial-exec storage, so that reading it is one instruction and it can be read at any moment of a
/// thread's life. Reached through sync::words(); filled by thread_registry.
struct thread_words {
  /// The life of a thread's state. Nothing is created again once a thread is dying.
  enum class life : std::uint16_t { uninitialised, live, dying, dead };

  /// What this thread keeps for one instance; valid while the generation is the instance's own.
  struct entry {
    std::uint32_t generation;
    void* value;
  };

  entry* entries = nullptr;
  std::uint32_t size = 0;
  life state = life::uninitialised;
  std::uint16_t upstream_calls = 0;  // of pools that this thread is in: it may hold their locks

  /// The thread's slot in the default epoch domain; nullptr until its first use and after the thread's end.
  epoch_slot* default_epoch_slot = nullptr;

  /// The domain (its state) whose deleters this thread is running, if any, and in which phase it began: to refuse what
  /// would wait for itself, and to put the counts right in the child of a fork.
  const void* reclaiming = nullptr;
  std::uint32_t reclaiming_phase = 0;
  std::uint32_t objects_in_hand = 0;  // taken to be freed by this thread, and not freed yet
  std::size_t bytes_in_hand = 0;

  /// The pool that this thread has used last, of those with a cache (its instance, as one number), and the thread's
  /// cache of it. 0 for none.
  std::uint64_t hot_pool = 0;
  void* hot_cache = nullptr;
};

static_assert(sizeof(thread_words) <= 64, "initial-exec storage of a library that is loaded late is scarce");

}  // namespace cistern::inline v0
