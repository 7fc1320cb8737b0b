// SPDX-License-Identifier: MIT
#include <cistern/allocators/system_backend.hpp>
#include <workloads/bind.hpp>
#include <workloads/contenders/pmr.hpp>

#include <cstddef>
#include <memory_resource>

namespace cistern::perf {
namespace {

/// A std::pmr::monotonic_buffer_resource for each thread, released whenever all of the thread's blocks are freed.
class pmr_monotonic {
 public:
  static constexpr abilities can{.frees_elsewhere = false, .frees_singly = false};

  explicit pmr_monotonic(const parameters&) {}

  class memory {
   public:
    explicit memory(pmr_monotonic&) {}
    void* allocate(std::size_t bytes) { return arena_.allocate(bytes); }
    void deallocate(void* block, std::size_t bytes) { arena_.deallocate(block, bytes); }
    void all_freed() { arena_.release(); }

   private:
    std::pmr::monotonic_buffer_resource arena_;
  };

  void trim() noexcept { system_backend::trim(); }
};

}  // namespace

void register_pmr_monotonic() {
  add<pmr_monotonic>({"pmr-monotonic", "pmr",
                      "std::pmr::monotonic_buffer_resource, released when all blocks of a round are freed",
                      pmr_version()});
}

}  // namespace cistern::perf
