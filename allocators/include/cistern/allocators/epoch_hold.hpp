// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/detail/epoch_slot.hpp>
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/epoch_guard.hpp>

#include <utility>

namespace cistern::inline v0 {

/// Keeps one object from being freed without pinning the epoch: for user code that must keep it across a blocking call.
///
/// Taken while a guard still protects the object; after that the guard may go. A held object may be unlinked and
/// retired as usual; it is freed after the hold has ended. Other objects are freed meanwhile. The role model is the
/// hazard pointer (M. Michael, 2004), without its fence, since the guard orders the publication.
///
/// Threads: one at a time may use a hold; it may be moved to another thread and ended there. Lifetime: within the
/// domain's. Making one takes a lock (some tens of ns) and may throw std::bad_alloc; keep() is one store. While there
/// are holds, whoever frees compares each object with each of them: keep them few. Example:
/// tests/examples/epoch_hold_example.cpp.
class [[nodiscard("a temporary ends its hold at once")]] epoch_hold {
 public:
  explicit epoch_hold(epoch_domain & domain) : domain_(domain.state_), word_(&detail::take_hold(domain)) {}
  ~epoch_hold() { end(); }
  epoch_hold(epoch_hold && other) noexcept : domain_(other.domain_), word_(std::exchange(other.word_, nullptr)) {}
  epoch_hold& operator=(epoch_hold&& other) noexcept {
    if (this != &other) {
      end();
      domain_ = other.domain_;
      word_ = std::exchange(other.word_, nullptr);
    }
    return *this;
  }

  /// Holds `object`, which `guard` protects in the same domain, in place of what was held before; nullptr holds
  /// nothing. It must be the very address that will be retired: not that of a base class which lies elsewhere.
  void keep(const epoch_guard& guard, const void* object) noexcept {
    if (word_ == nullptr || guard.slot_ == nullptr || guard.slot_->domain_ != domain_) [[unlikely]]
      detail::fatal("epoch_hold::keep() needs a hold and a guard of the same domain, neither of them moved from");
    // Release: the end of the last hold happens before the free, and by the guard's unpinning this one is seen.
    word_->object.store(object, std::memory_order_release);  // [v] pairs with [w] in epoch_reclaim.cpp
  }
  void release() noexcept {
    if (word_ != nullptr) word_->object.store(nullptr, std::memory_order_release);  // [v]
  }

 private:
  void end() noexcept {
    if (word_ != nullptr) detail::give_hold(*domain_, *word_);
  }

  detail::epoch_state* domain_;
  detail::hold_word* word_;  // nullptr: moved from
};

}  // namespace cistern::inline v0
