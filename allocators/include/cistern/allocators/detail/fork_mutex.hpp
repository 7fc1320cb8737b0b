// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/mutex.hpp>

namespace cistern::inline v0::detail {

/// A mutex of an object that comes and goes, which is free in the child of a fork, and what it guards is whole there.
///
/// For many small objects, an arena or a thread's cache; a part of the library that is there once has a fork_handler.
/// Unlike install() and remove(), joining the list and leaving it is allowed with the thread registry locked.
///
/// Around fork all are locked, the older ones first: who holds one may take only those that were listed later.
/// Threads: hold_over_fork() by one thread, before another one can have the mutex.
class CISTERN_EXPORT fork_mutex {
 public:
  constexpr fork_mutex() noexcept = default;
  fork_mutex(const fork_mutex&) = delete;
  fork_mutex& operator=(const fork_mutex&) = delete;
  ~fork_mutex() {
    if (listed_) unlist();
  }

  /// From now on; before that it is a plain mutex, and costs nothing to make and destroy.
  void hold_over_fork() noexcept {
    if (!listed_) list();
  }

  void lock() noexcept { mutex_.lock(); }
  void unlock() noexcept { mutex_.unlock(); }

 private:
  friend class fork_mutex_list;
  void list() noexcept;
  void unlist() noexcept;

  mutex mutex_;
  bool listed_ = false;
  // Guarded by the list's mutex.
  fork_mutex* next_ = nullptr;
  fork_mutex* previous_ = nullptr;
};

}  // namespace cistern::inline v0::detail
