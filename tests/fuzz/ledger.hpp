// SPDX-License-Identifier: MIT
#pragma once

#include "fuzz_input.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <vector>

namespace cistern::fuzz {

struct hook_failed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The plain model of a pool of objects: where each object is that was ever made, by its number, and which hooks are to
/// fail. Threads: any.
class ledger {
 public:
  enum class place : std::uint8_t {
    fresh,  // made, and in nobody's hands yet
    out,
    going,  // being put, or about to be destroyed
    idle,
    gone,
  };
  enum class hook : std::uint8_t { make, prepare, keep, reset, count };

  struct record {
    place at = place::fresh;
    bool by_warm = false;
    std::uint8_t mark = 0;       // what its last user wrote into it
    std::uint32_t takes = 0;     // that it went through
    std::uint32_t stays = 0;     // puts that it lived through
    std::uint64_t put_tick = 0;  // of the last one
  };
  struct numbers {
    std::uint64_t made = 0, made_by_gets = 0, died = 0, taken = 0;
    std::uint64_t thrown = 0, not_prepared = 0, not_kept = 0;  // of hooks
    std::uint64_t aged = 0, perhaps_aged = 0;                  // died idle
    std::uint64_t nested = 0;                                  // uses of the pool by destructors
    std::size_t idle = 0, most = 0;
    std::uint64_t tick = 0;
    std::size_t there() const { return static_cast<std::size_t>(made - died); }
  };

  // Set before the pool is made.
  std::size_t max_total = SIZE_MAX;
  std::function<void()> use_pool;  // what destructors do

  // ---- what objects say

  std::uint64_t born() {
    const std::scoped_lock lock(mutex_);
    call(hook::make);
    records_.push_back({.by_warm = warms});
    ++now_.made;
    if (!warms) ++now_.made_by_gets;
    now_.most = std::max(now_.most, now_.there());
    require(now_.there() <= max_total, "there are no more objects than max_total");
    return records_.size() - 1;
  }
  void died(std::uint64_t id) {
    if (nests()) use_pool();
    const std::scoped_lock lock(mutex_);
    record& one = records_[id];
    require(one.at != place::gone, "an object is destroyed once");
    require(one.at != place::out, "an object that is out is not destroyed");
    if (one.at == place::idle && ticks_by_itself_)
      require(now_.tick + 1 - one.put_tick >= 2, "an object survives the first tick after its put");
    if (one.at == place::idle) ++now_.aged;
    if (one.at == place::fresh) ++now_.perhaps_aged;
    move(one, place::gone);
    ++now_.died;
  }

  // ---- what hooks say

  void prepares(std::uint64_t id) {
    const std::scoped_lock lock(mutex_);
    if (!throws(hook::prepare)) return;
    move(records_[id], place::going);
    ++now_.not_prepared;
    call(hook::prepare);
  }
  bool keeps(std::uint64_t id) {
    const std::scoped_lock lock(mutex_);
    require(records_[id].at == place::going, "what is asked whether it stays is being put");
    call(hook::keep);
    if (to_refuse_ == 0) return true;
    --to_refuse_;
    ++now_.not_kept;
    return false;
  }
  void resets(std::uint64_t id) {
    const std::scoped_lock lock(mutex_);
    require(records_[id].at == place::going, "what is reset is being put");
    call(hook::reset);
  }

  // ---- what users say

  /// It was handed out. `races`: another thread may have put it just now.
  record take(std::uint64_t id, bool races) {
    const std::scoped_lock lock(mutex_);
    require(id < records_.size(), "what is handed out is an object");
    record& one = records_[id];
    require(one.at == place::idle || one.at == place::fresh || (races && one.at == place::going),
            "what is handed out is idle or new");
    move(one, place::out);
    ++one.takes;
    ++now_.taken;
    return one;
  }
  void put(std::uint64_t id, std::uint8_t mark) {
    const std::scoped_lock lock(mutex_);
    record& one = records_[id];
    require(one.at == place::out, "what is put is out");
    one.mark = mark;
    one.put_tick = now_.tick;
    ++one.stays;  // if it does
    move(one, place::going);
  }
  /// Its put has returned. Whether it stays.
  bool settle(std::uint64_t id) {
    const std::scoped_lock lock(mutex_);
    record& one = records_[id];
    if (one.at == place::going) move(one, place::idle);
    return one.at != place::gone;
  }
  /// Likewise what a warm() made that began at this tick, from this object on.
  void settle_warmed(std::uint64_t from, std::uint64_t tick) {
    const std::scoped_lock lock(mutex_);
    for (; from < records_.size(); ++from) {
      record& one = records_[from];
      if (one.at != place::fresh || !one.by_warm) continue;
      one.put_tick = tick;
      move(one, place::idle);
    }
  }

  /// A tick begins. `by_itself`: until its end only what is old may die.
  void begin_tick(bool by_itself) {
    const std::scoped_lock lock(mutex_);
    ticks_by_itself_ = by_itself;
  }
  // Counted afterwards: then what is put meanwhile looks too old rather than too young.
  void end_tick() {
    const std::scoped_lock lock(mutex_);
    ++now_.tick;
    ticks_by_itself_ = false;
  }
  /// Idle objects that the next tick finds idle for two.
  std::size_t stale() const {
    const std::scoped_lock lock(mutex_);
    std::size_t count = 0;
    for (const record& each : records_) count += each.at == place::idle && now_.tick + 1 - each.put_tick >= 2;
    return count;
  }

  numbers read() const {
    const std::scoped_lock lock(mutex_);
    return now_;
  }

  /// The hook's n-th call from now on throws; never for 0.
  void throw_at(hook which, std::size_t call) {
    const std::scoped_lock lock(mutex_);
    until_throw_[static_cast<std::size_t>(which)] = call;
  }
  /// So many puts are refused by the keep hook.
  void refuse(std::size_t count) {
    const std::scoped_lock lock(mutex_);
    to_refuse_ = count;
  }
  /// So many objects use the pool as they die.
  void nest(std::size_t count) {
    const std::scoped_lock lock(mutex_);
    to_nest_ = count;
  }

  static inline thread_local bool warms = false;  // this thread is in a warm()

 private:
  bool throws(hook which) const { return until_throw_[static_cast<std::size_t>(which)] == 1; }
  void call(hook which) {
    std::size_t& left = until_throw_[static_cast<std::size_t>(which)];
    if (left == 0 || --left != 0) return;
    ++now_.thrown;
    throw hook_failed("as it was told");
  }
  bool nests() {
    const std::scoped_lock lock(mutex_);
    if (to_nest_ == 0) return false;
    --to_nest_;
    ++now_.nested;
    return true;
  }
  void move(record& one, place to) {
    now_.idle -= one.at == place::idle;
    now_.idle += to == place::idle;
    one.at = to;
  }

  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::vector<record> records_;
  numbers now_;
  std::array<std::size_t, static_cast<std::size_t>(hook::count)> until_throw_{};
  std::size_t to_refuse_ = 0, to_nest_ = 0;
  bool ticks_by_itself_ = false;
};

}  // namespace cistern::fuzz
