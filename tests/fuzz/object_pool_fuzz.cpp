// SPDX-License-Identifier: MIT
//
// object_pool against a plain model: the first bytes choose the objects, the pool's options and how it ends, all others
// are operations. The model is the ledger, to which every object and every hook reports. A session knows beforehand
// what an operation must do; where memory fails, destructors use the pool or the second thread runs beside the first,
// it only holds the pool to what is always so.
#include "failing_upstream.hpp"
#include "fuzz_input.hpp"
#include "holding.hpp"
#include "ledger.hpp"
#include "object_kinds.hpp"
#include "second_thread.hpp"
#include "silence.hpp"
#include "things.hpp"
#include "ways_to_get.hpp"
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/pools/object_pool.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using cistern::age_level;
using cistern::object_ageing;
using cistern::object_pool;
using cistern::object_pool_options;
using cistern::fuzz::attempt;
using cistern::fuzz::input;
using cistern::fuzz::ledger;
using cistern::fuzz::refusal;
using cistern::fuzz::require;

// Lives from run to run: threads are dear.
cistern::fuzz::second_thread& second_thread() {
  static cistern::fuzz::second_thread one;
  return one;
}

template <class T, class Hooks>
class session {
  using pool = object_pool<T, Hooks>;
  using handle = typename pool::handle;
  using access = cistern::detail::object_access<T, Hooks>;
  using holding = cistern::fuzz::holding<T, Hooks>;

 public:
  explicit session(input& from)
      : in_(from), options_(cistern::fuzz::choose_object_options(from)), ending_(from.byte()) {
    cistern::fuzz::the_ledger = &book_;
    book_.max_total = options_.max_total;
    book_.use_pool = [this] { use_nested(); };
    options_.upstream = &memory_;
    options_.clock = ending_ % 16 != 15 ? &clock_ : nullptr;
  }

  void play() {
    if (begin()) {
      while (!in_.empty()) step();
      finish();
    }
    require(book_.read().there() == 0, "no object is left");
    require(memory_.live_bytes() == 0, "all memory is back");
    require(drops_.use_count() == 1, "the hooks are gone");
    require(drops_->load() == (has_drop ? book_.read().died : 0), "each object is dropped before its end");
  }

 private:
  static constexpr std::size_t most_held = sizeof(T) < 4096 ? 1500 : 60;
  static constexpr std::size_t ordered = sizeof(T) < 4096 ? 8 : 2;  // puts; magazines hold so many at least
  static constexpr bool has_drop = requires(Hooks & hooks, T& one) { hooks.drop(one); };
  static constexpr bool has_prepare = requires(Hooks & hooks, T& one) { hooks.prepare(one); };

  // What was so before an operation. What follows from it need not be where this is not exact.
  struct before : ledger::numbers {
    explicit before(const session& of) : ledger::numbers(of.book_.read()), failing(of.memory_.is_failing()) {}
    bool failing;
  };
  bool is_exact(const before& then) const { return !then.failing && !races_ && book_.read().nested == then.nested; }

  // How many: from 1 to 600, and mostly few.
  std::size_t some() {
    const std::size_t chosen = in_.byte();
    return chosen < 200 ? 1 + chosen % 8 : chosen < 250 ? chosen - 198 : 100 * (chosen - 249);
  }

  // ---- getting

  refusal get_by(std::size_t way, handle& got) {
    const refusal why = cistern::fuzz::get_by(*pool_, way, got);
    if (why == refusal::closed || why == refusal::exhausted || why == refusal::no_memory) ++failures_;
    return why;
  }

  // What is handed out must be idle, or new, and as it was left.
  void accept(const T& got) {
    const ledger::record now = book_.take(got.id(), races_);
    if (has_prepare) require(got.prepares == now.takes, "an object is prepared at each get");
    if (access::has_reset) require(got.resets == now.stays, "an object is reset at each put");
    require(got.mark == (access::has_reset ? 0 : now.mark), "an object stays as it was left");
  }

