// SPDX-License-Identifier: MIT
#include <cistern/allocators/mimalloc_backend.hpp>
#include <workloads/contenders/backend_contender.hpp>

namespace cistern::perf {

void register_mimalloc() {
  add<backend_contender<mimalloc_backend>>(
      {"mimalloc", "allocator", "mimalloc, beside malloc", mimalloc_backend::version()});
}

}  // namespace cistern::perf
