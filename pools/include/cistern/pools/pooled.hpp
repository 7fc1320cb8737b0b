// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/pools/detail/object_store.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace cistern::inline v0 {

/// Hooks that do nothing: objects are value-initialised, and stay as their last user left them.
///
/// A hook type has any of these members, called on an object of it that the pool holds; from several threads at a time.
///   - `T make()`: makes an object; may throw, and the get that wanted one passes it on.
///   - `void prepare(T&)`: before each get hands one out, also a new one. If it throws, the object is destroyed and the
///     get passes it on.
///   - `void reset(T&)`: at each put. If it throws, the object is destroyed.
///   - `bool keep(T&)` or `bool keep(T&, std::uint8_t& strikes)`: at each put, before reset: false destroys the object.
///     The strikes are the object's, 0 when it is made, for rules that have patience (see keep_by_use).
///   - `void drop(T&) noexcept`: before each destructor: in the put, the tick, clear(), close() or the pool's end that
///     destroys it, on that thread; with no lock held, so it may use the pool, as long as there is one: not as it ends.
template <class T>
struct no_hooks {};

template <class T, class Hooks = no_hooks<T>>
class object_pool;
template <class T, class Hooks = no_hooks<T>>
class shared_pooled;

namespace detail {

template <class T>
constexpr std::string_view type_name() noexcept {
  // "... [with T = int [4]; std::string_view = ...]" or "... [T = int[4]]"
  const std::string_view text = __PRETTY_FUNCTION__;
  const std::size_t begin = text.find("T = ") + 4, more = text.find("; std::string_view", begin);
  return text.substr(begin, (more != std::string_view::npos ? more : text.rfind(']')) - begin);
}

/// Where an object lies in its cell, and what is done to it as it comes and goes.
template <class T, class Hooks>
struct object_access {
  static constexpr std::size_t object_at = (sizeof(object_cell) + alignof(T) - 1) & ~(alignof(T) - 1);

  static T* object_of(object_cell* cell) noexcept {
    return std::launder(reinterpret_cast<T*>(reinterpret_cast<char*>(cell) + object_at));
  }
  static object_cell* cell_of(const T* object) noexcept {
    return reinterpret_cast<object_cell*>(reinterpret_cast<std::uintptr_t>(object) - object_at);
  }

  static constexpr bool has_reset = requires(Hooks & hooks, T& object) { hooks.reset(object); };
  static constexpr bool has_patient_keep = requires(Hooks & hooks, T& object, std::uint8_t& strikes) {
    hooks.keep(object, strikes);
  };
  static constexpr bool has_keep = has_patient_keep || requires(Hooks & hooks, T& object) { hooks.keep(object); };

  // A hook that cannot be called as it should be would not be called at all.
  static_assert(
      !requires { &Hooks::make; } || requires(Hooks & hooks) { T(hooks.make()); }, "make() gives no T");
  static_assert(
      !requires { &Hooks::prepare; } || requires(Hooks & hooks, T& object) { hooks.prepare(object); },
      "prepare() takes no T&");
  static_assert(
      !requires { &Hooks::reset; } || has_reset, "reset() takes no T&");
  static_assert(
      !requires { &Hooks::keep; } || has_keep, "keep() takes neither T& nor T& and std::uint8_t&");
  static_assert(
      !requires { &Hooks::drop; } || requires(Hooks & hooks, T& object) { hooks.drop(object); }, "drop() takes no T&");

  template <class Store>
  static Hooks& hooks(const Store& store) noexcept {
    return *static_cast<Hooks*>(store.hooks());
  }

  // What follows is the same for every store of objects, with cells that have strikes.

  /// What comes before an object is handed out. If that throws, the object is gone.
  template <class Store, class Cell>
  [[gnu::always_inline]] static void prepare(Store& store, Cell& cell, T& object) {
    if constexpr (requires(Hooks & hooks) { hooks.prepare(object); }) {
      try {
        hooks(store).prepare(object);
      } catch (...) {
        store.drop(cell, object_store::reason::failed);
        throw;
      }
    }
  }
  /// What comes before an object is kept: false, or an exception of a hook, and it is gone.
  template <class Store, class Cell>
  [[gnu::always_inline]] static bool may_stay(Store& store, Cell& cell, T& object) {
    if constexpr (has_keep || has_reset) {
      try {
        bool stays = true;
        if constexpr (has_patient_keep)
          stays = hooks(store).keep(object, cell.strikes);
        else if constexpr (has_keep)
          stays = hooks(store).keep(object);
        if (!stays) {
          store.drop(cell, object_store::reason::refused);
          return false;
        }
        if constexpr (has_reset) hooks(store).reset(object);
      } catch (...) {
        store.drop(cell, object_store::reason::failed);
        throw;
      }
    }
    return true;
  }

  // Of one that may be idle, and so poisoned.
  static std::uint64_t life_of(object_cell* cell) noexcept {
    unpoison(cell, sizeof(object_cell));
    return cell->life;
  }

  /// Hands an idle or new object out.
  [[gnu::always_inline]] static std::uint32_t take(object_store& store, object_cell* cell) {
    const std::uint32_t generation = cell->generation += 2;  // odd, so that no object is out by the generation 0
    cell->life = generation;
    prepare(store, *cell, *object_of(cell));
    return generation;
  }

  /// Takes one back that is out by this generation, and by nobody else. What a hook throws is passed on; then the
  /// object is gone.
  [[gnu::always_inline]] static void put(object_store& store, object_cell* cell, std::uint32_t generation) {
    if (pool_checks && life_of(cell) != generation) [[unlikely]]
      store.not_yours(*cell);
    if (may_stay(store, *cell, *object_of(cell))) store.keep(*cell);
  }

