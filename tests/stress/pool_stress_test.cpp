// SPDX-License-Identifier: MIT
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/allocators/statistics_resource.hpp>
#include <cistern/pools/bucket_pool.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using cistern::bucket_pool;

std::chrono::milliseconds budget() {
  const char* const seconds = std::getenv("CISTERN_STRESS_SECONDS");
  return seconds != nullptr ? std::chrono::seconds(std::atoi(seconds)) : std::chrono::milliseconds(1500);
}

// A block that knows its owner: every word of it holds the cookie, so that two owners of one word show without a
// sanitizer too.
struct owned {
  std::uint64_t* words = nullptr;
  std::size_t bytes = 0;
  std::uint64_t cookie = 0;
};

// Hands blocks from thread to thread. Not only by the pool's own order: each has its place, which is swapped.
class exchange {
 public:
  owned swap(unsigned at, owned given) {
    place& here = places_[at % places_.size()];
    const std::scoped_lock lock(here.mutex);
    return std::exchange(here.block, given);
  }
  static constexpr unsigned size = 64;

 private:
  struct place {
    std::mutex mutex;
    owned block;
  };
  std::array<place, size> places_;
};

struct stressed_pool {
  explicit stressed_pool(const cistern::pool_options& options) : pool(options) {}

  bucket_pool pool;
  exchange handed;
};

struct scene {
  explicit scene(std::pmr::memory_resource& from) : upstream(from) {}

  std::pmr::memory_resource& upstream;
  cistern::ageing_clock clock;
  std::array<stressed_pool, 2> pools{
      stressed_pool({.name = "one", .upstream = &upstream, .clock = &clock}),
      stressed_pool({.name = "two",
                     .classes = cistern::size_class_table({24, 48, 500, 1500, 1504, 9000}),
                     .upstream = &upstream,
                     .max_idle_bytes = 256 << 10,
                     .clock = &clock})};
  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> cookies = 1;
  std::atomic<std::uint64_t> foreign_words = 0, failed_children = 0, children = 0;

  owned get(stressed_pool& from, std::size_t bytes) {
    const std::uint64_t cookie = cookies.fetch_add(1, std::memory_order_relaxed);
    auto* const words = static_cast<std::uint64_t*>(from.pool.allocate(bytes));
    for (std::size_t i = 0; i < bytes / sizeof cookie; ++i) words[i] = cookie;
    return {words, bytes, cookie};
  }
  // Looks at every word, and takes it away: whoever else still holds the block sees that.
  void put(stressed_pool& to, const owned& block, bool sized) {
    if (block.words == nullptr) return;
    for (std::size_t i = 0; i < block.bytes / sizeof block.cookie; ++i)
      if (std::exchange(block.words[i], ~block.cookie) != block.cookie) ++foreign_words;
    if (sized)
      to.pool.deallocate(block.words, block.bytes);
    else
      to.pool.free(block.words);
  }
};

std::size_t some_bytes(std::mt19937& random) {
  const auto kind = random() % 64;
  if (kind == 0) return 8 + random() % 300'000 / 8 * 8;  // sometimes a large one
  return 8 + random() % (kind < 8 ? 8192 : 512) / 8 * 8;
}

stressed_pool& some_pool(scene& on, std::mt19937& random) { return on.pools[random() % 8 == 0 ? 1 : 0]; }

void get_and_put(scene& on, std::mt19937& random) {
  stressed_pool& from = some_pool(on, random);
  std::array<owned, 16> held;
  for (owned& each : held) each = on.get(from, some_bytes(random));
  for (const owned& each : held) on.put(from, each, random() % 2 == 0);
}

void hand_over(scene& on, std::mt19937& random) {
  stressed_pool& from = some_pool(on, random);
  for (int i = 0; i < 16; ++i)
    on.put(from, from.handed.swap(static_cast<unsigned>(random()), on.get(from, some_bytes(random))),
           random() % 2 == 0);
}

// More than magazines hold, so that they go through the depot and spans.
void flood(scene& on, std::mt19937& random) {
  stressed_pool& from = some_pool(on, random);
  const std::size_t bytes = 8 + random() % 128 / 8 * 8;
  std::vector<owned> held;
  for (auto left = random() % 2000; left != 0; --left) held.push_back(on.get(from, bytes));
  for (const owned& each : held) on.put(from, each, true);
}

