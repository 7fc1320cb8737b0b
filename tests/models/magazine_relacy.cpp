// SPDX-License-Identifier: MIT
//
// Top and limit of a magazine in fence mode, in the C++11 memory model under relacy: an owner that gets and puts, and a
// visitor that takes from below. Slots and items are plain variables, so that an item in two hands, or a slot that is
// read before it is written, is a data race. The orders are those of block_pool::try_get and try_push, and of
// pool_state::raise_limits and take_below_limits; magazine.pml has the same protocol with the light fence.
//
// Mutants: no_owner_fence, no_visitor_fence, no_second_look, limit_first, relaxed_put, relaxed_look.
#include "relacy_runner.hpp"

namespace {

bool no_owner_fence, no_visitor_fence, no_second_look, limit_first, relaxed_put, relaxed_look;

constexpr unsigned capacity = 3, none = capacity, turns = 3, visits = 2;

struct magazine : rl::test_suite<magazine, 2> {
  rl::atomic<unsigned> top, limit;
  rl::mutex lock;
  rl::var<unsigned> slots[capacity];
  rl::var<unsigned> items[capacity];  // what the one who has an item writes to it
  unsigned got, put, taken;

  void before() {
    for (unsigned i = 0; i < capacity; ++i) {
      slots[i]($) = i;
      items[i]($) = 0;
    }
    top($) = capacity;
    limit($) = 0;
    got = put = taken = 0;
  }

  // A top that its owner is about to put right may lie below 0.
  static bool below(unsigned a, unsigned b) { return static_cast<int>(a) < static_cast<int>(b); }

  void thread(unsigned index) { index == 0 ? own() : visit(); }

  void after() {
    RL_ASSERT(capacity + put == got + taken + (top($).load(rl::mo_relaxed) - limit($).load(rl::mo_relaxed)));
  }

  void use(unsigned item) { items[item]($) = items[item]($) + 1; }

  // Two at a time, and puts them back the other way round.
  void own() {
    for (unsigned i = 0; i < turns; ++i) {
      const unsigned first = get(), second = get();
      for (const unsigned item : {first, second}) {
        if (item == none) continue;
        use(item);
        give(item);
      }
    }
  }

  unsigned get() {
    const unsigned now = top($).load(rl::mo_relaxed) - 1;
    const unsigned early = limit($).load(rl::mo_relaxed);
    top($).store(now, rl::mo_relaxed);
    if (!no_owner_fence) rl::atomic_thread_fence(rl::mo_seq_cst, $);
    const unsigned seen = limit_first ? early : limit($).load(rl::mo_relaxed);
    if (below(now, seen)) {
      top($).store(now + 1, rl::mo_relaxed);
      return get_slow();
    }
    ++got;
    return slots[now]($);
  }

  unsigned get_slow() {
    lock.lock($);
    unsigned item = none;
    const unsigned now = top($).load(rl::mo_relaxed);
    if (limit($).load(rl::mo_relaxed) < now) {
      item = slots[now - 1]($);
      top($).store(now - 1, rl::mo_release);
      ++got;
    }
    lock.unlock($);
    return item;
  }

  void give(unsigned item) {
    const unsigned now = top($).load(rl::mo_relaxed);
    if (now == capacity) return;
    slots[now]($) = item;
    ++put;
    relaxed_put ? top($).store(now + 1, rl::mo_relaxed) : top($).store(now + 1, rl::mo_release);
  }

  void visit() {
    for (unsigned i = 0; i < visits; ++i) {
      lock.lock($);
      const unsigned from = limit($).load(rl::mo_relaxed), claimed = top($).load(rl::mo_relaxed);
      if (below(from, claimed)) {
        limit($).store(claimed, rl::mo_relaxed);
        if (!no_visitor_fence) rl::atomic_thread_fence(rl::mo_seq_cst, $);
        take(from, claimed);
      }
      lock.unlock($);
    }
  }

  void take(unsigned from, unsigned claimed) {
    const unsigned seen = relaxed_look ? top($).load(rl::mo_relaxed) : top($).load(rl::mo_acquire);
    unsigned end = no_second_look || below(claimed, seen) ? claimed : seen;
    if (below(end, from)) end = from;
    for (unsigned place = from; place < end; ++place) {
      use(slots[place]($));
      ++taken;
    }
    limit($).store(end, rl::mo_relaxed);
  }
};

}  // namespace

int main(int argc, char** argv) {
  model_arguments arguments(argc, argv);
  no_owner_fence = arguments.given("mutant:no_owner_fence");
  no_visitor_fence = arguments.given("mutant:no_visitor_fence");
  no_second_look = arguments.given("mutant:no_second_look");
  limit_first = arguments.given("mutant:limit_first");
  relaxed_put = arguments.given("mutant:relaxed_put");
  relaxed_look = arguments.given("mutant:relaxed_look");
  return arguments.run<magazine>();
}
