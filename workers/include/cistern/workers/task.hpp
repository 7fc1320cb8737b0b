// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/source_site.hpp>
#include <cistern/workers/detail/task_memory.hpp>
#include <cistern/workers/detail/task_site.hpp>

#include <concepts>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

namespace cistern::inline v0 {

class task;
class task_group;

namespace detail {

struct task_operations;

/// What a task consists of beside its operations: 56 bytes, to lie behind a pointer to them in a task, or in a cell of
/// a queue. The whole is aligned to 16 bytes, and so is the capture.
struct task_body {
  static constexpr std::size_t capture_bytes = 48;

  task_site site;
  std::byte capture[capture_bytes];
};

/// What can be done with a capture of one type.
struct task_operations {
  /// Calls the callable, and destroys it, also when it throws.
  void (*run)(void* capture);
  /// Destroys it without a call.
  void (*drop)(void* capture) noexcept;
  /// Moves it to raw memory and destroys what is left; nullptr where copying the bytes does it.
  void (*move)(void* to, void* from) noexcept;
  /// The capture begins with a pointer to the group that the task belongs to.
  bool is_of_group;
};

/// A capture that lies in the task itself.
template <class F>
// NOLINTNEXTLINE(misc-redundant-expression): for some types
inline constexpr bool fits_in_task = sizeof(F) <= task_body::capture_bytes &&
                                     alignof(F) <= 16 && std::is_nothrow_move_constructible_v<F>;

/// Whether a callable's type says that it was submitted by a group (see task_group).
template <class F>
inline constexpr bool is_group_capture = requires {
  typename F::capture_of_group;
};

/// Whether the bytes of a capture can be moved as they are: it is trivially copyable, or says so by a type's name.
template <class F>
inline constexpr bool moves_by_bytes = std::is_trivially_copyable_v<F> || requires {
  typename F::trivially_relocatable;
};

template <class F>
struct inline_capture {
  static void run(void* capture) {
    F& callable = *static_cast<F*>(capture);
    struct ending {
      F& callable;
      ~ending() { callable.~F(); }
    } const ends{callable};
    static_cast<void>(std::invoke(callable));
  }
  static void drop(void* capture) noexcept { static_cast<F*>(capture)->~F(); }
  static void move(void* to, void* from) noexcept {
    F* const callable = static_cast<F*>(from);
    ::new (to) F(std::move(*callable));
    callable->~F();
  }
  static constexpr task_operations operations{
      .run = run, .drop = drop, .move = moves_by_bytes<F> ? nullptr : move, .is_of_group = is_group_capture<F>};
};

/// A capture in a block of task_memory(), to which the task has a pointer.
template <class F>
struct boxed_capture {
  struct freed {
    void operator()(F* callable) const noexcept {
      callable->~F();
      task_memory().deallocate(callable, sizeof(F), alignof(F));
    }
  };
  using owned = std::unique_ptr<F, freed>;
  static F* of(void* capture) noexcept {
    F* callable = nullptr;
    std::memcpy(&callable, capture, sizeof callable);  // NOLINT(bugprone-sizeof-expression): a pointer it is
    return callable;
  }
  static void run(void* capture) {
    const owned callable(of(capture));
    static_cast<void>(std::invoke(*callable));
  }
  static void drop(void* capture) noexcept { const owned callable(of(capture)); }
  static constexpr task_operations operations{.run = run, .drop = drop, .move = nullptr, .is_of_group = false};
};

/// Whether a callable is one that cannot be called: a null pointer to a function, an empty std::function.
template <class F>
constexpr bool is_null_task(const F& callable) noexcept {
  if constexpr (!std::is_function_v<F> && requires { static_cast<bool>(callable == nullptr); })
    return static_cast<bool>(callable == nullptr);
  else
    return false;
}
[[noreturn]] CISTERN_EXPORT void refuse_null_task();

/// Throws std::invalid_argument for what cannot be called.
template <class F>
void check_task(const F& callable) {
  if (is_null_task(callable)) [[unlikely]]
    refuse_null_task();
}

/// Brings a Capture, made of `args`, into a body, in two steps: what allocates comes first and leaves the arguments as
/// they are. They are referred to until fill().
template <class Capture, class... Args>
class task_filler {
 public:
  static_assert(std::is_invocable_v<Capture&>, "a task is called without arguments");
  static constexpr bool is_inline = fits_in_task<Capture>;
  /// Filling cannot throw: neither does the capture's constructor.
  static constexpr bool is_nothrow = std::is_nothrow_constructible_v<Capture, Args...>;
  /// What lies in the task's capture leaves 16 bytes of it.
  static constexpr bool leaves_room = !is_inline || sizeof(Capture) <= task_body::capture_bytes - 16;
  /// Filling copies what the user has given, by code that may throw.
  static constexpr bool copies_late =
      !is_nothrow && std::is_lvalue_reference_v<std::tuple_element_t<sizeof...(Args) - 1, std::tuple<Args...>>>;