  bool get_one(std::size_t way) {
    const before then(*this);
    handle got;
    const refusal why = get_by(way, got);
    const bool exact = is_exact(then);
    if (exact) expect_get(then, way % 8 != 0, why, static_cast<bool>(got));
    if (got || why == refusal::hook) expect_order(exact, got.get());
    if (!got) return false;
    accept(*got);
    held_.emplace_back(std::move(got));
    return true;
  }
  void get(std::size_t count) {
    for (const std::size_t way = in_.byte(); count != 0 && held_.size() < most_held && get_one(way);) --count;
  }

  void expect_get(const before& then, bool makes, refusal why, bool got) const {
    const ledger::numbers now = book_.read();
    const auto expect = [&](refusal expected) {
      require(why == expected || (why == refusal::hook && expected == refusal::none), "a get ends as it must");
    };
    if (closed_) return expect(makes ? refusal::closed : refusal::nothing_idle);
    if (then.idle != 0) {
      expect(refusal::none);
      return require(now.made == then.made, "nothing is made while something is idle");
    }
    if (!makes) return expect(refusal::nothing_idle);
    if (then.there() >= options_.max_total) return expect(refusal::exhausted);
    expect(refusal::none);
    require(now.made == then.made + 1 || why == refusal::hook, "one is made when none is idle");
    require(now.there() == then.there() + (got ? 1 : 0), "what is not prepared does not stay");
  }

  // A thread gets what it put last, as long as nobody else has taken of it.
  void expect_order(bool exact, const T* got) {
    std::vector<std::uint64_t>& own = recent_[self_];
    if (!exact || got == nullptr) return forget_order();
    if (own.empty()) return recent_[1 - self_].clear();  // it may have come from there
    require(got->id() == own.back(), "a thread gets what it put last");
    own.pop_back();
  }
  void forget_order() { recent_ = {}; }

  // ---- putting

  holding let_go(std::size_t index) {
    std::swap(held_[index % held_.size()], held_.back());
    holding gone = std::move(held_.back());
    held_.pop_back();
    return gone;
  }

  void begin_put(T& object) { book_.put(object.id(), ++object.mark); }

  void put(holding one, std::size_t way) {
    const before then(*this);
    begin_put(one.object());
    const bool discards = way >= 248 && one.may_discard();
    const refusal why = attempt([&] { discards ? one.discard() : one.put(&*pool_, way); });
    const bool stays = book_.settle(one.id()), exact = is_exact(then);
    if (discards) {
      require(!stays, "what is discarded is destroyed");
    } else {
      expect_put(then, exact, why, stays);
    }
    if (!exact) return forget_order();
    std::vector<std::uint64_t>& own = recent_[self_];
    if (stays) own.push_back(one.id());
    if (own.size() > ordered) own.erase(own.begin());
  }

  void expect_put(const before& then, bool exact, refusal why, bool stays) {
    const ledger::numbers now = book_.read();
    const bool by_hook = now.not_kept != then.not_kept || now.thrown != then.thrown;
    const bool keeps_none = closed_ || options_.pass_through;
    const bool no_room = !keeps_none && !by_hook && then.idle >= options_.max_idle;
    require(why == refusal::none || why == refusal::hook, "a put fails by its hooks only");
    if (why == refusal::hook && !races_) require(now.thrown != then.thrown, "a put throws what a hook throws");
    if (exact) {
      require(stays == !(by_hook || keeps_none || no_room), "what is put stays, unless something speaks against it");
      refused_ += no_room;
    } else if (!stays) {
      ++perhaps_refused_;
    }
  }

  // While others use the pool.
  void put_aside(holding& one) {
    begin_put(one.object());
    static_cast<void>(attempt([&] { one.put(&*pool_, 1); }));
    book_.settle(one.id());
  }
  void put_aside(handle& one) {
    const std::uint64_t id = one->id();
    begin_put(*one);
    one = {};
    if (!book_.settle(id)) ++perhaps_refused_;
  }

  void put_one() {
    if (held_.empty()) return;
    const std::size_t which = in_.two_bytes(), way = in_.byte();
    put(let_go(which), way);
  }
  void put_many() {
    const std::size_t each = 1 + in_.below(3), way = in_.byte();
    for (std::size_t i = in_.two_bytes(), left = some(); left != 0 && !held_.empty(); --left, i += each)
      put(let_go(i), way);
  }
  void change_hands() {
    if (held_.empty()) return;
    holding& one = held_[in_.two_bytes() % held_.size()];
    one.change_hands(*pool_, in_.byte());
    static_cast<void>(one.object());
  }

