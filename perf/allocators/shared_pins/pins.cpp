// SPDX-License-Identifier: MIT
#include "pins.hpp"

#include <cistern/allocators/epoch_guard.hpp>

namespace {

// Not inlined: a loop would look up once for all pairs where the thread's words are.
[[gnu::noinline]] void pin_and_unpin() { const cistern::epoch_guard guard; }

}  // namespace

void cistern_pins(long count) {
  for (long i = 0; i < count; ++i) pin_and_unpin();
}
