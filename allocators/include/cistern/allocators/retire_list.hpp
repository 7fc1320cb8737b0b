// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/detail/epoch_slot.hpp>
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/thread_registry.hpp>

#include <cstddef>

namespace cistern::inline v0 {

namespace detail {
void free_all(const retire_list* list, void** words, std::size_t count) noexcept;
}

/// Retires objects of one kind, which are freed in batches by one function: for hot types.
///
/// A bag per thread holds 59 pointers, and the function gets them all at once (about 5 ns for each object; with
/// epoch_domain::retire, which keeps a deleter for each, about 11; perf/allocators/epoch_domain_bench.cpp). The
/// function must not throw; it runs where epoch_domain says that deleters run.
///
/// Example: tests/examples/retire_list_example.cpp.
///
/// Threads: any may retire. Lifetime: the domain outlives it; the destructor waits until everything that was retired
/// has been freed (epoch_domain::barrier, without a limit), so the function's context may go right after. Like that it
/// must not run inside a region or a deleter, and no epoch_hold may keep one of its objects then: either ends the
/// program with a message.
class CISTERN_EXPORT retire_list {
 public:
  /// `reclaim` is a void (*)(void* context, void** objects, std::size_t count) noexcept that frees `count` objects.
  /// `bytes_each` is what each object counts as pending. Throws std::bad_alloc, and std::invalid_argument without a
  /// function.
  retire_list(epoch_domain& domain, std::size_t bytes_each, reclaim_function reclaim, void* context = nullptr);
  ~retire_list();
  retire_list(const retire_list&) = delete;
  retire_list& operator=(const retire_list&) = delete;

  /// Frees the object once no reader can see it. Throws std::bad_alloc as epoch_domain::retire does.
  void retire(void* object) {
    auto* const open = static_cast<detail::open_bag*>(thread_registry::find(id_));
    if (open != nullptr && open->slot->try_retire(*open, bytes_each_, object)) [[likely]]
      return;
    retire_slow(object);
  }

 private:
  friend void detail::free_all(const retire_list* list, void** words, std::size_t count) noexcept;
  void retire_slow(void* object);

  friend class detail::epoch_state;

  mutable sync::atomic<std::size_t> sealed_{0}, freed_{0};  // objects in bags that are not open any more
  thread_registry::instance id_;
  epoch_domain& domain_;
  const std::size_t bytes_each_;
  const reclaim_function reclaim_;
  void* const context_;
};

}  // namespace cistern::inline v0
