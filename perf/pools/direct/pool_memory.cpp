// SPDX-License-Identifier: MIT
//
// pool_memory pool|glibc [mebibytes]: how much memory a program has that fills so much (512) with blocks of 16 to 4096
// bytes, frees a random 90 %, trims, frees the rest, and then does nothing for three ticks. Prints four numbers in MiB:
// what was live, and by how much the process was larger than before at the peak, after the trim, and at the end.
#include "../../workloads/process.hpp"
#include "../../workloads/random.hpp"
#include <cistern/allocators/background_reclaimer.hpp>
#include <cistern/allocators/system_backend.hpp>
#include <cistern/pools/bucket_pool.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using cistern::perf::rss_bytes;

constexpr double mebi = 1 << 20;

struct block {
  void* at;
  std::size_t bytes;
};

struct from_pool {
  void* allocate(std::size_t bytes) { return pool.allocate(bytes); }
  void deallocate(const block& gone) { pool.deallocate(gone.at, gone.bytes); }
  void trim() { pool.trim(); }
  cistern::bucket_pool pool;
};

struct from_glibc {
  static void* allocate(std::size_t bytes) { return std::malloc(bytes); }
  static void deallocate(const block& gone) { std::free(gone.at); }
  static void trim() { cistern::system_backend::trim(); }
};

template <class Memory>
int run(std::size_t total) {
  Memory memory;
  cistern::perf::random_source random(1);
  std::vector<block> held(total / 2056 + 1);  // 2056 bytes on average
  const std::vector<std::uint32_t> order = cistern::perf::shuffled(held.size(), 2);
  const double before = static_cast<double>(rss_bytes());
  std::size_t live = 0;
  for (block& each : held) {
    each.bytes = 16 + random.next() % 4081;
    each.at = memory.allocate(each.bytes);
    if (each.at == nullptr) return 1;
    std::memset(each.at, 1, each.bytes);
    live += each.bytes;
  }
  const double peak = static_cast<double>(rss_bytes());
  const std::size_t most = held.size() / 10 * 9;
  for (std::size_t i = 0; i < most; ++i) memory.deallocate(held[order[i]]);
  memory.trim();
  const double trimmed = static_cast<double>(rss_bytes());
  for (std::size_t i = most; i < held.size(); ++i) memory.deallocate(held[order[i]]);
  std::this_thread::sleep_for(std::chrono::milliseconds(3300));  // three ticks of a second
  const double end = static_cast<double>(rss_bytes());
  return std::printf("%.3f %.3f %.3f %.3f\n", static_cast<double>(live) / mebi, (peak - before) / mebi,
                     (trimmed - before) / mebi, (end - before) / mebi) > 0
             ? 0
             : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view what = argc > 1 ? argv[1] : "";
  const std::size_t total = (argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 512) << 20;
  if (what == "pool") return run<from_pool>(total);
  if (what == "glibc") return run<from_glibc>(total);
  std::fprintf(stderr, "pool_memory: give pool or glibc, and perhaps a number of mebibytes\n");
  return 2;
}
