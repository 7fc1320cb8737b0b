// SPDX-License-Identifier: MIT
//
// task_deque in the C++11 memory model under relacy: an owner that pushes and pops, and two thieves. What a task points
// to is a plain variable, which only the one who has got the task may touch; the slots are relaxed atomics, as in the
// code. The orders are those of task_deque.hpp and task_deque.cpp. Old arrays stay (epoch_relacy.cpp frees).
//
// Variants: growing (from one slot to four), shrinking (from four slots to one).
//
// Mutants: no_owner_fence, no_thief_fence, relaxed_push, relaxed_bottom (a thief's look), no_exchange (a thief just
// stores), swapped (a thief looks at bottom first). With growing and shrinking also relaxed_growth, relaxed_array (a
// thief's look), early_array (a thief looks at the array first).
//
// Not to be shown here: that a slot is used again only after the thief's look ([e] and [f]), for relacy lets no load
// see a later store; and that each store to bottom is a release, for in C++11 a later store of the same thread goes
// with the one before it.
#include "relacy_runner.hpp"

namespace {

bool growing, shrinking;
bool no_owner_fence, no_thief_fence, relaxed_push, relaxed_bottom, no_exchange, swapped, relaxed_growth, relaxed_array,
    early_array;

constexpr unsigned tasks = 6, thieves = 2, steals = 2, nothing = tasks;
constexpr unsigned arrays = 4, most_slots = 4;

struct task_deque : rl::test_suite<task_deque, 1 + thieves> {
  rl::atomic<unsigned> top, bottom, current;  // current: which array
  rl::atomic<unsigned> slots[arrays][most_slots];
  rl::var<unsigned> capacities[arrays];
  rl::var<unsigned> contents[tasks];  // of tasks: what the owner writes before the push, and the one who gets it
  unsigned taken[tasks];
  unsigned pushed, top_seen, made;  // the owner's

  void before() {
    top($) = 0;
    bottom($) = 0;
    current($) = 0;
    capacities[0]($) = growing ? 1 : shrinking ? 4 : 2;
    for (unsigned array = 0; array < arrays; ++array)
      for (unsigned slot = 0; slot < most_slots; ++slot) slots[array][slot]($) = nothing;
    for (unsigned& each : taken) each = 0;
    pushed = top_seen = made = 0;
  }

  void thread(unsigned index) { index == 0 ? own() : steal_often(); }

  void after() {
    while (pop() != nothing) {
    }
    for (unsigned task = 0; task < pushed; ++task) RL_ASSERT(taken[task] == 1);
  }

  void got(unsigned task) {
    RL_ASSERT(task < tasks);
    RL_ASSERT(++taken[task] == 1);
    RL_ASSERT(contents[task]($) == task + 1);
    contents[task]($) = 0;
  }

  rl::atomic<unsigned>& slot(unsigned array, unsigned index) {
    return slots[array][index & (capacities[array]($) - 1)];
  }

  void own() {
    push();
    push();
    pop();
    if (shrinking) replace(2);
    push();
    pop();
    push();
    if (shrinking && bottom($).load(rl::mo_relaxed) - look_at_room() <= 1) replace(1);
    push();
    pop();
    pop();
    push();
  }

  unsigned look_at_room() { return top_seen = top($).load(rl::mo_acquire); }

  void push() {
    const unsigned index = bottom($).load(rl::mo_relaxed);
    unsigned capacity = capacities[current($).load(rl::mo_relaxed)]($);
    if (index - top_seen >= capacity && index - look_at_room() >= capacity) {
      if (!growing || made + 1 == arrays || capacity == most_slots) return;  // full
      replace(2 * capacity);
    }
    contents[pushed]($) = pushed + 1;
    slot(current($).load(rl::mo_relaxed), index)($).store(pushed, rl::mo_relaxed);
    ++pushed;
    relaxed_push ? bottom($).store(index + 1, rl::mo_relaxed) : bottom($).store(index + 1, rl::mo_release);
  }

  void replace(unsigned capacity) {
    const unsigned old = current($).load(rl::mo_relaxed), end = bottom($).load(rl::mo_relaxed);
    capacities[++made]($) = capacity;
    for (unsigned index = top_seen; index != end; ++index)
      slot(made, index)($).store(slot(old, index)($).load(rl::mo_relaxed), rl::mo_relaxed);
    relaxed_growth ? current($).store(made, rl::mo_relaxed) : current($).store(made, rl::mo_release);
  }

  unsigned pop() {
    const unsigned end = bottom($).load(rl::mo_relaxed), last = end - 1;
    unsigned seen = top($).load(rl::mo_relaxed);
    if (seen >= end) return nothing;
    if (seen == last) return take_last(seen);
    bottom($).store(last, rl::mo_release);
    if (!no_owner_fence) rl::atomic_thread_fence(rl::mo_seq_cst, $);
    seen = top($).load(rl::mo_acquire);
    if (seen < last) {
      const unsigned task = slot(current($).load(rl::mo_relaxed), last)($).load(rl::mo_relaxed);
      got(task);
      return task;
    }
    const unsigned task = seen == last ? take_last(seen) : nothing;
    bottom($).store(end, rl::mo_release);
    return task;
  }

  unsigned take_last(unsigned seen) {
    if (!top($).compare_exchange_strong(seen, seen + 1, rl::mo_relaxed)) return nothing;
    const unsigned task = slot(current($).load(rl::mo_relaxed), seen)($).load(rl::mo_relaxed);
    got(task);
    return task;
  }

  void steal_often() {
    for (unsigned turn = 0; turn < steals; ++turn) steal();
  }

  void steal() {
    for (;;) {
      const unsigned early = current($).load(rl::mo_acquire);
      unsigned end = swapped ? look_at_bottom() : 0;
      unsigned first = top($).load(rl::mo_relaxed);
      if (!swapped) end = look_at_bottom();
      if (first >= end) return;
      const unsigned now = relaxed_array ? current($).load(rl::mo_relaxed) : current($).load(rl::mo_acquire);
      const unsigned task = slot(early_array ? early : now, first)($).load(rl::mo_relaxed);
      if (take(first)) return got(task);
    }
  }

  unsigned look_at_bottom() {
    if (!no_thief_fence) rl::atomic_thread_fence(rl::mo_seq_cst, $);
    return relaxed_bottom ? bottom($).load(rl::mo_relaxed) : bottom($).load(rl::mo_acquire);
  }

  bool take(unsigned first) {
    if (no_exchange) {
      top($).store(first + 1, rl::mo_release);
      return true;
    }
    return top($).compare_exchange_strong(first, first + 1, rl::mo_release, rl::mo_relaxed);
  }
};

}  // namespace

int main(int argc, char** argv) {
  model_arguments arguments(argc, argv);
  growing = arguments.given("growing");
  shrinking = arguments.given("shrinking");
  no_owner_fence = arguments.given("mutant:no_owner_fence");
  no_thief_fence = arguments.given("mutant:no_thief_fence");
  relaxed_push = arguments.given("mutant:relaxed_push");
  relaxed_bottom = arguments.given("mutant:relaxed_bottom");
  no_exchange = arguments.given("mutant:no_exchange");
  swapped = arguments.given("mutant:swapped");
  relaxed_growth = arguments.given("mutant:relaxed_growth");
  relaxed_array = arguments.given("mutant:relaxed_array");
  early_array = arguments.given("mutant:early_array");
  return arguments.run<task_deque>();
}
