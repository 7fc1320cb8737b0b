// SPDX-License-Identifier: MIT
// A get and a put by a pool with a fixed number of items, each beside the pool that everybody writes: a vector behind a
// mutex. On one thread and on two; then what takes a pair off its inline path.
#include <cistern/pools/bounded_pool.hpp>
#include <cistern/pools/fixed_block_pool.hpp>
#include <cistern/pools/sized_text_pool.hpp>
#include <cistern/pools/text_pool.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

namespace {

using cistern::bound;
using cistern::bounded_pool;
using cistern::bounded_pool_options;

struct item {
  std::byte bytes[64];
};

/// The floor: at most n kept, the last one first.
class vector_pool {
 public:
  explicit vector_pool(std::size_t limit) : limit_(limit) { kept_.reserve(limit); }

  class handle {
   public:
    handle(std::unique_ptr<item> held, vector_pool& of) : held_(std::move(held)), of_(of) {}
    handle(handle&&) = default;
    handle& operator=(handle&&) = delete;
    ~handle() {
      if (held_ == nullptr) return;
      const std::scoped_lock lock(of_.mutex_);
      if (of_.kept_.size() < of_.limit_) of_.kept_.push_back(std::move(held_));
    }
    item* get() const { return held_.get(); }

   private:
    std::unique_ptr<item> held_;
    vector_pool& of_;
  };

  handle get() {
    {
      const std::scoped_lock lock(mutex_);
      if (!kept_.empty()) {
        auto last = std::move(kept_.back());
        kept_.pop_back();
        return {std::move(last), *this};
      }
    }
    return {std::make_unique<item>(), *this};
  }

