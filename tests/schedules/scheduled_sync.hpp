// SPDX-License-Identifier: MIT
#pragma once

// cistern::sync on the deterministic scheduler. Compile the sources under test again with
// -DCISTERN_SYNC_HEADER=<schedules/scheduled_sync.hpp>, and never link them with the library: its types have the same
// names and other members.

#include <schedules/hooks.hpp>

#include <atomic>
#include <bit>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

namespace cistern::inline v0 {

/// The members of std_sync, with a scheduling point before each operation. Memory orders are taken and not used.
struct scheduled_sync {
  template <class T>
  class atomic {
   public:
    using value_type = T;
    static constexpr bool is_always_lock_free = std::atomic<T>::is_always_lock_free;

    constexpr atomic() noexcept = default;
    constexpr atomic(T value) noexcept : value_(value) {}  // NOLINT(google-explicit-constructor): as std::atomic
    atomic(const atomic&) = delete;
    atomic& operator=(const atomic&) = delete;

    T load(std::memory_order = std::memory_order_seq_cst) const noexcept {
      point("load");
      return noted(value_);
    }
    void store(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
      point("store");
      set(value);
    }
    T exchange(T value, std::memory_order = std::memory_order_seq_cst) noexcept {
      return change("exchange", [&](T) { return value; });
    }
    bool compare_exchange_strong(T& expected, T desired, std::memory_order = std::memory_order_seq_cst) noexcept {
      point("compare_exchange_strong");
      return compare_exchange(expected, desired);
    }
    bool compare_exchange_strong(T& expected, T desired, std::memory_order success, std::memory_order) noexcept {
      return compare_exchange_strong(expected, desired, success);
    }
    bool compare_exchange_weak(T& expected, T desired, std::memory_order = std::memory_order_seq_cst) noexcept {
      point("compare_exchange_weak");
      if (schedules::detail::chance()) {
        expected = noted(value_);
        return false;
      }
      return compare_exchange(expected, desired);
    }
    bool compare_exchange_weak(T& expected, T desired, std::memory_order success, std::memory_order) noexcept {
      return compare_exchange_weak(expected, desired, success);
    }

    // For pointers the operand is a ptrdiff_t, as in std::atomic.
    template <class U = T>
    T fetch_add(std::conditional_t<std::is_pointer_v<U>, std::ptrdiff_t, U> operand,
                std::memory_order = std::memory_order_seq_cst) noexcept {
      return change("fetch_add", [&](T old) { return static_cast<T>(old + operand); });
    }
    template <class U = T>
    T fetch_sub(std::conditional_t<std::is_pointer_v<U>, std::ptrdiff_t, U> operand,
                std::memory_order = std::memory_order_seq_cst) noexcept {
      return change("fetch_sub", [&](T old) { return static_cast<T>(old - operand); });
    }
    T fetch_and(T operand, std::memory_order = std::memory_order_seq_cst) noexcept {
      return change("fetch_and", [&](T old) { return static_cast<T>(old & operand); });
    }
    T fetch_or(T operand, std::memory_order = std::memory_order_seq_cst) noexcept {
      return change("fetch_or", [&](T old) { return static_cast<T>(old | operand); });
    }
    T fetch_xor(T operand, std::memory_order = std::memory_order_seq_cst) noexcept {
      return change("fetch_xor", [&](T old) { return static_cast<T>(old ^ operand); });
    }

    /// The value without a scheduling point: for scheduled_sync, and for a body that looks at the end.
    T peek() const noexcept { return value_; }

   private:
    void point(const char* operation) const noexcept { schedules::detail::scheduling_point(operation, this); }

    template <class Change>
    T change(const char* operation, Change&& changed) noexcept {
      point(operation);
      const T old = value_;
      set(changed(old));
      return old;
    }

    bool compare_exchange(T& expected, T desired) noexcept {
      // By representation, as std::atomic compares.
      if (std::memcmp(&value_, &expected, sizeof(T)) != 0) {
        expected = noted(value_);
        return false;
      }
      set(desired);
      return true;
    }

