// SPDX-License-Identifier: MIT
#pragma once

#include "fuzz_input.hpp"
#include <cistern/pools/object_pool.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace cistern::fuzz {

/// An object that is out, in one of three ways: by a handle, by a pointer, or by handles that share it.
template <class T, class Hooks>
class holding {
  using pool = object_pool<T, Hooks>;
  using shared = shared_pooled<T, Hooks>;

 public:
  explicit holding(pooled<T, Hooks>&& sole) : sole_(std::move(sole)), id_(sole_->id()) {
    require(!sole, "a handle that was moved from holds nothing");
  }

  std::uint64_t id() const { return id_; }
  /// The object, which must be the same still.
  T& object() const {
    T& one = bare_ != nullptr ? *bare_ : owners_.empty() ? *sole_ : *owners_.front();
    require(one.id() == id_, "an object that is out stays what it is");
    return one;
  }

  /// Detaches, adopts, shares, copies, or lets a copy go: then it is out in another way.
  void change_hands(pool& from, std::size_t way) {
    if (bare_ != nullptr) return adopt(from);
    if (!owners_.empty()) return change_owners(way);
    if (way % 2 != 0) return owners_.push_back(std::move(sole_).share());
    generation_ = pool::generation_of(sole_.get());
    require(generation_ % 2 != 0, "a generation is odd");
    bare_ = sole_.detach();
  }
  /// So that it need not be put by a pointer, which a pool that has ended cannot do.
  void adopt(pool& from) {
    if (bare_ != nullptr) sole_ = from.adopt(std::exchange(bare_, nullptr));
  }

  bool may_discard() const { return static_cast<bool>(sole_); }
  void discard() {
    sole_.discard();
    require(!sole_, "a handle that has discarded its object holds nothing");
  }
  /// Passes on what a hook throws, unless a destructor puts it. `from` may be nullptr after the pool's end.
  void put(pool* from, std::size_t way) {
    while (!owners_.empty()) {
      require(owners_.back().use_count() == owners_.size(), "owners are counted");
      way % 2 != 0 ? owners_.pop_back() : static_cast<void>(owners_.erase(owners_.begin()));
    }
    if (bare_ != nullptr) return put_bare(*from, way);
    if (way % 3 == 0) {
      sole_ = {};
    } else if (way % 3 == 1) {
      const pooled<T, Hooks> gone = std::move(sole_);
    } else {
      sole_.put();
    }
    require(!sole_, "a handle that was put holds nothing");
  }

 private:
  void put_bare(pool& from, std::size_t way) {
    T* const object = std::exchange(bare_, nullptr);
    require(pool::generation_of(object) == generation_, "a generation stays while the object is out");
    if (way % 3 == 0) return from.release(object, generation_);
    if (way % 3 == 1) return from.adopt(object).put();
    from.release(object);
  }
  void change_owners(std::size_t way) {
    if (way % 4 == 0) {
      owners_.front() = owners_.back();  // of the same object
    } else if (way % 4 == 1 && owners_.size() > 1) {
      owners_.front().reset();
      std::swap(owners_.front(), owners_.back());
      owners_.pop_back();
    } else {
      const shared copy = owners_.front();
      owners_.push_back(copy);
    }
    require(owners_.front().use_count() == owners_.size(), "owners are counted");
  }

  pooled<T, Hooks> sole_;
  T* bare_ = nullptr;
  std::uint32_t generation_ = 0;  // of a bare one
  std::vector<shared> owners_;
  std::uint64_t id_;
};

}  // namespace cistern::fuzz
