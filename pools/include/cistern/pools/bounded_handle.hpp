// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/pools/detail/bounded_store.hpp>
#include <cistern/pools/pooled.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

namespace cistern::inline v0 {

template <class T, class Hooks = no_hooks<T>>
class bounded_pool;

namespace detail {

/// Where an object lies behind its item, and what is done to it as it comes and goes. The hooks are object_pool's, and
/// object_access says which there are.
template <class T, class Hooks>
struct bounded_access {
  using rules = object_access<T, Hooks>;
  static constexpr std::size_t object_at = (sizeof(bounded_item) + alignof(T) - 1) & ~(alignof(T) - 1);

  static T* object_of(bounded_item* item) noexcept {
    return std::launder(reinterpret_cast<T*>(reinterpret_cast<char*>(item) + object_at));
  }
  static bounded_item* item_of(const T* object) noexcept {
    return reinterpret_cast<bounded_item*>(reinterpret_cast<std::uintptr_t>(object) - object_at);
  }

  /// Hands a kept or new object out.
  [[gnu::always_inline]] static std::uint32_t take(bounded_store& store, bounded_item* item) {
    const std::uint32_t generation = item->generation += 2;
    item->life = generation;
    rules::prepare(store, *item, *object_of(item));
    return generation;
  }

  /// Takes one back that is out by this generation. What a hook throws is passed on; then the object is gone.
  [[gnu::always_inline]] static void put(bounded_item* item, std::uint32_t generation) {
    if (pool_checks && item->life != generation) [[unlikely]]
      bounded_store::not_yours(*item);
    bounded_store& store = *item->owner;
    if (rules::may_stay(store, *item, *object_of(item))) store.keep(*item);
  }
};

}  // namespace detail

/// An item of a bounded_pool that puts itself back.
///
/// Move-only; a moved-from and a default-constructed one hold nothing, and are safe to put, destroy and assign to. What
/// a hook throws as the destructor puts it is counted (bounded_pool_statistics::failed) and goes no further; put()
/// passes it on. In either case the object is destroyed.
///
/// Threads: one at a time, and any may destroy it, also while the pool's destructor runs. Lifetime: it may outlive its
/// pool; then the object is destroyed as it is put.
template <class T, class Hooks = no_hooks<T>>
class [[nodiscard]] bounded_handle {
  using access = detail::bounded_access<T, Hooks>;

 public:
  bounded_handle() noexcept = default;
  bounded_handle(bounded_handle&& other) noexcept
      : object_(std::exchange(other.object_, nullptr)), generation_(other.generation_) {}
  bounded_handle& operator=(bounded_handle&& other) noexcept {
    if (this != &other) {
      put_quietly();
      object_ = std::exchange(other.object_, nullptr);
      generation_ = other.generation_;
    }
    return *this;
  }
  ~bounded_handle() { put_quietly(); }

  T* get() const noexcept { return object_; }
  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }
  explicit operator bool() const noexcept { return object_ != nullptr; }

  /// Puts the object back now; nothing if there is none. May wait, where bounded_pool_options::max_put_wait says so.
  void put() {
    if (object_ == nullptr) return;
    access::put(access::item_of(std::exchange(object_, nullptr)), generation_);
  }
  /// Destroys the object instead of putting it back: a broken connection, an object in doubt.
  void discard() noexcept {
    if (object_ == nullptr) return;
    detail::bounded_item* const item = access::item_of(std::exchange(object_, nullptr));
    if (detail::pool_checks && item->life != generation_) detail::bounded_store::not_yours(*item);
    item->owner->drop(*item, detail::bounded_store::reason::wanted);
  }
  /// Lets go of the object without putting it back: bounded_pool::release() or adopt() has to follow.
  [[nodiscard]] T* detach() noexcept { return std::exchange(object_, nullptr); }

 private:
  friend class bounded_pool<T, Hooks>;
  bounded_handle(T* object, std::uint32_t generation) noexcept : object_(object), generation_(generation) {}

  [[gnu::always_inline]] void put_quietly() noexcept {
    if (object_ == nullptr) return;
    if constexpr (access::rules::has_keep || access::rules::has_reset) {
      try {
        put();
      } catch (...) {  // counted, and the object is gone
      }
    } else {
      put();
    }
  }

  T* object_ = nullptr;
  std::uint32_t generation_ = 0;
};

}  // namespace cistern::inline v0