    void set(T value) noexcept {
      static_assert(sizeof(T) <= 16, "see engine::saved_static");
      schedules::detail::changing(&value_, sizeof value_);
      value_ = noted(value);
    }

    static T noted(T value) noexcept {
      if (!schedules::detail::tracing()) [[likely]]
        return value;
      if constexpr (std::is_pointer_v<T>) {
        schedules::detail::note(reinterpret_cast<const void*>(value));  // also of a function
      } else {
        std::uint64_t shown = 0;
        std::memcpy(&shown, &value, sizeof(T) < sizeof shown ? sizeof(T) : sizeof shown);
        schedules::detail::note(shown);
      }
      return value;
    }

    T value_{};
  };

  /// What takes the place of std::atomic_ref, with what its users need.
  template <class T>
  class atomic_ref {
   public:
    explicit atomic_ref(T& object) noexcept : object_(object) {}

    T load(std::memory_order = std::memory_order_seq_cst) const noexcept {
      point("load");
      return object_;
    }
    void store(T value, std::memory_order = std::memory_order_seq_cst) const noexcept {
      point("store");
      object_ = value;
    }
    T fetch_add(T operand, std::memory_order = std::memory_order_seq_cst) const noexcept {
      point("fetch_add");
      return std::exchange(object_, static_cast<T>(object_ + operand));
    }
    T fetch_sub(T operand, std::memory_order = std::memory_order_seq_cst) const noexcept {
      point("fetch_sub");
      return std::exchange(object_, static_cast<T>(object_ - operand));
    }

   private:
    void point(const char* operation) const noexcept { schedules::detail::scheduling_point(operation, &object_); }

    T& object_;
  };

  /// A clock of its own type, so that code which asks the real one does not compile.
  struct clock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<clock>;
    static constexpr bool is_steady = true;
    static time_point now() noexcept { return time_point(schedules::detail::now()); }
  };

  static clock::time_point now() noexcept { return clock::now(); }

  template <class T>
  static void store_then_fence(atomic<T>& object, T value) noexcept {
    object.store(value);
  }
  template <class T>
  static T fence_then_load(const atomic<T>& object) noexcept {
    return object.load();
  }

  static constexpr int mutex_spins = 1;
  static void spin_pause() noexcept { schedules::detail::pause(); }
  static void yield() noexcept { schedules::detail::pause(); }
  static void sleep_until(clock::time_point deadline) noexcept {
    schedules::detail::sleep_until(deadline.time_since_epoch());
  }

  static thread_words& words() noexcept { return schedules::detail::words(); }
  static std::uint32_t thread_id() noexcept { return schedules::detail::thread_id(); }
  static bool at_thread_exit(void (*end)() noexcept) noexcept {
    schedules::detail::at_thread_exit(end);
    return true;
  }

  static void park(const atomic<std::uint32_t>& word, std::uint32_t expected) noexcept {
    park_until_time(word, expected, schedules::detail::no_deadline);
  }
  static bool park_until(const atomic<std::uint32_t>& word, std::uint32_t expected,
                         clock::time_point deadline) noexcept {
    return park_until_time(word, expected, deadline.time_since_epoch());
  }
  static void unpark_one(const atomic<std::uint32_t>& word) noexcept { unpark(word, false); }
  static void unpark_all(const atomic<std::uint32_t>& word) noexcept { unpark(word, true); }

 private:
  // As the futex: the look at the word and the falling asleep are one step, and a wake may come for no reason.
  static bool park_until_time(const atomic<std::uint32_t>& word, std::uint32_t expected,
                              std::chrono::nanoseconds deadline) noexcept {
    schedules::detail::scheduling_point("park", &word);
    if (word.peek() != expected || schedules::detail::chance()) return true;
    return schedules::detail::park(&word, deadline) == schedules::detail::park_end::woken;
  }
  static void unpark(const atomic<std::uint32_t>& word, bool all) noexcept {
    schedules::detail::scheduling_point(all ? "unpark_all" : "unpark_one", &word);
    schedules::detail::unpark(&word, all);
  }
};

using sync = scheduled_sync;

}  // namespace cistern::inline v0
