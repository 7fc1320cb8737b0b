// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/sync.hpp>
#include <cistern/workers/detail/group_core.hpp>
#include <cistern/workers/detail/result_state.hpp>
#include <cistern/workers/detail/task_memory.hpp>
#include <cistern/workers/result.hpp>
#include <cistern/workers/task.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace cistern::inline v0::detail {

/// A callable in a block of task_memory(): what a group has in a queue must begin with the group, so it has its own
/// boxes.
template <class F>
class boxed_callable {
 public:
  using trivially_relocatable = void;
  struct freed {
    void operator()(void* block) const noexcept { task_memory().deallocate(block, sizeof(F), alignof(F)); }
  };
  using block = std::unique_ptr<void, freed>;
  static block allocate() { return block(task_memory().allocate(sizeof(F), alignof(F))); }

  /// Passes on what constructing the callable throws.
  template <class... Args>
  explicit boxed_callable(block& in, Args&&... args) : callable_(::new (in.get()) F(std::forward<Args>(args)...)) {
    static_cast<void>(in.release());
  }
  boxed_callable(boxed_callable&& other) noexcept : callable_(std::exchange(other.callable_, nullptr)) {}
  boxed_callable& operator=(boxed_callable&&) = delete;
  ~boxed_callable() {
    if (callable_ == nullptr) return;
    std::destroy_at(callable_);
    freed{}(callable_);
  }

  decltype(auto) operator()() { return std::invoke(*callable_); }

 private:
  F* callable_;
};

template <bool>
struct group_capture_mark {};
template <>
struct group_capture_mark<true> {
  using trivially_relocatable = void;
};

/// What lies in the queue of a group's task: the group, and then the callable.
template <class F>
class group_capture : public group_capture_mark<moves_by_bytes<F>> {
 public:
  using capture_of_group = void;

  template <class... Args>
  explicit group_capture(group_core& group, Args&&... args) noexcept(std::is_nothrow_constructible_v<F, Args...>)
      : group_(&group) {
    ::new (static_cast<void*>(callable_)) F(std::forward<Args>(args)...);
    group.begin_one();
  }
  group_capture(group_capture&& other) noexcept : group_(std::exchange(other.group_, nullptr)) {
    ::new (static_cast<void*>(callable_)) F(std::move(other.callable()));
    std::destroy_at(&other.callable());
  }
  group_capture& operator=(group_capture&&) = delete;
  ~group_capture() {
    if (group_ == nullptr) return;
    group_->note_dropped();
    end();
  }

  void operator()() {
    struct ending {
      group_capture& self;
      ~ending() { self.end(); }
    } const ends{*this};
    if (group_->is_cancelled()) [[unlikely]]
      return group_->note_skipped();
    const running_in_group in(*group_);
    try {
      static_cast<void>(std::invoke(callable()));
    } catch (...) {
      group_->take_failure(std::current_exception());
    }
  }

 private:
  F& callable() noexcept { return *std::launder(reinterpret_cast<F*>(callable_)); }
  void end() noexcept {
    std::destroy_at(&callable());
    std::exchange(group_, nullptr)->end_one();
  }

  group_core* group_;  // first, see task_operations. Null when there is no callable any more
  alignas(F) std::byte callable_[sizeof(F)];
};

/// What a result's state runs for a group, maybe while the task in the queue has given up: keeps the group waiting.
template <class F>
class result_callable {
 public:
  struct parts {
    group_core& group;
    F&& callable;
  };
  struct copied_parts {
    group_core& group;
    const F& callable;
  };
  template <class Parts>
  requires(!std::same_as<std::remove_cvref_t<Parts>, result_callable>)
      // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): it cannot
      explicit result_callable(Parts&& given)
      : group_(&given.group), callable_(std::forward<decltype(given.callable)>(given.callable)) {
    group_->begin_one();
  }
  result_callable(const result_callable&) = delete;
  result_callable& operator=(const result_callable&) = delete;
  ~result_callable() { group_->end_token(); }

  decltype(auto) operator()() {
    if (group_->is_cancelled()) [[unlikely]]
      throw task_cancelled();  // run by who waits for the result, before its turn came
    const running_in_group in(*group_);
    try {
      return std::invoke(callable_);
    } catch (...) {
      group_->take_failure_of_result(std::current_exception());
      throw;
    }
  }

 private:
  group_core* const group_;
  F callable_;
};

/// Puts a task of a group with a callable that does not fit into a task, made of `args`.
template <class F, class... Args>
submission put_boxed_in_group(group_core& group, task_site site, Args&&... args) {
  using boxed = boxed_callable<F>;
  auto block = boxed::allocate();
  task_filler<group_capture<boxed>, group_core&, typename boxed::block&, Args...> filler(site, group, block,
                                                                                         std::forward<Args>(args)...);
  return group.put_erased(erased_filler(filler));
}

template <class Last>
const Last& last_of(const Last& last) noexcept {
  return last;
}
template <class First, class... Rest>
requires(sizeof...(Rest) != 0) const auto& last_of(const First&, const Rest&... rest) noexcept {
  return last_of(rest...);
}

/// Puts a task of a group with this callable, made of `args`, of which the last one is the user's.
template <class F, class... Args>
submission put_in_group(group_core& group, const source_site& site, Args&&... args) {
  check_task(last_of(args...));
  if (group.pool().measures()) [[unlikely]] {
    task_filler<F, Args...> filler(site, std::forward<Args>(args)...);
    return group.put_measured(erased_filler(filler));
  }
  if constexpr (fits_in_task<group_capture<F>> && std::is_nothrow_move_constructible_v<F>) {
    task_filler<group_capture<F>, group_core&, Args...> filler(site, group, std::forward<Args>(args)...);
    return group.put(filler);
  } else {
    return put_boxed_in_group<F>(group, site, std::forward<Args>(args)...);
  }
}

}  // namespace cistern::inline v0::detail