  /// Throws std::bad_alloc.
  explicit task_filler(task_site site, Args&&... args) : args_(std::forward<Args>(args)...), site_(site) {
    if constexpr (!is_inline) box_ = task_memory().allocate(sizeof(Capture), alignof(Capture));
  }
  ~task_filler() {
    if constexpr (!is_inline) {
      if (box_ != nullptr) task_memory().deallocate(box_, sizeof(Capture), alignof(Capture));
    }
  }
  task_filler(const task_filler&) = delete;
  task_filler& operator=(const task_filler&) = delete;

  task_site site() const noexcept { return site_; }

  /// Once.
  const task_operations* fill(task_body& body) noexcept(is_nothrow) {
    body.site = site_;
    if constexpr (is_inline) {
      make(body.capture);
      return &inline_capture<Capture>::operations;
    } else {
      Capture* const boxed = make(box_);
      std::memcpy(body.capture, &boxed, sizeof boxed);  // NOLINT(bugprone-sizeof-expression): as above
      box_ = nullptr;
      return &boxed_capture<Capture>::operations;
    }
  }

 private:
  Capture* make(void* at) noexcept(is_nothrow) {
    return std::apply([at](Args&&... args) { return ::new (at) Capture(std::forward<Args>(args)...); },
                      std::move(args_));
  }

  std::tuple<Args&&...> args_;
  const task_site site_;
  void* box_ = nullptr;
};

/// A task_filler of any type, to which it refers: so that what puts tasks in is made once, and not for each type of
/// callable again. Filling is an indirect call.
class erased_filler {
 public:
  static constexpr bool is_nothrow = false;

  template <class Filler>
  explicit erased_filler(Filler& filler) noexcept
      : filler_(&filler),
        fill_([](void* self, task_body& body) { return static_cast<Filler*>(self)->fill(body); }),
        site_(filler.site()),
        copies_late_(Filler::copies_late),
        leaves_room_(Filler::leaves_room) {}

  task_site site() const noexcept { return site_; }
  bool copies_late() const noexcept { return copies_late_; }
  bool leaves_room() const noexcept { return leaves_room_; }
  const task_operations* fill(task_body& body) const { return fill_(filler_, body); }

 private:
  void* filler_;
  const task_operations* (*fill_)(void*, task_body&);
  task_site site_;
  bool copies_late_, leaves_room_;
};

/// For a task as its user gave it.
template <class F>
task_filler<std::decay_t<F>, F> filler_for(F&& callable, const source_site& site) {
  check_task(callable);
  return task_filler<std::decay_t<F>, F>(site, std::forward<F>(callable));
}

}  // namespace detail

/// A piece of work that is called once: a move-only callable without arguments or result, in 64 bytes.
///
/// For queues of work, in the place of std::function<void()>, which must be copyable and allocates for captures above
/// 16 bytes. Captures up to 48 bytes (alignment 16, and moving must not throw) lie in the task itself; larger ones in a
/// block of a pool. It remembers the place where it was made, for messages.
///
/// Threads: none; one at a time. Ownership: owns its callable, and destroys it after the call, or with itself.
/// Failure: std::bad_alloc for a large capture, std::invalid_argument for a null pointer to a function or an empty
/// std::function; the callable is as it was then. Cost: 1 to 2 ns to make, call and destroy, 15 ns where
/// it takes a block (perf/workers/task_bench.cpp). Example: tests/examples/task_example.cpp.
class [[nodiscard]] alignas(16) task {
 public:
  static constexpr std::size_t inline_bytes = detail::task_body::capture_bytes;

