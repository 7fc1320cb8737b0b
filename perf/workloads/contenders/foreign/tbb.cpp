// SPDX-License-Identifier: MIT
#include <cistern/allocators/tbb_backend.hpp>
#include <workloads/contenders/backend_contender.hpp>

namespace cistern::perf {

void register_tbb() {
  add<backend_contender<tbb_backend>>(
      {"tbb", "allocator", "oneTBB's scalable allocator, beside malloc", tbb_backend::version()});
}

}  // namespace cistern::perf
