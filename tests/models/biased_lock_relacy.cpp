// SPDX-License-Identifier: MIT
//
// biased_lock in fence mode, in the C++11 memory model under relacy: what both sides write inside is a plain variable,
// so that both inside, or an exit that does not publish, is a data race. Parking is a spin here (biased_lock.pml has
// it). The orders are those of allocators/src/biased_lock.cpp.
//
// Mutants: no_owner_fence, no_visitor_fence, relaxed_unlock, relaxed_leave.
#include "relacy_runner.hpp"

namespace {

bool no_owner_fence, no_visitor_fence, relaxed_unlock, relaxed_leave;

constexpr unsigned nobody = 0, inside = 1, owner_waits = 2;
constexpr unsigned entries = 3, visits = 3, patience = 2;

struct biased_lock : rl::test_suite<biased_lock, 2> {
  rl::atomic<unsigned> owner, visitor;
  rl::var<unsigned> count;
  unsigned entered;

  void before() {
    owner($) = nobody;
    visitor($) = nobody;
    count($) = 0;
    entered = 0;
  }

  void thread(unsigned index) {
    for (unsigned i = 0; i < (index == 0 ? entries : visits); ++i) index == 0 ? own() : visit();
  }

  void after() { RL_ASSERT(count($) == entered); }

  void count_one() {
    ++entered;
    count($) = count($) + 1;
  }

  unsigned enter() {
    owner($).store(inside, rl::mo_relaxed);
    if (!no_owner_fence) rl::atomic_thread_fence(rl::mo_seq_cst, $);
    return visitor($).load(rl::mo_acquire);
  }

  void own() {
    while (enter() != nobody) {
      owner($).store(nobody, rl::mo_release);
      rl::linear_backoff backoff;
      for (unsigned seen = visitor($).load(rl::mo_acquire); seen != nobody; seen = visitor($).load(rl::mo_acquire)) {
        if (seen != owner_waits) visitor($).compare_exchange_strong(seen, owner_waits, rl::mo_relaxed);
        backoff.yield($);
      }
    }
    count_one();
    relaxed_unlock ? owner($).store(nobody, rl::mo_relaxed) : owner($).store(nobody, rl::mo_release);
  }

  void visit() {
    visitor($).store(inside, rl::mo_relaxed);
    if (!no_visitor_fence) rl::atomic_thread_fence(rl::mo_seq_cst, $);
    for (unsigned look = 0; look < patience; ++look) {
      if (owner($).load(rl::mo_acquire) != nobody) continue;
      count_one();
      break;
    }
    relaxed_leave ? visitor($).exchange(nobody, rl::mo_relaxed) : visitor($).exchange(nobody, rl::mo_release);
  }
};

}  // namespace

int main(int argc, char** argv) {
  model_arguments arguments(argc, argv);
  no_owner_fence = arguments.given("mutant:no_owner_fence");
  no_visitor_fence = arguments.given("mutant:no_visitor_fence");
  relaxed_unlock = arguments.given("mutant:relaxed_unlock");
  relaxed_leave = arguments.given("mutant:relaxed_leave");
  return arguments.run<biased_lock>();
}
