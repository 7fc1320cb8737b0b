// SPDX-License-Identifier: MIT
// What readers and writers of an epoch domain pay, beside what it cannot go below: two stores for a pin and its unpin,
// one fence where pins are real fences (CISTERN_NO_MEMBARRIER=1 in the environment), and a free list's own pop and push
// for an object that is retired and comes back. epoch_peers/ adds the same pair of other libraries where they are
// installed, shared_pins/ the pair inside a shared library. Retiring runs on one thread, so that all its deleters do.
#include "region_loop.hpp"
#include <cistern/allocators/asymmetric_fence.hpp>
#include <cistern/allocators/background_reclaimer.hpp>
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/epoch_guard.hpp>
#include <cistern/allocators/epoch_hold.hpp>
#include <cistern/allocators/retire_list.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include <benchmark/benchmark.h>

namespace {

using cistern::perf::add_regions;

// tools/figures must know which of the two modes it measured.
[[maybe_unused]] const bool named = [] {
  const bool light = cistern::asymmetric_fence::light_is_light();
  benchmark::AddCustomContext("pins", light ? "asymmetric" : "fence mode");
  return true;
}();

// Regions, the floors first.

struct alignas(128) slot {
  cistern::sync::atomic<std::uint64_t> state{0};
};
slot lone;

// What a pin stores, but of an epoch that it need not load, and what an unpin stores. Loops of two stores and little
// else take one cycle or two by their place where a processor can do two at once; of this one most places take two, of
// constants half of them.
struct store_pair {
  void operator()() {
    epoch += std::uint64_t{1} << 16;
    lone.state.store(epoch | 1, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    lone.state.store(0, std::memory_order_release);
  }
  std::uint64_t epoch = 0;
};

struct store_pair_of_constants {
  void operator()() {
    lone.state.store(1, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    lone.state.store(0, std::memory_order_release);
  }
};

struct one_fence {
  void operator()() { cistern::sync::store_then_fence(lone.state, std::uint64_t{1}); }
};

struct guard_default_domain {
  void operator()() { const cistern::epoch_guard guard; }
};

struct own_domain {
  // Not on the stack: a locked instruction on its top is how compilers make a fence.
  std::unique_ptr<cistern::epoch_domain> domain = std::make_unique<cistern::epoch_domain>();
};

struct guard_own_domain : own_domain {
  void operator()() { const cistern::epoch_guard guard(*domain); }
};

struct guard_nested : guard_default_domain {
  cistern::epoch_guard outer;
};

struct guard_repin {
  void operator()() { guard.repin(); }
  cistern::epoch_guard guard;
};

struct scope_known_slot : own_domain {
  void operator()() { const cistern::epoch_scope scope(*slot); }
  cistern::epoch_slot* slot = &domain->slot();
};

struct scope_nested : scope_known_slot {
  cistern::epoch_scope outer{*slot};
};

struct domain_lock : own_domain {
  void operator()() { const std::scoped_lock region(*domain); }
};

[[maybe_unused]] const bool added =
    add_regions<store_pair>("store_pair") && add_regions<store_pair_of_constants>("store_pair_of_constants") &&
    add_regions<one_fence>("one_fence") && add_regions<guard_default_domain>("guard_default_domain") &&
    add_regions<guard_own_domain>("guard_own_domain") && add_regions<guard_nested>("guard_nested") &&
    add_regions<guard_repin>("guard_repin") && add_regions<scope_known_slot>("scope_known_slot") &&
    add_regions<scope_nested>("scope_nested") && add_regions<domain_lock>("domain_lock");

// Holding.

void hold_keep(benchmark::State& state) {
  cistern::epoch_domain domain;
  cistern::epoch_hold hold(domain);
  const cistern::epoch_guard guard(domain);
  const int object = 0;
  for (auto _ : state) hold.keep(guard, &object);
}

void hold_made_and_ended(benchmark::State& state) {
  cistern::epoch_domain domain;
  for (auto _ : state) const cistern::epoch_hold hold(domain);
}

// Retiring.

// Objects of some bytes in a list, as a pool keeps its idle ones.
template <std::size_t Bytes>
class free_list {
 public:
  union node {
    node* next;
    std::byte object[Bytes];
  };

