// SPDX-License-Identifier: MIT
// Compiled for codegen_test.py, which reads the instructions of these functions. Not linked into anything.
#include <cistern/allocators/epoch_guard.hpp>
#include <cistern/allocators/retire_list.hpp>

extern "C" {

// The load of what is protected must stay behind the store that pins.
int pin_and_read(cistern::epoch_slot& slot, int* const* shared) {
  slot.pin_outermost();
  const int seen = **shared;
  slot.unpin_outermost();
  return seen;
}

int guard_and_read(int* const* shared) {
  const cistern::epoch_guard guard;
  return **shared;
}

void retire_typed(cistern::retire_list& list, void* object) { list.retire(object); }
}