 private:
  const std::size_t limit_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<item>> kept_;
};

bounded_pool_options without_ticks(bound by = bound::kept) { return {.by = by, .clock = nullptr, .background = false}; }

template <class Pool>
void pairs(benchmark::State& state, Pool& pool) {
  for (auto _ : state) {
    auto got = pool.get();
    benchmark::DoNotOptimize(got.get());
  }
}

// The C library's mutex is no atomic operation in a program that has never had a second thread.
const bool has_threads = [] {
  std::thread([] {}).join();
  return true;
}();

constexpr std::size_t usual = 64;

void pair(benchmark::State& state) {
  static bounded_pool<item> pool(usual, without_ticks());
  pairs(state, pool);
}

void pair_by_total(benchmark::State& state) {
  static bounded_pool<item> pool(usual, without_ticks(bound::total));
  pairs(state, pool);
}

void mutex_and_vector(benchmark::State& state) {
  static vector_pool pool(usual);
  pairs(state, pool);
}

// Two places, so that all threads share one stripe.
void pair_of_two_places(benchmark::State& state) {
  static bounded_pool<item> pool(2, without_ticks());
  pairs(state, pool);
}

void mutex_and_vector_of_two(benchmark::State& state) {
  static vector_pool pool(2);
  pairs(state, pool);
}

void pair_by_acquire(benchmark::State& state) {
  static bounded_pool<item> pool(usual, without_ticks());
  for (auto _ : state) {
    item* const got = pool.acquire();
    benchmark::DoNotOptimize(got);
    pool.release(got);
  }
}

// Sixteen out and back, more than this thread's stripe has places.
template <class Pool>
void sixteen(benchmark::State& state, Pool& pool) {
  using handle = decltype(pool.get());
  for (auto _ : state) {
    handle held[16] = {pool.get(), pool.get(), pool.get(), pool.get(), pool.get(), pool.get(), pool.get(), pool.get(),
                       pool.get(), pool.get(), pool.get(), pool.get(), pool.get(), pool.get(), pool.get(), pool.get()};
    benchmark::DoNotOptimize(held);
  }
  state.SetItemsProcessed(state.iterations() * 16);
}
void sixteen_of_64(benchmark::State& state) {
  static bounded_pool<item> pool(usual, without_ticks());
  sixteen(state, pool);
}
void sixteen_of_16(benchmark::State& state) {
  static bounded_pool<item> pool(16, without_ticks());
  sixteen(state, pool);
}
void sixteen_of_16_by_mutex_and_vector(benchmark::State& state) {
  static vector_pool pool(16);
  sixteen(state, pool);
}

// The put finds the pool full and destroys; the get before it had to make.
void miss_and_drop(benchmark::State& state) {
  static bounded_pool<item> pool(1, without_ticks());
  auto kept = pool.get();
  for (auto _ : state) {
    auto got = pool.get();
    benchmark::DoNotOptimize(got.get());
    got.discard();
  }
}

// Of as many stripes as there are, all empty: the look at them, and the refusal.
void exhausted(benchmark::State& state) {
  static bounded_pool<item> pool(usual, without_ticks(bound::total));
  std::vector<bounded_pool<item>::handle> all;
  for (std::size_t i = 0; i < usual; ++i) all.push_back(pool.get());
  for (auto _ : state) benchmark::DoNotOptimize(pool.try_get());
}

// One thread gets, another one puts what it got, sixteen at a time.
template <class Pool>
void get_here_put_there(benchmark::State& state, Pool& pool) {
  using batch = std::vector<decltype(pool.get())>;
  std::atomic<batch*> passed{nullptr};
  std::atomic<bool> ends{false};
  std::thread other([&] {
    while (!ends.load(std::memory_order_relaxed)) {
      if (batch* const got = passed.load(std::memory_order_acquire)) {
        got->clear();
        passed.store(nullptr, std::memory_order_release);
      } else {
        std::this_thread::yield();
      }
    }
  });
  batch held;
  held.reserve(16);
  for (auto _ : state) {
    for (int i = 0; i < 16; ++i) held.emplace_back(pool.get());
    passed.store(&held, std::memory_order_release);
    while (passed.load(std::memory_order_acquire) != nullptr) std::this_thread::yield();
  }
  state.SetItemsProcessed(state.iterations() * 16);
  ends = true;
  other.join();
}
void sixteen_here_and_there(benchmark::State& state) {
  bounded_pool<item> pool(usual, without_ticks());
  get_here_put_there(state, pool);
}
void sixteen_here_and_there_by_mutex_and_vector(benchmark::State& state) {
  vector_pool pool(usual);
  get_here_put_there(state, pool);
}

void text(benchmark::State& state) {
  static cistern::text_pool pool(usual, without_ticks());
  for (auto _ : state) {
    auto got = pool.get();
    got->append(64, 'x');
    benchmark::DoNotOptimize(got->data());
  }
}

// Each grows beyond what is kept of it.
void sized_text_that_grows(benchmark::State& state) {
  static cistern::sized_text_pool pool(usual, 1024, without_ticks());
  for (auto _ : state) {
    auto got = pool.get();
    got->append(5000, 'x');
    benchmark::DoNotOptimize(got->data());
  }
}

void fixed_block(benchmark::State& state) {
  static cistern::fixed_block_pool pool(usual, 4096, 0, without_ticks());
  for (auto _ : state) {
    auto got = pool.get();
    benchmark::DoNotOptimize(got->payload().data());
  }
}

BENCHMARK(pair)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(pair_by_total)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(mutex_and_vector)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(pair_of_two_places)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(mutex_and_vector_of_two)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(pair_by_acquire);
BENCHMARK(sixteen_of_64);
BENCHMARK(sixteen_of_16);
BENCHMARK(sixteen_of_16_by_mutex_and_vector);
BENCHMARK(miss_and_drop);
BENCHMARK(exhausted);
BENCHMARK(sixteen_here_and_there)->UseRealTime();
BENCHMARK(sixteen_here_and_there_by_mutex_and_vector)->UseRealTime();
BENCHMARK(text)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(sized_text_that_grows);
BENCHMARK(fixed_block)->ThreadRange(1, 2)->UseRealTime();

}  // namespace
