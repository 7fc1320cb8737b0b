// SPDX-License-Identifier: MIT
//
// Design: one pthread_atfork registration for the whole library, over a list sorted by rank, so that locks are taken in
// one order whatever order the parts were first used in. The list's own mutex is taken first and held over the fork.
#include <cistern/allocators/fork_handlers.hpp>
#include <cistern/allocators/mutex.hpp>

#include <mutex>

#include <pthread.h>

namespace cistern::inline v0::detail {
namespace {

constinit mutex list_mutex;
constinit fork_handler* first = nullptr;  // guarded by list_mutex; ascending by rank
constinit bool registered = false;        // guarded by list_mutex

void prepare() noexcept {
  list_mutex.lock();
  for (const fork_handler* handler = first; handler != nullptr; handler = handler->next)
    handler->prepare(handler->self);
}

void release(void (*fork_handler::*side)(void*) noexcept) noexcept {
  // Backwards, by recursion over a list of a handful.
  struct unwind {
    static void from(const fork_handler* handler, void (*fork_handler::*which)(void*) noexcept) noexcept {
      if (handler == nullptr) return;
      from(handler->next, which);
      (handler->*which)(handler->self);
    }
  };
  unwind::from(first, side);
  list_mutex.unlock();
}

}  // namespace

void install(fork_handler& handler) noexcept {
  // Relaxed: the handler is not looked at by whoever finds it installed.
  if (handler.installed.load(std::memory_order_relaxed)) return;
  const std::scoped_lock lock(list_mutex);
  if (handler.installed.exchange(true, std::memory_order_relaxed)) return;
  fork_handler** place = &first;
  const auto goes_before = [&handler](const fork_handler& other) {
    return other.rank < handler.rank || (other.rank == handler.rank && handler.rank != fork_rank::pool);
  };
  while (*place != nullptr && goes_before(**place)) place = &(*place)->next;
  handler.next = *place;
  *place = &handler;
  if (!registered)
    registered = pthread_atfork(
                     prepare, [] { release(&fork_handler::parent); }, [] { release(&fork_handler::child); }) == 0;
}

void remove(fork_handler& handler) noexcept {
  const std::scoped_lock lock(list_mutex);
  if (!handler.installed.exchange(false, std::memory_order_relaxed)) return;
  fork_handler** place = &first;
  while (*place != &handler) place = &(*place)->next;
  *place = handler.next;
}

}  // namespace cistern::inline v0::detail
