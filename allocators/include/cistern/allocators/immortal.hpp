// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <new>
#include <utility>

namespace cistern::inline v0::detail {

/// An object that is constructed and never destroyed: for what static and thread-local destructors still use.
template <class T>
class immortal {
 public:
  template <class... Args>
  explicit immortal(Args&&... args) : object_(new (storage_) T(std::forward<Args>(args)...)) {}
  immortal(const immortal&) = delete;
  immortal& operator=(const immortal&) = delete;

  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }

 private:
  alignas(T) std::byte storage_[sizeof(T)];
  T* object_;
};

}  // namespace cistern::inline v0::detail
