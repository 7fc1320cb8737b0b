// SPDX-License-Identifier: MIT
//
// The epoch protocol in fence mode, in the C++11 memory model under relacy: two readers, a retirer that unlinks one
// object, seals it and frees it, and another thread that advances. A free is a write to the object, so a reader that
// may still use it is a data race. The orders are those of allocators/: epoch_slot.hpp, epoch_advance.cpp,
// epoch_reclaim.cpp.
//
// Variant: visited, in which the retirer only unlinks; yet another thread takes the object from it, seals and frees it.
// Mutants: no_pin_fence, no_seal_fence, relaxed_scan, grace_1.
#include "relacy_runner.hpp"

namespace {

bool visited, no_pin_fence, no_seal_fence, relaxed_scan, grace_1;

constexpr unsigned readers = 2, retirer = 2, advancer = 3, threads = 5;
constexpr unsigned sections = 2, attempts = 4;

struct epoch : rl::test_suite<epoch, threads> {
  rl::atomic<unsigned> now, advancing, pointer, left;
  rl::atomic<unsigned> state[readers];  // 0 for unpinned, else the epoch + 1
  rl::var<int> object[2];

  void before() {
    now($) = 0;
    advancing($) = 0;
    pointer($) = 0;
    left($) = 0;
    for (auto& word : state) word($) = 0;
    for (auto& each : object) each($) = 1;
  }

  void thread(unsigned index) {
    if (index < readers)
      read(state[index]);
    else if (index == retirer)
      retire();
    else if (index == advancer)
      for (unsigned i = 0; i < attempts; ++i) advance();
    else if (visited && left($).load(rl::mo_acquire) == 1)
      seal_and_free();
  }

  void read(rl::atomic<unsigned>& mine) {
    for (unsigned i = 0; i < sections; ++i) {
      mine($).store(now($).load(rl::mo_acquire) + 1, rl::mo_relaxed);
      if (!no_pin_fence) rl::atomic_thread_fence(rl::mo_seq_cst, $);
      RL_ASSERT(object[pointer($).load(rl::mo_acquire)]($) == 1);
      mine($).store(0, rl::mo_release);
    }
  }

  void retire() {
    pointer($).store(1, rl::mo_release);
    if (visited)
      left($).store(1, rl::mo_release);  // as the slot's lock is left
    else
      seal_and_free();
  }

  void seal_and_free() {
    if (!no_seal_fence) rl::atomic_thread_fence(rl::mo_seq_cst, $);
    const unsigned tag = now($).load(rl::mo_acquire);
    for (unsigned i = 0; i < attempts; ++i) {
      advance();
      if (now($).load(rl::mo_acquire) - tag < (grace_1 ? 1 : 2)) continue;
      object[0]($) = 0;
      return;
    }
  }

  void advance() {
    if (advancing($).exchange(1, rl::mo_acquire) != 0) return;
    const unsigned old = now($).load(rl::mo_relaxed);
    rl::atomic_thread_fence(rl::mo_seq_cst, $);
    bool moved = true;
    for (auto& word : state) {
      const unsigned seen = relaxed_scan ? word($).load(rl::mo_relaxed) : word($).load(rl::mo_acquire);
      if (seen != 0 && seen != old + 1) moved = false;
    }
    if (moved) now($).store(old + 1, rl::mo_release);
    advancing($).store(0, rl::mo_release);
  }
};

}  // namespace

int main(int argc, char** argv) {
  model_arguments arguments(argc, argv);
  visited = arguments.given("visited");
  no_pin_fence = arguments.given("mutant:no_pin_fence");
  no_seal_fence = arguments.given("mutant:no_seal_fence");
  relaxed_scan = arguments.given("mutant:relaxed_scan");
  grace_1 = arguments.given("mutant:grace_1");
  return arguments.run<epoch>();
}