  static void drop(void* object, void* of) noexcept {
    if constexpr (requires(Hooks & hooks, T & each) { hooks.drop(each); }) {
      static_assert(noexcept(std::declval<Hooks&>().drop(std::declval<T&>())), "a drop hook must be noexcept");
      static_cast<Hooks*>(of)->drop(*static_cast<T*>(object));
    }
    std::destroy_at(static_cast<T*>(object));
  }
};

}  // namespace detail

/// An object of an object_pool that puts itself back.
///
/// Move-only; a moved-from and a default-constructed one hold nothing, and are safe to put, destroy and assign to. What
/// a hook throws as the destructor puts it is counted (object_pool_statistics::failed) and goes no further; put()
/// passes it on. In either case the object is destroyed.
///
/// Threads: one at a time, and any may destroy it. Lifetime: it may outlive its pool; then the object is destroyed as
/// it is put.
template <class T, class Hooks = no_hooks<T>>
class [[nodiscard]] pooled {
  using access = detail::object_access<T, Hooks>;

 public:
  pooled() noexcept = default;
  pooled(pooled&& other) noexcept
      : object_(std::exchange(other.object_, nullptr)), store_(other.store_), generation_(other.generation_) {}
  pooled& operator=(pooled&& other) noexcept {
    if (this != &other) {
      put_quietly();
      object_ = std::exchange(other.object_, nullptr);
      store_ = other.store_;
      generation_ = other.generation_;
    }
    return *this;
  }
  ~pooled() { put_quietly(); }

  T* get() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }

  /// Puts the object back now; nothing if there is none.
  void put() {
    if (object_ == nullptr) return;
    T* const object = std::exchange(object_, nullptr);
    access::put(*store_, access::cell_of(object), generation_);
  }
  /// Destroys the object instead of putting it back: a broken connection, an object in doubt.
  void discard() noexcept {
    if (object_ == nullptr) return;
    detail::object_cell* const cell = access::cell_of(std::exchange(object_, nullptr));
    if (detail::pool_checks && access::life_of(cell) != generation_) store_->not_yours(*cell);
    store_->drop(*cell, detail::object_store::reason::wanted);
  }
  /// Lets go of the object without putting it back: object_pool::release() or adopt() has to follow.
  [[nodiscard]] T* detach() noexcept { return std::exchange(object_, nullptr); }

  /// Makes it one that may be copied.
  [[nodiscard]] shared_pooled<T, Hooks> share() && noexcept { return shared_pooled<T, Hooks>(std::move(*this)); }

 private:
  template <class, class>
  friend class object_pool;
  template <class, class>
  friend class shared_pooled;
  pooled(T* object, detail::object_store& store, std::uint32_t generation) noexcept
      : object_(object), store_(&store), generation_(generation) {}

  [[gnu::always_inline]] void put_quietly() noexcept {
    if (object_ == nullptr) return;
    if constexpr (access::has_keep || access::has_reset) {
      try {
        put();
      } catch (...) {  // counted, and the object is gone
      }
    } else {
      put();
    }
  }

  T* object_ = nullptr;
  detail::object_store* store_ = nullptr;
  std::uint32_t generation_ = 0;
};

/// A pooled object with several owners: the last one puts it back. As std::shared_ptr, but the count lies in the
/// object's header: nothing is allocated, and there are no weak ones.
///
/// Threads: copies may be used and destroyed by different threads; what they do to the object is theirs to order. What
/// happened before any owner went happens before the object is put.
template <class T, class Hooks>
class [[nodiscard]] shared_pooled {
  using access = detail::object_access<T, Hooks>;

 public:
  shared_pooled() noexcept = default;
  explicit shared_pooled(pooled<T, Hooks>&& sole) noexcept
      : object_(std::exchange(sole.object_, nullptr)), store_(sole.store_), generation_(sole.generation_) {
    if (object_ == nullptr) return;
    detail::object_cell* const cell = access::cell_of(object_);
    if (detail::pool_checks && access::life_of(cell) != generation_) store_->not_yours(*cell);
    owners(object_).store(one | generation_, std::memory_order_relaxed);
  }
  shared_pooled(const shared_pooled& other) noexcept
      : object_(other.object_), store_(other.store_), generation_(other.generation_) {
    if (object_ != nullptr) owners(object_).fetch_add(one, std::memory_order_relaxed);
  }
  shared_pooled(shared_pooled&& other) noexcept
      : object_(std::exchange(other.object_, nullptr)), store_(other.store_), generation_(other.generation_) {}
  shared_pooled& operator=(shared_pooled other) noexcept {
    std::swap(object_, other.object_);
    std::swap(store_, other.store_);
    std::swap(generation_, other.generation_);
    return *this;
  }
  ~shared_pooled() { reset(); }

  T* get() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }
  std::uint32_t use_count() const noexcept {
    return object_ != nullptr ? static_cast<std::uint32_t>(owners(object_).load(std::memory_order_relaxed) / one) : 0;
  }

  /// Is no owner any more; puts the object back if it was the last.
  void reset() noexcept {
    if (object_ == nullptr) return;
    T* const object = std::exchange(object_, nullptr);
    if (owners(object).fetch_sub(one, std::memory_order_acq_rel) / one != 1)  // pairs with itself: the other owners'
      return;
    const pooled<T, Hooks> last(object, *store_, generation_);  // puts it as it goes
  }

 private:
  // The high half of the word that holds the generation.
  static constexpr std::uint64_t one = std::uint64_t{1} << 32;
  static std::atomic_ref<std::uint64_t> owners(T* object) noexcept {
    return std::atomic_ref<std::uint64_t>(access::cell_of(object)->life);
  }

  T* object_ = nullptr;
  detail::object_store* store_ = nullptr;
  std::uint32_t generation_ = 0;
};

}  // namespace cistern::inline v0
