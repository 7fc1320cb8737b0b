// SPDX-License-Identifier: MIT
#pragma once

#include "fuzz_input.hpp"
#include "ledger.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace cistern::fuzz {

inline ledger* the_ledger = nullptr;  // of the run that is under way

/// An object that knows its number and its place, at both its ends, and tells the ledger how it fares.
template <std::size_t Padding, std::size_t Alignment = 8>
class alignas(Alignment) thing {
 public:
  thing() : front_(the_ledger->born()), back_(cookie()) {}
  ~thing() {
    require_whole();
    the_ledger->died(front_);
    front_ = back_ = 0;
  }
  thing(const thing&) = delete;
  thing& operator=(const thing&) = delete;

  std::uint64_t id() const {
    require_whole();
    return front_;
  }
  void require_whole() const { require(back_ == cookie(), "an object keeps its number, its end and its place"); }

  std::uint8_t mark = 0;  // its users'
  std::uint8_t strikes = 0;
  bool dropped = false;
  std::uint32_t prepares = 0, resets = 0;

 private:
  std::uint64_t cookie() const { return ~front_ * 0x9e3779b97f4a7c15 ^ reinterpret_cast<std::uintptr_t>(this); }

  std::uint64_t front_;
  std::byte padding_[Padding];
  std::uint64_t back_;
};

/// All that there are.
template <class T>
struct every_hook {
  T make() { return T(); }
  void prepare(T& one) {
    the_ledger->prepares(one.id());
    ++one.prepares;
  }
  bool keep(T& one, std::uint8_t& strikes) {
    require(one.strikes == strikes, "an object keeps its strikes");
    one.strikes = ++strikes;
    return the_ledger->keeps(one.id());
  }
  void reset(T& one) {
    the_ledger->resets(one.id());
    ++one.resets;
    one.mark = 0;
  }
  void drop(T& one) noexcept {
    require(!std::exchange(one.dropped, true), "an object is dropped once");
    ++*drops;
  }
  std::shared_ptr<std::atomic<std::uint64_t>> drops;
};

/// A plain keep, and nothing else.
template <class T>
struct keep_hook {
  bool keep(const T& one) { return the_ledger->keeps(one.id()); }
  std::shared_ptr<std::atomic<std::uint64_t>> drops;
};

/// As no_hooks.
template <class T>
struct empty_hooks {
  std::shared_ptr<std::atomic<std::uint64_t>> drops;
};

}  // namespace cistern::fuzz
