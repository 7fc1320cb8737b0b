// SPDX-License-Identifier: MIT
//
// echo_bench [rounds] [messages]: what an echo server does with buffers of a pool and with an array in each connection,
// in turns, as JSON: messages per second and microseconds of the server's processor time for a message, both medians
// over the rounds, and the most bytes in buffers at once, with idle ones and without. 64 connections send 4 KiB; once
// all of them, once a tenth, while the others have said half a message. The array that one call reads the largest
// message into has 64 KiB.
#include <cistern/pools/byte_buffer_pool.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include <echo/echo_load.hpp>
#include <echo/echo_server.hpp>

namespace {

using cistern::byte_buffer_pool;
using cistern::echo::array_buffers;
using cistern::echo::echo_server;
using cistern::echo::load;
using cistern::echo::load_result;
using cistern::echo::pooled_buffers;

constexpr std::size_t kib = 1024, connections = 64, rarely_heard = 58;

struct round_result {
  double messages_per_second, processor_microseconds;
};

template <class Buffers>
round_result run(Buffers& buffers, load wanted) {
  echo_server<Buffers> server(buffers);
  wanted.port = server.port();
  const load_result result = cistern::echo::run_load(wanted);
  server.finish();
  if (!result.error.empty()) {
    std::fprintf(stderr, "echo_bench: %s\n", result.error.c_str());
    std::exit(1);
  }
  const auto messages = static_cast<double>(result.messages);
  return {messages / result.seconds, server.processor_seconds() / messages * 1e6};
}

template <std::size_t Size, bool WaitsFirst = false>
round_result run_arrays(const load& wanted) {
  array_buffers<Size, WaitsFirst> arrays;
  return run(arrays, wanted);
}

struct way {
  const char* name;
  std::function<round_result(const load&)> round;
  std::size_t peak_bytes, peak_out_bytes;
  std::vector<double> speeds = {}, processor = {};
};

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void measure(const load& wanted, int rounds) {
  byte_buffer_pool pool({.name = "echo"});
  pooled_buffers buffers(pool), watched(pool, true);
  load few = wanted;
  few.messages = std::min<std::uint64_t>(few.messages, 20'000);
  run(watched, few);  // and so the pool has learnt
  pool.learn();
  run(watched, few);

  std::vector<way> ways = {
      {"pool", [&](const load& one) { return run(buffers, one); }, watched.peak(), watched.peak_out()},
      {"array_64k", run_arrays<64 * kib>, connections * 64 * kib, connections * 64 * kib},
      {"array_4k", run_arrays<4 * kib>, connections * 4 * kib, connections * 4 * kib},
      {"array_64k_waits_first", run_arrays<64 * kib, true>, connections * 64 * kib, connections * 64 * kib},
  };
  for (int i = 0; i < rounds; ++i)
    for (way& each : ways) {
      const round_result result = each.round(wanted);
      each.speeds.push_back(result.messages_per_second);
      each.processor.push_back(result.processor_microseconds);
    }
  for (const way& each : ways)
    std::printf(R"(%s"%s":{"messages_per_second":%.0f,"processor_microseconds":%.3f,)"
                R"("peak_buffer_bytes":%zu,"peak_out_bytes":%zu})",
                &each == ways.data() ? "" : ",", each.name, median(each.speeds), median(each.processor),
                each.peak_bytes, each.peak_out_bytes);
  // All that the pool ever took from its upstream, with what is in no buffer.
  std::printf(R"(,"pool_high_water_bytes":%zu)", pool.blocks().statistics().high_water);
}

}  // namespace

int main(int count, char** arguments) {
  const int rounds = count > 1 ? std::atoi(arguments[1]) : 11;
  const long messages = count > 2 ? std::atol(arguments[2]) : 30'000;
  if (rounds < 1 || messages < 1) {
    std::fputs("echo_bench [rounds] [messages of a round]\n", stderr);
    return 2;
  }
  load wanted{.port = 0, .connections = connections, .messages = static_cast<std::uint64_t>(messages)};
  std::printf(R"({"connections":%zu,"message_bytes":%zu,"rounds":%d,"all_busy":{)", connections, wanted.largest,
              rounds);
  measure(wanted, rounds);
  wanted.idle = rarely_heard;
  std::printf(R"(},"nine_of_ten_idle":{)");
  measure(wanted, rounds);
  std::puts("}}");
}
