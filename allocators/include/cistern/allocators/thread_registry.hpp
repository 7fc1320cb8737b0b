// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/allocators/thread_words.hpp>

#include <cstdint>

namespace cistern::inline v0 {

/// Finds what a thread keeps for one instance of something (a domain, a pool): a thread-local variable per object
/// instead of per type.
///
/// An instance enters and gets an id. Each thread that first uses the instance attaches a value; find() then gets it
/// back with three loads and a compare (about 1 ns, perf/allocators/thread_registry_bench.cpp). As a thread ends, each
/// instance that it has a value for is told, while it cannot be destroyed. As an instance leaves, the threads' values
/// for it become invalid by its generation; the instance frees them itself. Ids are reused, generations are not (until
/// 2^32 instances have had the same index).
///
/// Threads: all functions may be called from any thread, also from thread-local and static destructors. A thread is
/// told to have ended in the last round of POSIX thread-specific destructors, after all C++ thread_local objects are
/// gone; what uses cistern even later is refused by attach() and must do without. A thread whose very first use of
/// cistern is in such a destructor may end untold: what it has attached stays until the instance leaves. The main
/// thread's values last until the process ends.
class thread_registry {
 public:
  struct instance {
    std::uint32_t index = 0;
    std::uint32_t generation = 0;  ///< never 0 once entered

    /// Both as one number; not 0 once entered.
    std::uint64_t number() const noexcept { return static_cast<std::uint64_t>(generation) << 32 | index; }
  };

  /// Told that a thread which has `value` for `self` ends: on that thread, with the registry locked, so neither the
  /// thread nor the instance goes away meanwhile. Must not enter or leave. Within an exit_order the order is not
  /// specified.
  using thread_exit = void (*)(void* self, void* value) noexcept;

  /// Who is told first that a thread ends: what uses other instances as it is told (pools, which retire), before what
  /// is used (epoch domains).
  enum class exit_order : std::uint8_t { users, used };

  /// Throws std::bad_alloc; nothing has happened then.
  CISTERN_EXPORT static instance enter(void* self, thread_exit on_thread_exit, exit_order order = exit_order::users);

  /// No thread is told any more. Waits for one that is being told.
  CISTERN_EXPORT static void leave(instance id) noexcept;

  /// This thread's value for the instance, or nullptr.
  static void* find(instance id) noexcept {
    const thread_words& words = sync::words();
    if (id.index >= words.size) [[unlikely]]
      return nullptr;
    const thread_words::entry& entry = words.entries[id.index];
    return entry.generation == id.generation ? entry.value : nullptr;
  }

  /// Sets this thread's value. False when there is no memory, or when the thread has ended already.
  CISTERN_EXPORT static bool attach(instance id, void* value) noexcept;
};

}  // namespace cistern::inline v0
