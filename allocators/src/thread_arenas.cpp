// SPDX-License-Identifier: MIT
//
// Design: the arenas of all threads in a list, so that the destructor finds them; a thread finds its own by the thread
// registry. A member's memory comes from the upstream, as everything else.
#include <cistern/allocators/thread_arenas.hpp>

#include <mutex>
#include <new>

namespace cistern::inline v0 {

thread_arenas::thread_arenas(const arena_options& options) : options_(options) {
  options_.upstream = arena(options).upstream_resource();  // which checks the options, too
  mutex_.hold_over_fork();
  id_ = thread_registry::enter(this, on_thread_exit);
}

thread_arenas::~thread_arenas() {
  thread_registry::leave(id_);
  while (first_ != nullptr) destroy(first_);
}

arena& thread_arenas::make_local() {
  void* const memory = options_.upstream->allocate(sizeof(member), alignof(member));
  auto* const made = new (memory) member(options_);  // does not throw: the options have been checked
  made->memory.mutex_.hold_over_fork();              // a child that destroys it finds its blocks in order
  {
    const std::scoped_lock lock(mutex_);
    made->next = first_;
    if (first_ != nullptr) first_->previous = made;
    first_ = made;
  }
  if (!thread_registry::attach(id_, made)) {
    destroy(made);
    throw std::bad_alloc();
  }
  return made->memory;
}

void thread_arenas::destroy(member* gone) noexcept {
  {
    const std::scoped_lock lock(mutex_);
    (gone->previous != nullptr ? gone->previous->next : first_) = gone->next;
    if (gone->next != nullptr) gone->next->previous = gone->previous;
  }
  gone->~member();
  options_.upstream->deallocate(gone, sizeof(member), alignof(member));
}

void thread_arenas::on_thread_exit(void* self, void* value) noexcept {
  static_cast<thread_arenas*>(self)->destroy(static_cast<member*>(value));
}

thread_arenas_statistics thread_arenas::statistics() const noexcept {
  thread_arenas_statistics all{};
  const std::scoped_lock lock(mutex_);
  for (const member* each = first_; each != nullptr; each = each->next) {
    const arena_statistics its = each->memory.statistics();
    ++all.threads;
    all.in_use_bytes += its.in_use_bytes;
    all.spare_bytes += its.spare_bytes;
  }
  return all;
}

}  // namespace cistern::inline v0
