// SPDX-License-Identifier: MIT
#include <cistern/pools/bucket_pool.hpp>
#include <workloads/bind.hpp>

#include <cstddef>
#include <memory_resource>
#include <vector>

namespace cistern::perf {
namespace {

/// One bucket_pool for all threads, called inline as by cistern::allocator, or as a std::pmr::memory_resource. Nobody
/// ticks in the midst of a cell: memory comes back by trim().
template <bool Virtual>
class bucket_pool_contender {
 public:
  static constexpr abilities can{};

  explicit bucket_pool_contender(const parameters&) {}

  class memory {
   public:
    explicit memory(bucket_pool_contender& contender) : pool_(&contender.pool_) {}
    void* allocate(std::size_t bytes) {
      if constexpr (Virtual) return static_cast<std::pmr::memory_resource*>(pool_)->allocate(bytes);
      return pool_->try_allocate(bytes);
    }
    void deallocate(void* block, std::size_t bytes) {
      if constexpr (Virtual) return static_cast<std::pmr::memory_resource*>(pool_)->deallocate(block, bytes);
      pool_->deallocate(block, bytes);
    }
    void trim() noexcept { pool_->trim(); }

   private:
    bucket_pool* pool_;
  };

  void trim() noexcept { pool_.trim(); }

  std::vector<class_fill> classes() const {
    std::vector<class_fill> filled;
    for (const class_statistics& one : pool_.statistics().classes)
      if (one.live + one.cached_threads + one.cached_depot + one.retained != 0)
        filled.push_back({.bytes = one.bytes,
                          .live = one.live,
                          .cached_threads = one.cached_threads,
                          .cached_depot = one.cached_depot,
                          .retained = one.retained});
    return filled;
  }

 private:
  bucket_pool pool_{{.name = "contender", .background = false}};
};

}  // namespace

void register_bucket_pool() {
  add<bucket_pool_contender<false>>(
      {"bucket-pool", "pool", "cistern::bucket_pool, inline as by cistern::allocator, its checks on", ""});
  add<bucket_pool_contender<true>>(
      {"bucket-pool-pmr", "pool", "cistern::bucket_pool as a std::pmr::memory_resource, its checks on", ""});
}

}  // namespace cistern::perf
