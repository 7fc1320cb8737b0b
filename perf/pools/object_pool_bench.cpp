// SPDX-License-Identifier: MIT
// What the parts of an object_pool cost: gets and puts that find an object ready, by each of its faces, with hooks and
// with what takes them off the inline path; making and dropping, stealing, and a tick. tools/figures object measures
// pairs beside their peers by direct/object_pair.cpp.
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/pools/keep_rules.hpp>
#include <cistern/pools/object_pool.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

namespace {

using cistern::object_ageing;
using cistern::object_pool;
using cistern::object_pool_options;

object_pool_options without_ticks() { return {.clock = nullptr, .background = false}; }

struct object {
  std::byte bytes[64];
};

template <class Pool>
void pairs(benchmark::State& state, Pool& pool) {
  for (auto _ : state) {
    auto got = pool.get();
    benchmark::DoNotOptimize(got.get());
  }
}

void by_handle(benchmark::State& state) {
  object_pool<object> pool(without_ticks());
  pairs(state, pool);
}

void by_acquire(benchmark::State& state) {
  object_pool<object> pool(without_ticks());
  for (auto _ : state) {
    object* const got = pool.acquire();
    benchmark::DoNotOptimize(got);
    pool.release(got);
  }
}

void by_shared_handle(benchmark::State& state) {
  object_pool<object> pool(without_ticks());
  for (auto _ : state) {
    auto got = pool.get().share();
    benchmark::DoNotOptimize(got.get());
  }
}

void by_try_get(benchmark::State& state) {
  object_pool<object> pool(without_ticks());
  pool.warm(1);
  for (auto _ : state) {
    auto got = pool.try_get();
    benchmark::DoNotOptimize(got.get());
  }
}

struct clears {
  static void reset(std::string& one) { one.clear(); }
};

void with_reset(benchmark::State& state) {
  object_pool<std::string, clears> pool(without_ticks());
  pairs(state, pool);
}

struct keeps_by_use {
  bool keep(std::string& one, std::uint8_t& strikes) const { return rule(one.size(), one.capacity(), strikes); }
  static void reset(std::string& one) { one.clear(); }
  cistern::keep_by_use rule;
};

// Any room is more than the rule always keeps, and all of it is used: so it looks at all that it can look at.
void with_keep_by_use(benchmark::State& state) {
  object_pool<std::string, keeps_by_use> pool({.rule = {.always = 0}}, without_ticks());
  for (auto _ : state) {
    auto got = pool.get();
    got->append(8, 'x');
    benchmark::DoNotOptimize(got->data());
  }
}

void with_max_total(benchmark::State& state) {
  object_pool<object> pool({.max_total = 1000, .clock = nullptr, .background = false});
  pairs(state, pool);
}

void with_max_idle(benchmark::State& state) {
  object_pool<object> pool({.max_idle = 1000, .clock = nullptr, .background = false});
  pairs(state, pool);
}

void with_record_sites(benchmark::State& state) {
  object_pool<object> pool({.clock = nullptr, .background = false, .record_sites = true});
  pairs(state, pool);
}

// Each get makes an object and each put destroys it; while another one is out, or alone.
void with_pass_through(benchmark::State& state) {
  object_pool<object> pool({.clock = nullptr, .background = false, .pass_through = true});
  const auto other = state.range(0) != 0 ? pool.get() : object_pool<object>::handle();
  pairs(state, pool);
}

void miss_and_drop(benchmark::State& state) {
  object_pool<object> pool(without_ticks());
  const auto other = state.range(0) != 0 ? pool.get() : object_pool<object>::handle();
  for (auto _ : state) {
    auto got = pool.get();
    benchmark::DoNotOptimize(got.get());
    got.discard();
  }
}

// A thread finds its own cache anew each time.
void two_pools_in_turn(benchmark::State& state) {
  object_pool<object> one(without_ticks()), other(without_ticks());
  for (auto _ : state)
    for (object_pool<object>* pool : {&one, &other}) {
      auto got = pool->get();
      benchmark::DoNotOptimize(got.get());
    }
  state.SetItemsProcessed(2 * state.iterations());
}

using clock_type = std::chrono::steady_clock;

// All gets of so many objects that another thread has put; that one sleeps. As time for all of them: of one object,
// which lies in the magazine that its thread works with, and of many, most of which lie in full ones.
void steal(benchmark::State& state) {
  object_pool<object> pool(without_ticks());
  const auto count = static_cast<std::size_t>(state.range(0));
  enum : int { others, mine, over };
  std::atomic<int> turn{others};
  const auto pass_to = [&](int next) {
    turn.store(next);
    turn.notify_all();
  };
  const auto get_all = [&](std::vector<object_pool<object>::handle>& all) {
    for (auto& each : all) each = pool.get();
  };
  const auto put_all = [](std::vector<object_pool<object>::handle>& all) {
    for (auto& each : all) each.put();
  };
  const std::jthread other([&] {
    std::vector<object_pool<object>::handle> all(count);
    for (;;) {
      turn.wait(mine);
      if (turn.load() == over) return;
      get_all(all);
      put_all(all);
      pass_to(mine);
    }
  });
  std::vector<object_pool<object>::handle> all(count);
  for (auto _ : state) {
    turn.wait(others);
    const auto start = clock_type::now();
    get_all(all);
    state.SetIterationTime(std::chrono::duration<double>(clock_type::now() - start).count());
    put_all(all);
    pass_to(others);
  }
  turn.wait(others);
  pass_to(over);
  state.counters["steals"] =
      benchmark::Counter(static_cast<double>(pool.statistics().steals), benchmark::Counter::kAvgIterations);
  state.SetItemsProcessed(static_cast<std::int64_t>(count) * state.iterations());
}

// All of the objects have been used since the last tick, so all stay.
template <object_ageing Ageing>
void tick_with_1000_idle(benchmark::State& state) {
  cistern::ageing_clock clock;
  object_pool<object> pool({.ageing = Ageing, .clock = &clock, .background = false});
  std::vector<object_pool<object>::handle> all(1000);
  for (auto _ : state) {
    for (auto& each : all) each = pool.get();
    for (auto& each : all) each.put();
    const auto start = clock_type::now();
    clock.tick();
    state.SetIterationTime(std::chrono::duration<double>(clock_type::now() - start).count());
  }
}

void make_use_and_destroy(benchmark::State& state) {
  for (auto _ : state) {
    object_pool<object> pool(without_ticks());
    benchmark::DoNotOptimize(pool.get().get());
  }
}

BENCHMARK(by_handle);
BENCHMARK(by_acquire);
BENCHMARK(by_shared_handle);
BENCHMARK(by_try_get);
BENCHMARK(with_reset);
BENCHMARK(with_keep_by_use);
BENCHMARK(with_max_total);
BENCHMARK(with_max_idle);
BENCHMARK(with_record_sites);
BENCHMARK(with_pass_through)->ArgName("other_out")->Arg(0)->Arg(1);
BENCHMARK(miss_and_drop)->ArgName("other_out")->Arg(0)->Arg(1);
BENCHMARK(two_pools_in_turn);
BENCHMARK(steal)->Arg(1)->Arg(1000)->UseManualTime();
BENCHMARK(tick_with_1000_idle<object_ageing::working_set>)->UseManualTime();
BENCHMARK(tick_with_1000_idle<object_ageing::two_ticks>)->UseManualTime();
BENCHMARK(make_use_and_destroy);

}  // namespace
