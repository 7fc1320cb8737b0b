// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/pools/object_pool.hpp>

namespace cistern::inline v0 {

/// Hooks that make every object as new as it is handed out: `T{}` is assigned to it.
template <class T>
struct fresh_on_get {
  void prepare(T& object) { object = T{}; }
};

/// Records of one type for reuse, each as new when it is got: the request and response lists of Go's net/rpc, without
/// their one lock, and with memory that comes back. Everything else is object_pool's.
template <class T>
using typed_free_list = object_pool<T, fresh_on_get<T>>;

}  // namespace cistern::inline v0
