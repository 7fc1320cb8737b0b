// SPDX-License-Identifier: MIT
#include <cistern/allocators/system_backend.hpp>
#include <workloads/bind.hpp>
#include <workloads/contenders/pmr.hpp>

#include <cstddef>
#include <memory_resource>

namespace cistern::perf {
namespace {

/// A std::pmr::unsynchronized_pool_resource for each thread, called by its concrete type.
class pmr_unsync {
 public:
  static constexpr abilities can{.frees_elsewhere = false};

  explicit pmr_unsync(const parameters&) {}

  class memory {
   public:
    explicit memory(pmr_unsync&) {}
    void* allocate(std::size_t bytes) { return pool_.allocate(pmr_bytes(bytes)); }
    void deallocate(void* block, std::size_t bytes) { pool_.deallocate(block, pmr_bytes(bytes)); }

   private:
    std::pmr::unsynchronized_pool_resource pool_;
  };

  void trim() noexcept { system_backend::trim(); }
};

}  // namespace

void register_pmr_unsync() {
  add<pmr_unsync>({"pmr-unsync", "pmr",
                   "std::pmr::unsynchronized_pool_resource, one for each thread; gives memory back at its end only",
                   pmr_version()});
}

}  // namespace cistern::perf