  // ---- what concerns all objects

  void warm() {
    forget_order();
    const std::size_t count = std::min(some(), most_held);
    const before then(*this);
    std::size_t made = 0;
    ledger::warms = true;
    const refusal why = attempt([&] { made = pool_->warm(count); });
    ledger::warms = false;
    if (options_.pass_through) return;
    book_.settle_warmed(then.made, then.tick);
    if (!is_exact(then)) return;
    const ledger::numbers now = book_.read();
    const std::size_t room = std::min(options_.max_idle - then.idle, options_.max_total - then.there());
    const std::size_t expected = closed_ ? 0 : std::min(count, room), came = now.idle - then.idle;
    require(why == refusal::none || why == refusal::hook, "a warm() throws what a hook throws, and nothing else");
    if (why == refusal::none) require(made == expected && came == made, "a warm() makes as many as it may");
    require(now.made - then.made == came && came <= expected, "what is made is idle");
  }

  void empty_all(std::size_t way) {
    forget_order();
    const before then(*this);
    if (way == 0) pool_->clear();
    if (way == 1) {
      pool_->trim();
      book_.end_tick();
      ++ticks_;
    }
    if (way == 2) {
      closed_ = true;
      pool_->close();
    }
    if (is_exact(then)) require(book_.read().idle == 0, "nothing is idle when all has been destroyed");
  }

  void tick(age_level level) {
    forget_order();
    const before then(*this);
    const std::size_t fresh = then.idle - std::min(then.idle, book_.stale());
    const bool by_itself = level == age_level::tick && !closed_;
    if (options_.clock != nullptr) {
      book_.begin_tick(by_itself && !races_);
      clock_.tick(level);
      book_.end_tick();
      ++ticks_;
    }
    quiet_ticks_ = is_exact(then) ? quiet_ticks_ + 1 : 0;
    if (quiet_ticks_ == 0) return;
    const std::size_t idle = book_.read().idle, least = std::min(then.idle, options_.min_idle);
    if (options_.clock == nullptr) return require(idle == then.idle, "without a clock nothing ages");
    if (!by_itself) return require(idle == 0, "nothing is idle when memory is short");
    require(idle >= least, "min_idle stay");
    if (quiet_ticks_ >= 2) require(idle == least, "when nothing is used, two ticks take all");
    // What was put while a tick went on may be younger than the ledger says.
    if (options_.ageing == object_ageing::two_ticks && !raced_ && then.nested == 0)
      require(idle == std::max(fresh, least), "what was idle for two ticks leaves, and nothing else");
  }

  void go_quiet() {
    rejoin();
    tick(age_level::tick);
    tick(age_level::tick);
  }

  void fail_a_hook() {
    const auto which = static_cast<ledger::hook>(in_.below(4));
    book_.throw_at(which, in_.below(8));
  }
  void fail_memory() {
    const std::size_t first = in_.below(4);
    memory_.fail_after(first, in_.below(64));
  }

  // ---- with another thread, and another pool

  void rejoin() {
    second_thread().wait();
    races_ = false;
  }

  // The second thread does what this one would.
  void in_lock_step() {
    const std::size_t what = in_.below(8), count = some();
    rejoin();
    second_thread().run([&] {
      self_ = 1;
      if (what < 3) get(count);
      if (what == 3 || what == 4) put_one();
      if (what == 5) put_many();
      if (what == 6) change_hands();
      if (what == 7) warm();
      self_ = 0;
    });
  }