  constexpr task() noexcept = default;
  template <class F>
  // NOLINTNEXTLINE(bugprone-forwarding-reference-overload): it cannot
  requires(!std::same_as<std::remove_cvref_t<F>, task>) explicit task(
      F&& callable, const source_site& site = source_site::current()) {
    auto filler = detail::filler_for(std::forward<F>(callable), site);
    operations_ = filler.fill(body_);
  }
  task(task&& other) noexcept { take(other); }
  task& operator=(task&& other) noexcept {
    if (this != &other) {
      drop();
      take(other);
    }
    return *this;
  }
  ~task() { drop(); }

  /// Calls it, and is empty afterwards, also when that throws. Not of an empty one.
  void operator()() { std::exchange(operations_, nullptr)->run(body_.capture); }

  explicit operator bool() const noexcept { return operations_ != nullptr; }
  /// An empty one is a null task, as an empty std::function is.
  bool operator==(std::nullptr_t) const noexcept { return operations_ == nullptr; }

  /// Where it was made, or submitted: file and line. A place with line 0 when it is empty.
  source_site site() const noexcept { return operations_ != nullptr ? body_.site.get() : source_site{}; }

  // For the queues of a worker_pool: a task's two parts.

  /// Takes a filler's task in the place of none. Passes on what filling throws.
  template <class Filler>
  void fill(Filler& filler) noexcept(Filler::is_nothrow) {
    operations_ = filler.fill(body_);
  }
  /// From a place in a queue; what is left there is no task any more.
  void take(const detail::task_operations* operations, detail::task_body& body) noexcept {
    operations_ = operations;
    body_.site = body.site;
    if (operations->move == nullptr) [[likely]]
      std::memcpy(body_.capture, body.capture, sizeof body_.capture);
    else
      operations->move(body_.capture, body.capture);
  }
  /// To a place in a queue; this one is empty afterwards. Not of an empty one.
  const detail::task_operations* give(detail::task_body& body) noexcept {
    body.site = body_.site;
    if (operations_->move == nullptr)
      std::memcpy(body.capture, body_.capture, sizeof body.capture);
    else
      operations_->move(body.capture, body_.capture);
    return std::exchange(operations_, nullptr);
  }
  const detail::task_operations* operations() const noexcept { return operations_; }
  std::uint64_t site_word() const noexcept { return body_.site.word(); }
  const void* capture() const noexcept { return body_.capture; }

 private:
  void take(task& other) noexcept {
    if (other.operations_ != nullptr) take(std::exchange(other.operations_, nullptr), other.body_);
  }
  void drop() noexcept {
    if (operations_ != nullptr) std::exchange(operations_, nullptr)->drop(body_.capture);
  }

  const detail::task_operations* operations_ = nullptr;
  detail::task_body body_;
};

static_assert(sizeof(task) == 64);

namespace detail {

/// Fills in a task that is made already.
class task_giver {
 public:
  static constexpr bool copies_late = false, leaves_room = false;

  /// Refers to it. Not an empty one.
  explicit task_giver(task& from) noexcept : from_(from) {}

  task_site site() const noexcept { return task_site::of_word(from_.site_word()); }
  const task_operations* fill(task_body& body) noexcept { return from_.give(body); }

 private:
  task& from_;
};

}  // namespace detail

}  // namespace cistern::inline v0
