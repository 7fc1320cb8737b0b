// SPDX-License-Identifier: MIT
//
// Design: an intrusive list with one fork handler for all. Its mutex ranks below the thread registry's, since threads
// that end, with the registry locked, destroy what they kept.
#include <cistern/allocators/detail/fork_mutex.hpp>
#include <cistern/allocators/fork_handlers.hpp>

#include <mutex>

namespace cistern::inline v0::detail {
namespace {

constinit mutex list_mutex;
constinit fork_mutex *first = nullptr, *last = nullptr;  // guarded by list_mutex; the oldest first

}  // namespace

class fork_mutex_list {
 public:
  static void lock_all(void*) noexcept {
    list_mutex.lock();
    for (fork_mutex* each = first; each != nullptr; each = each->next_) each->mutex_.lock();
  }

  static void unlock_all(void*) noexcept {
    for (fork_mutex* each = first; each != nullptr; each = each->next_) each->mutex_.unlock();
    list_mutex.unlock();
  }
};

namespace {

constinit fork_handler at_fork{.rank = fork_rank::small_object,
                               .prepare = fork_mutex_list::lock_all,
                               .parent = fork_mutex_list::unlock_all,
                               .child = fork_mutex_list::unlock_all};

}  // namespace

void fork_mutex::list() noexcept {
  install(at_fork);
  const std::scoped_lock lock(list_mutex);
  previous_ = last;
  (last != nullptr ? last->next_ : first) = this;
  last = this;
  listed_ = true;
}

void fork_mutex::unlist() noexcept {
  const std::scoped_lock lock(list_mutex);
  (previous_ != nullptr ? previous_->next_ : first) = next_;
  (next_ != nullptr ? next_->previous_ : last) = previous_;
}

}  // namespace cistern::inline v0::detail