  // While this thread goes on.
  template <class F>
  void start_beside(F task) {
    forget_order();
    races_ = raced_ = true;
    second_thread().start(std::move(task));
  }
  void beside() {
    const std::size_t what = in_.below(8), times = 1 + in_.below(8);
    rejoin();
    const auto given = std::make_shared<std::vector<holding>>();
    while (what < 3 && given->size() < times && !held_.empty()) given->push_back(let_go(in_.byte()));
    start_beside([this, what, times, given] {
      for (holding& each : *given) put_aside(each);
      for (std::size_t i = 0; i < times; ++i) disturb(what, i);
    });
  }
  void disturb(std::size_t what, std::size_t way) {
    if (what == 3 || what == 4) {
      clock_.tick(what == 3 ? age_level::tick : age_level::pressure);
      book_.end_tick();
      ticks_ += options_.clock != nullptr;
    }
    if (what == 5) pool_->clear();
    if (what == 6) static_cast<void>(pool_->statistics());
    handle got;
    if (what != 7 || get_by(way, got) != refusal::none) return;
    accept(*got);
    put_aside(got);
  }

  // Of a pool that is full, while this thread waits for it.
  void wait_for_put() {
    rejoin();
    const before then(*this);
    if (then.idle != 0 || then.there() < options_.max_total || held_.empty() || then.failing || closed_) return;
    const auto given = std::make_shared<holding>(let_go(in_.byte()));
    start_beside([this, given] { put_aside(*given); });
    handle got;
    const refusal why = attempt([&] { got = pool_->get_for(60s); });
    require(got || why == refusal::hook, "who waits gets what is put");
    if (!got) return;
    accept(*got);
    held_.emplace_back(std::move(got));
  }

  void use_another_pool() {
    if (!other_) other_.emplace(object_pool_options{.upstream = &other_memory_, .clock = &clock_});
    const auto one = other_->get();
  }

  // What a destructor may do.
  void use_nested() noexcept {
    const bool warms = std::exchange(ledger::warms, false);
    if (handle got; get_by(4, got) == refusal::none) {
      book_.take(got->id(), true);
      put_aside(got);
    }
    ledger::warms = warms;
  }

  // ---- numbers, beginning and end

  void check_statistics() {
    rejoin();
    const cistern::object_pool_statistics now = pool_->statistics();
    const ledger::numbers all = book_.read();
    require(now.total == all.there(), "objects are counted");
    require(now.idle_threads + now.idle_depot == all.idle, "idle objects are counted");
    require(all.idle <= options_.max_idle, "max_idle is kept");
    require(now.live == held_.size(), "objects that are out are counted");
    require(now.most >= all.most && now.most <= options_.max_total, "the most there were are counted");
    require(now.gets == all.taken + all.not_prepared && now.gets == now.hits + now.misses, "gets are counted");
    require(now.misses == all.made_by_gets, "misses are counted");
    require(now.steals <= now.hits && now.victim_hits <= now.hits, "steals and victims are hits");
    require(now.made == all.made && now.dropped == all.died, "what is made and destroyed is counted");
    require(now.failed == all.thrown, "hooks that throw are counted");
    require(now.failures == failures_, "gets that are refused are counted");
    require(now.ticks == ticks_, "ticks are counted");
    require(now.taken + own_bytes_ == memory_.live_bytes(), "what is taken is counted");
    require(now.high_water >= now.taken && now.bytes_each >= sizeof(T), "bytes are counted");
    if (raced_) return;
    require(now.aged >= all.aged && now.aged <= all.aged + all.perhaps_aged, "what ages is counted");
    const std::uint64_t refused = all.not_kept + refused_;
    require(now.refused >= refused && now.refused <= refused + perhaps_refused_, "what is refused is counted");
  }

  // Memory may fail while the pool is made.
  bool begin() {
    const std::size_t served = ending_ >> 5;
    if (served < 4) memory_.fail_after(served, 1);
    try {
      pool_.emplace(Hooks{.drops = drops_}, options_);
    } catch (const std::bad_alloc&) {
      require(served < 4, "there is memory for a pool");
      return false;
    }
    memory_.fail_after(0, 0);
    own_bytes_ = memory_.live_bytes() - pool_->statistics().taken;
    return true;
  }

