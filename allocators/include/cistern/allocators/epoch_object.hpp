// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/epoch_domain.hpp>

#include <memory>

namespace cistern::inline v0 {

/// A base class that lets an object retire itself, as C++26's std::rcu_obj_base does:
///
///     struct node : cistern::epoch_object<node> { ... };
///     unlinked->retire();
template <class T, class Deleter = std::default_delete<T>>
class epoch_object {
 public:
  /// Frees the object once no reader of `domain` can see it: epoch_domain::retire.
  void retire(Deleter deleter = {}, epoch_domain& domain = epoch_domain::default_domain()) {
    domain.retire(static_cast<T*>(this), std::move(deleter));
  }

 protected:
  epoch_object() = default;
  epoch_object(const epoch_object&) = default;
  epoch_object& operator=(const epoch_object&) = default;
  ~epoch_object() = default;
};

}  // namespace cistern::inline v0
