// SPDX-License-Identifier: MIT
#include <cistern/allocators/malloc_binding.hpp>
#include <cistern/allocators/system_backend.hpp>
#include <workloads/contenders/backend_contender.hpp>

namespace cistern::perf {

void register_glibc() {
  using contender = backend_contender<system_backend>;
  if (!malloc_is_libc()) {
    add<contender>({"system", "allocator", "whatever malloc is in this process", system_backend::version()});
    return;
  }
  add<contender>({"glibc", "allocator", "the C library's malloc as it comes", system_backend::version()});
  add<contender>(
      {"glibc-tuned", "allocator",
       "the C library's malloc with GLIBC_TUNABLES: 2000 blocks of each size cached for each thread, no trim "
       "below 256 MiB",
       system_backend::version()},
      glibc_tunables);
}

}  // namespace cistern::perf