  free_list() : nodes_(4096) {
    for (node& one : nodes_) push(&one);
  }
  node* pop() noexcept {
    node* const taken = head_;
    if (taken == nullptr) [[unlikely]]
      std::abort();  // more are retired than the epochs under way can hold
    head_ = taken->next;
    return taken;
  }
  void push(void* put) noexcept {
    auto* const idle = static_cast<node*>(put);
    idle->next = head_;
    head_ = idle;
  }

 private:
  std::vector<node> nodes_;
  node* head_ = nullptr;
};

// With all that a domain does by default, but that no tick comes in between and runs deleters on its own thread.
template <std::size_t Bytes>
struct retiring {
  retiring() { cistern::background_reclaimer::disable(); }
  free_list<Bytes> list;
  cistern::epoch_domain domain;
};

template <std::size_t Bytes>
void bare_pop_and_push(benchmark::State& state) {
  retiring<Bytes> all;
  auto* list = &all.list;
  benchmark::DoNotOptimize(list);  // its head is in memory, as it is where deleters push
  for (auto _ : state) {
    auto* object = list->pop();
    benchmark::DoNotOptimize(object);
    list->push(object);
    benchmark::ClobberMemory();
  }
}

template <std::size_t Bytes>
void retire_by_typed_bag(benchmark::State& state) {
  retiring<Bytes> all;
  cistern::retire_list retired(
      all.domain, Bytes,
      [](void* list, void** objects, std::size_t count) noexcept {
        for (void** one = objects; one != objects + count; ++one) static_cast<free_list<Bytes>*>(list)->push(*one);
      },
      &all.list);
  for (auto _ : state) {
    auto* object = all.list.pop();
    benchmark::DoNotOptimize(object);
    retired.retire(object);
    benchmark::ClobberMemory();
  }
}

template <std::size_t Bytes>
void retire_by_function(benchmark::State& state) {
  retiring<Bytes> all;
  for (auto _ : state) {
    auto* object = all.list.pop();
    benchmark::DoNotOptimize(object);
    all.domain.retire(
        object, [](void* dead, void* list) noexcept { static_cast<free_list<Bytes>*>(list)->push(dead); }, &all.list,
        Bytes);
    benchmark::ClobberMemory();
  }
}

// Advancing.

// Threads that have used the domain and now sleep.
class sleepers {
 public:
  sleepers(cistern::epoch_domain& domain, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) threads_.emplace_back([this, &domain] { sleep(domain); });
    std::unique_lock lock(mutex_);
    fell_asleep_.wait(lock, [&] { return asleep_ == count; });
  }
  ~sleepers() {
    {
      const std::scoped_lock lock(mutex_);
      awake_ = true;
    }
    woken_.notify_all();
    for (std::thread& one : threads_) one.join();
  }
  sleepers(const sleepers&) = delete;
  sleepers& operator=(const sleepers&) = delete;

 private:
  void sleep(cistern::epoch_domain& domain) {
    { const cistern::epoch_guard registers(domain); }
    std::unique_lock lock(mutex_);
    ++asleep_;
    fell_asleep_.notify_one();
    woken_.wait(lock, [this] { return awake_; });
  }

  std::mutex mutex_;
  std::condition_variable fell_asleep_, woken_;
  std::int64_t asleep_ = 0;
  bool awake_ = false;
  std::vector<std::thread> threads_;
};

void advance_past_sleepers(benchmark::State& state) {
  cistern::epoch_domain domain;
  const sleepers asleep(domain, state.range(0));
  for (auto _ : state)
    if (!domain.advance()) state.SkipWithError("the epoch did not advance");
}

BENCHMARK(hold_keep);
BENCHMARK(hold_made_and_ended);
BENCHMARK(bare_pop_and_push<16>);
BENCHMARK(bare_pop_and_push<64>);
BENCHMARK(retire_by_typed_bag<16>);
BENCHMARK(retire_by_typed_bag<64>);
BENCHMARK(retire_by_function<16>);
BENCHMARK(retire_by_function<64>);
// So often and no oftener: each call of it starts its threads anew.
BENCHMARK(advance_past_sleepers)->Arg(1)->Arg(100)->Arg(1000)->Iterations(4000);

}  // namespace
