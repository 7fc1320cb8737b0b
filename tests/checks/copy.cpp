// SPDX-License-Identifier: MIT
// A module with a copy of cistern of its own. For two_copies.cpp.
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/epoch_guard.hpp>

extern "C" {
__attribute__((visibility("default"))) void* default_domain() { return &cistern::epoch_domain::default_domain(); }

__attribute__((visibility("default"))) void use(int* deleted) {
  const cistern::epoch_guard guard;
  cistern::epoch_domain::default_domain().retire(
      deleted, [](void* object, void*) noexcept { ++*static_cast<int*>(object); }, nullptr, 8);
}

__attribute__((visibility("default"))) void barrier() { cistern::epoch_domain::default_domain().barrier(); }
}
