// SPDX-License-Identifier: MIT
#include <cistern/allocators/tcmalloc_backend.hpp>
#include <workloads/contenders/backend_contender.hpp>

namespace cistern::perf {

void register_tcmalloc() {
  add<backend_contender<tcmalloc_backend>>(
      {"tcmalloc", "allocator", "gperftools' tcmalloc, beside malloc", tcmalloc_backend::version()});
}

}  // namespace cistern::perf
