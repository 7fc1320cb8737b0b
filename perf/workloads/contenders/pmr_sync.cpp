// SPDX-License-Identifier: MIT
#include <cistern/allocators/system_backend.hpp>
#include <workloads/bind.hpp>
#include <workloads/contenders/pmr.hpp>

#include <cstddef>
#include <memory_resource>

namespace cistern::perf {
namespace {

/// One std::pmr::synchronized_pool_resource for all threads, called by its concrete type.
class pmr_sync {
 public:
  static constexpr abilities can{};

  explicit pmr_sync(const parameters&) {}

  class memory {
   public:
    explicit memory(pmr_sync& contender) : pool_(&contender.pool_) {}
    void* allocate(std::size_t bytes) { return pool_->allocate(pmr_bytes(bytes)); }
    void deallocate(void* block, std::size_t bytes) { pool_->deallocate(block, pmr_bytes(bytes)); }

   private:
    std::pmr::synchronized_pool_resource* pool_;
  };

  void trim() {
    pool_.release();
    system_backend::trim();
  }

 private:
  std::pmr::synchronized_pool_resource pool_;
};

}  // namespace

void register_pmr_sync() {
  add<pmr_sync>({"pmr-sync", "pmr",
                 "std::pmr::synchronized_pool_resource, one for all threads; gives memory back at its end only",
                 pmr_version()});
}

}  // namespace cistern::perf
