// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>

#include <cstdint>
#include <new>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace cistern::inline v0 {

/// Why a call of a stateful_worker_pool came back without a value.
enum class process_error : std::uint8_t {
  timed_out,  ///< its deadline passed
  cancelled,  ///< a stop was requested of its token
  stopped,    ///< the pool is stopped, or was stopped before the call's turn came, or this is the child of a fork
  no_memory,
};

/// In words.
CISTERN_EXPORT std::string_view to_string(process_error what) noexcept;

/// Thrown where there is no place for a process_error.
class CISTERN_EXPORT process_failed : public std::runtime_error {
 public:
  explicit process_failed(process_error why);
  process_error why() const noexcept { return why_; }

 private:
  process_error why_;
};

namespace detail {
/// process_failed, or std::bad_alloc for no_memory.
[[noreturn]] CISTERN_EXPORT void throw_process_error(process_error why);
}  // namespace detail

/// What a call of a stateful_worker_pool gives: the value that the state's process() returned, or why there is none.
///
/// The role of std::expected<T, process_error>, which C++20 does not have. Threads: none. Failure: value() without one
/// throws process_failed (std::bad_alloc for no_memory). Example: tests/examples/stateful_worker_pool_example.cpp.
template <class T>
class [[nodiscard]] processed {
  using stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

 public:
  using value_type = T;

  processed(process_error why) noexcept : why_(why) {}  // NOLINT(google-explicit-constructor): as std::unexpected
  explicit processed(stored&& value) : value_(std::move(value)) {}

  bool has_value() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }

  /// Only without a value.
  process_error error() const noexcept { return why_; }

  /// The value; for processed<void> nothing, but throws all the same when there is none.
  decltype(auto) value() & {
    check();
    if constexpr (!std::is_void_v<T>) return (*value_);
  }
  decltype(auto) value() const& {
    check();
    if constexpr (!std::is_void_v<T>) return (*value_);
  }
  decltype(auto) value() && {
    check();
    if constexpr (!std::is_void_v<T>) return std::move(*value_);
  }

  // Only with a value.
  stored& operator*() & noexcept { return *value_; }
  const stored& operator*() const& noexcept { return *value_; }
  stored&& operator*() && noexcept { return std::move(*value_); }
  stored* operator->() noexcept { return &*value_; }
  const stored* operator->() const noexcept { return &*value_; }

 private:
  void check() const {
    if (!value_) detail::throw_process_error(why_);
  }

  std::optional<stored> value_;
  process_error why_ = process_error::stopped;
};

}  // namespace cistern::inline v0
