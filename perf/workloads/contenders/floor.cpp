// SPDX-License-Identifier: MIT
#include <cistern/pools/free_list.hpp>
#include <workloads/bind.hpp>

#include <cstddef>

namespace cistern::perf {
namespace {

/// One free list for each thread, found through a thread-local pointer as a real one would be. It knows its size, so it
/// plays only where all blocks have the same.
class floor_contender {
 public:
  static constexpr abilities can{.frees_elsewhere = false, .mixed_sizes = false};

  explicit floor_contender(const parameters& numbers) : bytes_(numbers.sizes.low) {}

  class memory {
   public:
    explicit memory(floor_contender& contender) : list_(contender.bytes_) { current = &list_; }
    memory(const memory&) = delete;
    memory& operator=(const memory&) = delete;
    ~memory() { current = nullptr; }

    static void* allocate(std::size_t) noexcept { return current->allocate(); }
    static void deallocate(void* block, std::size_t) noexcept { current->deallocate(block); }

   private:
    static constinit thread_local free_list<>* current;
    free_list<> list_;
  };

  void trim() noexcept { system_backend::trim(); }

 private:
  std::size_t bytes_;
};

constinit thread_local free_list<>* floor_contender::memory::current = nullptr;

}  // namespace

void register_floor() {
  add<floor_contender>(
      {"floor", "floor", "an inlined thread-local list of idle blocks of one size: what no pool can go below", ""});
}

}  // namespace cistern::perf
