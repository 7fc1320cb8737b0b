// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/backend.hpp>
#include <workloads/bind.hpp>
#include <workloads/contender.hpp>

#include <cstddef>

namespace cistern::perf {

/// A backend as a contender, inlined: its functions are called with a constant alignment of 16.
template <memory_backend Backend, std::size_t Smallest = 0>
class backend_contender {
 public:
  static constexpr abilities can{.smallest = Smallest};

  explicit backend_contender(const parameters&) {}

  class memory {
   public:
    explicit memory(backend_contender& contender) : backend_(contender.backend_) {}
    void* allocate(std::size_t bytes) noexcept { return backend_.allocate(bytes, alignof(std::max_align_t)); }
    void deallocate(void* block, std::size_t bytes) noexcept {
      backend_.deallocate(block, bytes, alignof(std::max_align_t));
    }
    void trim() noexcept { backend_.trim(); }

   private:
    [[no_unique_address]] Backend backend_;
  };

  void trim() noexcept { backend_.trim(); }

 private:
  [[no_unique_address]] Backend backend_;
};

}  // namespace cistern::perf