void use_buffers(scene& on, std::mt19937& random) {
  std::vector<cistern::buffer> held(8);
  for (int i = 0; i < 64; ++i) {
    cistern::buffer got = some_pool(on, random).pool.get(some_bytes(random));
    std::memset(got.data(), i, got.capacity());
    held[random() % held.size()] = std::move(got);
  }
  for (const cistern::buffer& each : held)
    for (const std::byte byte : each.span())
      if (byte != each.data()[0]) ++on.foreign_words;
}

void tick(scene& on, std::mt19937&) { on.clock.tick(); }

void trim(scene& on, std::mt19937& random) {
  if (random() % 4 == 0) on.clock.tick(cistern::age_level::pressure);
  some_pool(on, random).pool.trim();
  std::this_thread::yield();
}

void read_statistics(scene& on, std::mt19937& random) {
  const cistern::pool_statistics now = some_pool(on, random).pool.statistics();
  if (now.taken > now.high_water) ++on.foreign_words;
  static_cast<void>(to_json(now));
}

// The child uses what it has inherited, on its one thread.
void fork_now_and_then(scene& on, std::mt19937& random) {
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);  // for a lock that nobody holds any more
    for (int i = 0; i < 20; ++i) {
      get_and_put(on, random);
      tick(on, random);
    }
    for (stressed_pool& each : on.pools) each.pool.trim();
    _exit(on.foreign_words == 0 ? 0 : 1);
  }
  if (child < 0) return;
  int status = 0;
  waitpid(child, &status, 0);
  ++on.children;
  if (status != 0) ++on.failed_children;
}

using act = void (*)(scene&, std::mt19937&);

void keep_acting(scene& on, act what, unsigned seed, bool threads_end) {
  std::mt19937 random(seed);
  const auto some = [&] {
    for (auto left = random() % 100; left != 0 && !on.stop; --left) what(on, random);
  };
  while (!on.stop) threads_end ? std::thread(some).join() : some();
}

void act_together(scene& on, const std::vector<act>& acts, bool threads_end) {
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < acts.size(); ++i)
    threads.emplace_back([&on, what = acts[i], i, threads_end] { keep_acting(on, what, i, threads_end); });
  std::this_thread::sleep_for(budget());
  on.stop = true;
  for (std::thread& thread : threads) thread.join();
}

void expect_all_back(scene& on) {
  std::uint64_t gets = 0;
  for (stressed_pool& each : on.pools) {
    for (unsigned i = 0; i < exchange::size; ++i) on.put(each, each.handed.swap(i, {}), true);
    each.pool.trim();
    const cistern::pool_statistics now = each.pool.statistics();
    EXPECT_EQ(now.live, 0u) << to_string(now);
    EXPECT_EQ(now.large, 0u) << to_string(now);
    EXPECT_EQ(now.cached_threads + now.cached_depot, 0u) << to_string(now);
    gets += now.gets;
  }
  EXPECT_GT(gets, 1000u);
  EXPECT_EQ(on.foreign_words, 0u);
  EXPECT_EQ(on.failed_children, 0u) << "of " << on.children;
}

void play(const std::vector<act>& acts, bool threads_end) {
  // Of operator new, so that a sanitizer looks on when memory has gone back.
  cistern::statistics_resource upstream(std::pmr::new_delete_resource());
  {
    scene on(upstream);
    act_together(on, acts, threads_end);
    expect_all_back(on);
  }
  EXPECT_EQ(upstream.snapshot().live_bytes, 0u);
}

TEST(pool_stress, threads_get_put_and_hand_over) { play({get_and_put, hand_over, hand_over, flood}, false); }

TEST(pool_stress, while_threads_come_and_go) { play({get_and_put, hand_over, flood, hand_over, use_buffers}, true); }

TEST(pool_stress, while_the_clock_ticks) { play({get_and_put, hand_over, hand_over, flood, tick}, false); }

TEST(pool_stress, with_everything_at_once) {
  play({get_and_put, hand_over, flood, hand_over, use_buffers, tick, trim, read_statistics}, true);
}

TEST(pool_stress, while_the_process_forks) {
#if CISTERN_TSAN
  GTEST_SKIP() << "skipped: ThreadSanitizer does not follow a fork of many threads";
#elif CISTERN_ASAN
  GTEST_SKIP() << "skipped: AddressSanitizer's malloc of GCC 12 has no fork handlers";
#endif
  play({get_and_put, hand_over, flood, tick, trim, fork_now_and_then}, true);
}

}  // namespace
