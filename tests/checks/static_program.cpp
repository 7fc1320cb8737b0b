// SPDX-License-Identifier: MIT
// A static executable, where nothing can be looked up by name: the backends are there, and malloc is known for what it
// is. Exits with 0 when all is well.
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/malloc_binding.hpp>

int main() {
  for (cistern::backend_resource* backend : cistern::backends()) backend->deallocate(backend->allocate(1000), 1000);
  if (!cistern::malloc_is_libc()) return 1;
  const cistern::backend_resource& system = cistern::backend("system");
  return system.version().starts_with("glibc ") && system.statistics().live_bytes ? 0 : 2;
}