  // By the bits of ending_: objects outlive the pool, memory comes again before its end, the second thread puts them,
  // while the destructor runs.
  void finish() {
    rejoin();
    if (ending_ % 32 == 30) second_thread().end();
    const std::size_t stay = (ending_ & 1) != 0 ? 3 : 0;
    while (held_.size() > stay) put(let_go(held_.size() - 1), held_.size());
    for (holding& each : held_) each.adopt(*pool_);
    book_.nest(0);
    check_statistics();
    if ((ending_ & 2) != 0) memory_.fail_after(0, 0);
    const bool by_second = (ending_ & 4) != 0, meanwhile = by_second && (ending_ & 8) != 0;
    {
      const auto quiet = held_.empty() ? std::nullopt : std::optional<cistern::fuzz::silence>(std::in_place);
      if (meanwhile) second_thread().start([this] { put_rest(false); });
      pool_.reset();
      second_thread().wait();
    }
    require(book_.read().idle == 0, "what is idle is destroyed with the pool");
    by_second ? second_thread().run([this] { put_rest(true); }) : put_rest(true);
    other_.reset();
    require(other_memory_.live_bytes() == 0, "all memory of the other pool is back");
  }
  void put_rest(bool after_end) {
    while (!held_.empty()) {
      holding one = let_go(held_.size() - 1);
      const std::size_t way = ending_ / 16 + held_.size();
      begin_put(one.object());
      static_cast<void>(attempt([&] { way % 4 == 3 && one.may_discard() ? one.discard() : one.put(nullptr, way); }));
      const bool stays = book_.settle(one.id());
      if (after_end) require(!stays, "what is put after the pool's end is destroyed");
    }
  }

  void step() {
    const std::size_t what = in_.below(32);
    if (what != 16 && what != 18) quiet_ticks_ = 0;
    if (what < 4) return get(1);
    if (what < 6) return get(some());
    if (what < 10) return put_one();
    if (what < 12) return put_many();
    if (what < 14) return change_hands();
    switch (what) {
      case 14:
        return warm();
      case 15:
        return empty_all(in_.below(32) == 31 ? 2 : in_.below(2));
      case 16:
        return tick(age_level::tick);
      case 17:
        return tick(age_level::pressure);
      case 18:
        return go_quiet();
      case 19:
        return beside();
      case 20:
        return wait_for_put();
      case 21:
        return use_another_pool();
      case 22:
        return fail_a_hook();
      case 23:
        return book_.refuse(in_.below(8));
      case 24:
        return book_.nest(in_.below(8));
      case 25:
        return fail_memory();
      case 26:
        if (in_.below(32) == 31) second_thread().end();
        return forget_order();
      case 27:
        if (in_.below(8) == 0) static_cast<void>(to_string(pool_->statistics()) + to_json(pool_->statistics()));
        return check_statistics();
      default:
        return in_lock_step();
    }
  }

  input& in_;
  object_pool_options options_;
  std::size_t ending_;
  cistern::fuzz::failing_upstream memory_, other_memory_;
  cistern::ageing_clock clock_;
  ledger book_;
  std::shared_ptr<std::atomic<std::uint64_t>> drops_ = std::make_shared<std::atomic<std::uint64_t>>(0);
  std::optional<pool> pool_;
  std::optional<object_pool<int>> other_;
  std::size_t own_bytes_ = 0;

  std::vector<holding> held_;
  std::array<std::vector<std::uint64_t>, 2> recent_;  // what each thread put, as far as it must come back in order
  std::size_t self_ = 0;                              // the thread that does the operation: 1 is the second one
  bool races_ = false, raced_ = false, closed_ = false;
  std::size_t quiet_ticks_ = 0;
  std::atomic<std::uint64_t> ticks_ = 0, failures_ = 0, perhaps_refused_ = 0;
  std::uint64_t refused_ = 0;
};

template <class T, template <class> class Hooks>
void play(input& in) {
  session<T, Hooks<T>>(in).play();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cistern::fuzz;
  constexpr decltype(&play<thing<8>, every_hook>) kinds[] = {
      play<thing<8>, every_hook>,         play<thing<8>, empty_hooks>,
      play<thing<40'000>, every_hook>,     // magazines of three
      play<thing<70'000, 64>, keep_hook>,  // that do not all begin in the first unit of a span
      play<thing<600, 256>, empty_hooks>,
  };
  input in({data, size});
  kinds[in.below(std::size(kinds))](in);
  return 0;
}
