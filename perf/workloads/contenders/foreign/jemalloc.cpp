// SPDX-License-Identifier: MIT
#include <cistern/allocators/jemalloc_backend.hpp>
#include <workloads/contenders/backend_contender.hpp>

namespace cistern::perf {

void register_jemalloc() {
  add<backend_contender<jemalloc_backend>>(
      {"jemalloc", "allocator", "jemalloc, beside malloc; blocks above 32 KiB are not cached for each thread",
       jemalloc_backend::version()});
}

}  // namespace cistern::perf
