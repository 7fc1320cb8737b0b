// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/sync.hpp>

#include <cstdint>

namespace cistern::inline v0::detail {

/// The order in which cistern's locks are taken, before fork as at any other time: a thread that holds one may take
/// only those below it.
enum class fork_rank : std::uint8_t {
  worker_pool,  // before all that it uses
  thread_registry,
  background_reclaimer,
  ageing,
  epoch_domain,
  epoch_slots,
  pool_list,
  pool,  // the younger ones first: an older one may be their upstream
  small_object,
};

/// What one part of cistern does around fork. Static or otherwise immortal, or removed before it dies.
struct fork_handler {
  fork_rank rank;
  void (*prepare)(void* self) noexcept;
  void (*parent)(void* self) noexcept;
  void (*child)(void* self) noexcept;
  void* self = nullptr;
  fork_handler* next = nullptr;
  sync::atomic<bool> installed{false};  // written under the list's lock
};

/// Puts a handler into the one set of fork handlers: prepared in the order of ranks, and released in the other. Any
/// thread. The first time it takes a lock that comes before all ranked ones; when the handler is there already it is a
/// load.
CISTERN_EXPORT void install(fork_handler& handler) noexcept;

/// Takes it out again. Any thread, but not from within a handler.
CISTERN_EXPORT void remove(fork_handler& handler) noexcept;

}  // namespace cistern::inline v0::detail
