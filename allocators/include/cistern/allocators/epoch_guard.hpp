// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/epoch_domain.hpp>

#include <utility>

namespace cistern::inline v0 {

/// A reader's region as an object: pinned from construction to destruction.
///
/// Movable, nestable in any order, but it stays on the thread that made it (checked: a coroutine that resumes elsewhere
/// must not carry one). Keep regions short and do not block in them: see epoch_domain; to keep one
/// object across a blocking call, use epoch_hold.
class [[nodiscard("a temporary ends its region at once")]] epoch_guard {
 public:
  /// Pins in the default domain. May throw std::bad_alloc at a thread's first use, as the other constructor.
  epoch_guard() : slot_(sync::words().default_epoch_slot) {
    if (slot_ == nullptr) [[unlikely]]
      slot_ = &epoch_domain::default_domain().slot();
    slot_->pin();
  }
  explicit epoch_guard(epoch_domain & domain) : slot_(&domain.slot()) { slot_->pin(); }

  epoch_guard(epoch_guard && other) noexcept : slot_(std::exchange(other.slot_, nullptr)) {}
  epoch_guard& operator=(epoch_guard&& other) noexcept {
    if (this != &other) {
      release();
      slot_ = std::exchange(other.slot_, nullptr);
    }
    return *this;
  }
  ~epoch_guard() { release(); }

  /// Lets the epoch move on in a long loop: what was read before must not be used after. Nothing when other guards of
  /// this thread are alive in the domain.
  void repin() noexcept {
    if (slot_ != nullptr) slot_->repin();
  }

 private:
  friend class epoch_hold;
  void release() noexcept {
    if (slot_ == nullptr) return;
    if (slot_ == sync::words().default_epoch_slot) [[likely]]  // this thread's, and the thread has not ended
      slot_->unpin();
    else
      epoch_domain::unpin(*slot_);
  }

  epoch_slot* slot_;
};

/// A region that ends in the order in which it began: what pools use inside. Cannot be moved, and guards made within it
/// must end within it. One store each way; within another region of the thread, nothing at all.
class [[nodiscard("a temporary ends its region at once")]] epoch_scope {
 public:
  explicit epoch_scope(epoch_slot & slot) noexcept : slot_(slot.pinned() ? nullptr : &slot) {
    if (slot_ != nullptr) [[likely]]
      slot_->pin_outermost();
  }
  ~epoch_scope() {
    if (slot_ != nullptr) [[likely]]
      slot_->unpin_outermost();
  }
  epoch_scope(const epoch_scope&) = delete;
  epoch_scope& operator=(const epoch_scope&) = delete;

 private:
  epoch_slot* slot_;
};

}  // namespace cistern::inline v0
