// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#if defined(__SANITIZE_ADDRESS__)
#define CISTERN_SCHEDULES_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CISTERN_SCHEDULES_ASAN 1
#endif
#endif
#ifndef CISTERN_SCHEDULES_ASAN
#define CISTERN_SCHEDULES_ASAN 0
#endif

namespace cistern::schedules {

/// How the next fibre is picked at each scheduling point.
enum class schedule_strategy : std::uint8_t {
  random,      ///< any that can run, each with the same probability: good for short races
  priorities,  ///< the one with the highest random priority, changed at two random points (PCT of depth 3): good for
               ///< bugs that need one thread to stand still for long
  both,        ///< each for one half of the schedules
};

/// How many schedules a structure must pass; fewer where a sanitizer makes each step dearer.
inline constexpr std::uint64_t default_schedules = CISTERN_SCHEDULES_ASAN ? 10'000 : 100'000;

struct exploration_options {
  std::uint64_t schedules = default_schedules;  ///< how many to try; CISTERN_SCHEDULES overrides it
  schedule_strategy strategy = schedule_strategy::both;
  std::uint64_t seed = 1;          ///< of the exploration: the same seed, the same schedules
  std::size_t max_steps = 10'000;  ///< of one schedule; more is reported as a livelock
};

/// What came out: passed, or the first schedule that failed.
struct exploration {
  std::uint64_t schedules = 0;  ///< tried
  std::uint64_t steps = 0;      ///< scheduling points passed in all of them
  std::uint64_t seed = 0;       ///< of the schedule that failed
  std::string failure;          ///< what was wrong; empty when all passed
  std::string trace;            ///< each step of the schedule that failed

  explicit operator bool() const noexcept { return failure.empty(); }
  operator testing::AssertionResult() const;  // NOLINT: for EXPECT_TRUE(explore(...)), which then tells all of this
};

/// With everything that is needed to run a failed schedule again.
std::ostream& operator<<(std::ostream& out, const exploration& result);

/// One schedule: fibres on one thread, of which exactly one runs at a time, from one scheduling point to the next. To
/// the code under test each fibre is a thread, with words, an id and an exit of its own, and so is the body.
///
/// Scheduling points are every operation of scheduled_sync (each atomic access, park, unpark, and the clock), and
/// yield(). So every interleaving of those operations can be reached, the choice follows from a seed, and the seed
/// brings it back. Memory is sequentially consistent here: a missing acquire or release is ThreadSanitizer's to find.
class scheduler {
 public:
  scheduler(const scheduler&) = delete;
  scheduler& operator=(const scheduler&) = delete;

  /// Adds a fibre, to be started by run(), or from now on when a fibre calls this. It may refer to the body's locals.
  void spawn(std::function<void()> work);

  /// Adds a fibre that stands still for good at its step of that number, wherever that is; 0 for never. It goes on only
  /// when no other fibre can: so who waits for a lock that it holds gets that, and a spin until it goes on is found as
  /// a livelock.
  void spawn_freezing(std::size_t at_step, std::function<void()> work);

  /// The same for the fibre that calls this, so many steps from now.
  void freeze_after(std::size_t steps);

  /// Runs all spawned fibres to their end. Returns only when that was reached.
  void run();

  /// Fails this schedule when `truth` is false, and then does not return. For fibres and for the body.
  void require(bool truth, std::string_view what) {
    if (!truth) fail(std::string(what));
  }
  [[noreturn]] void fail(const std::string& what);

  /// A scheduling point of its own, for the middle of a critical section.
  void yield();

  /// A number below `bound` that follows from the seed: for a body that varies what it does.
  std::uint64_t choose(std::uint64_t bound);

  /// Time in this schedule: it begins at 1 s, passes at each look at the clock, and jumps to a deadline when a timed
  /// park ends by it.
  std::chrono::nanoseconds now() const;

 private:
  friend class explorer;
  explicit scheduler(class engine& engine) : engine_(engine) {}

  class engine& engine_;
};

/// Runs `body` under many schedules until one fails. The body makes its objects, spawns fibres that use them, calls
/// run(), and may then require() more. It must do the same each time, but for choose(). A schedule that fails is left
/// as it stands: its fibres never go on, and its objects are never destroyed.
///
///     EXPECT_TRUE(explore({.schedules = 1000}, [](scheduler& s) {
///       cistern::mutex mutex;
///       int inside = 0;
///       for (int i = 0; i < 2; ++i)
///         s.spawn([&] {
///           const std::scoped_lock lock(mutex);
///           s.require(++inside == 1, "two are inside");
///           s.yield();
///           --inside;
///         });
///       s.run();
///     }));
///
/// In a deadlock (nobody can run, nobody waits for a time) the schedule fails and tells who is parked where.
/// The environment's CISTERN_SCHEDULE_SEED runs that one schedule instead; choose the test by --gtest_filter.
exploration explore(const exploration_options& options, const std::function<void(scheduler&)>& body);

/// Runs the one schedule with this seed, and tells its steps when it fails.
exploration replay(std::uint64_t seed, const exploration_options& options, const std::function<void(scheduler&)>& body);

}  // namespace cistern::schedules
