// SPDX-License-Identifier: MIT
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/epoch_guard.hpp>
#include <cistern/allocators/epoch_hold.hpp>
#include <cistern/allocators/retire_list.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <random>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::epoch_domain;
using cistern::epoch_guard;

std::chrono::milliseconds budget() {
  const char* const seconds = std::getenv("CISTERN_STRESS_SECONDS");
  return seconds != nullptr ? std::chrono::seconds(std::atoi(seconds)) : std::chrono::milliseconds(1500);
}

constexpr std::uint64_t alive = 0x5AFE5AFE5AFE5AFE;
std::atomic<std::int64_t> live_nodes = 0;

// Its word is overwritten as it dies, so that a use after free shows without a sanitizer too, and the last owner's
// delete shows under one.
struct node {
  node() { ++live_nodes; }
  ~node() {
    word.store(~alive, std::memory_order_relaxed);
    --live_nodes;
  }
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  bool is_alive() const { return word.load(std::memory_order_relaxed) == alive; }

  std::atomic<std::uint64_t> word = alive;
  node* next = nullptr;
};

void delete_nodes(void*, void** objects, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) delete static_cast<node*>(objects[i]);
}

// A table that is read and replaced without a lock.
class table {
 public:
  table() {
    for (auto& slot : slots_) slot = new node;
  }
  ~table() {
    for (auto& slot : slots_) delete slot.load();
  }
  table(const table&) = delete;
  table& operator=(const table&) = delete;

  node* read(unsigned at) const { return slots_[at % size].load(std::memory_order_acquire); }
  node* replace(unsigned at) { return slots_[at % size].exchange(new node, std::memory_order_acq_rel); }

 private:
  static constexpr unsigned size = 16;
  std::array<std::atomic<node*>, size> slots_;
};

// A Treiber stack: popping reads a node that another thread may have popped; the domain keeps it, and keeps its address
// from coming back.
class stack {
 public:
  ~stack() {
    for (node* at = top_; at != nullptr;) delete std::exchange(at, at->next);
  }
  void push(node* what) {
    what->next = top_.load(std::memory_order_relaxed);
    while (!top_.compare_exchange_weak(what->next, what, std::memory_order_release, std::memory_order_relaxed)) {
    }
  }
  node* pop() {  // within a region
    node* top = top_.load(std::memory_order_acquire);
    while (top != nullptr &&
           !top_.compare_exchange_weak(top, top->next, std::memory_order_acquire, std::memory_order_acquire)) {
    }
    return top;
  }

 private:
  std::atomic<node*> top_ = nullptr;
};

struct scene {
  epoch_domain domain{{.max_pending_bytes = 1 << 20, .background = false}};
  table nodes;
  stack popped;
  cistern::retire_list typed{domain, sizeof(node), delete_nodes};
  std::atomic<bool> stop = false;
  std::atomic<int> dead_reads = 0;

  void check(const node* seen) {
    if (!seen->is_alive()) ++dead_reads;
  }
};

void read(scene& on, std::mt19937& random) {
  epoch_guard guard(on.domain);
  for (int i = 0; i < 8; ++i) on.check(on.nodes.read(static_cast<unsigned>(random())));
  guard.repin();
  on.check(on.nodes.read(static_cast<unsigned>(random())));
}

void write(scene& on, std::mt19937& random) {
  on.domain.retire(on.nodes.replace(static_cast<unsigned>(random())));
  on.typed.retire(on.nodes.replace(static_cast<unsigned>(random())));
  const epoch_guard guard(on.domain);
  on.domain.retire(on.nodes.replace(static_cast<unsigned>(random())), [](node* dead) { delete dead; });
}

void push_and_pop(scene& on, std::mt19937&) {
  on.popped.push(new node);
  const epoch_guard guard(on.domain);
  if (node* const top = on.popped.pop()) {
    on.check(top);
    on.typed.retire(top);
  }
}

void hold(scene& on, std::mt19937& random) {
  cistern::epoch_hold hold(on.domain);
  const node* kept = nullptr;
  {
    const epoch_guard guard(on.domain);
    kept = on.nodes.read(static_cast<unsigned>(random()));
    hold.keep(guard, kept);
  }
  for (int i = 0; i < 20; ++i) {
    std::this_thread::yield();
    on.check(kept);
  }
}

void move_on(scene& on, std::mt19937& random) {
  switch (random() % 8) {
    case 0:
      on.domain.barrier();
      break;
    case 1:
      on.domain.synchronize(std::chrono::milliseconds(1));
      break;
    case 2:
      on.domain.quiesce();
      break;
    case 3:
      static_cast<void>(on.domain.statistics());
      break;
    case 4:
      on.domain.flush();
      break;
    default:
      on.domain.collect();
      break;
  }
}

using act = void (*)(scene&, std::mt19937&);

void play(const std::vector<act>& acts, bool threads_end) {
  {
    scene on;
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < acts.size(); ++i)
      threads.emplace_back([&on, what = acts[i], threads_end, seed = i] {
        std::mt19937 random(seed);
        const auto some = [&] {
          for (int k = 0; k < 200 && !on.stop; ++k) what(on, random);
        };
        while (!on.stop) threads_end ? std::thread(some).join() : some();
      });
    std::this_thread::sleep_for(budget());
    on.stop = true;
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(on.dead_reads, 0);
    EXPECT_GT(on.domain.statistics().advances, 10u);
  }
  EXPECT_EQ(live_nodes, 0);
}

TEST(epoch_stress, readers_writers_and_holders) { play({read, read, write, write, hold, push_and_pop}, false); }

TEST(epoch_stress, while_threads_come_and_go) { play({read, write, push_and_pop, hold, write}, true); }

TEST(epoch_stress, with_barriers_and_collectors) { play({read, write, push_and_pop, move_on, move_on}, false); }

TEST(epoch_stress, with_everything_at_once) {
  play({read, write, push_and_pop, hold, move_on, move_on, write, read}, true);
}

}  // namespace
