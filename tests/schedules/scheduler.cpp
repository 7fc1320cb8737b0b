// SPDX-License-Identifier: MIT
#include <schedules/engine.hpp>
#include <schedules/hooks.hpp>
#include <schedules/scheduler.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <utility>

namespace cistern::schedules {
namespace {

// Where static storage lies, as the linker tells.
namespace linker {
extern "C" const char etext[], end[];
}

bool is_static(const void* object) noexcept {
  constexpr std::less<const void*> before;
  return !before(object, linker::etext) && before(object, linker::end);
}

std::string in_hex(std::uint64_t seed) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(seed));
  return text;
}

// A number from the environment, or nothing when it is not set.
std::optional<std::uint64_t> environment_number(const char* name) {
  const char* const text = std::getenv(name);
  if (text == nullptr || *text == '\0') return std::nullopt;
  char* end = nullptr;
  const std::uint64_t number = std::strtoull(text, &end, 0);
  if (*end != '\0') throw std::invalid_argument(std::string(name) + " is \"" + text + "\"; a number is wanted");
  return number;
}

}  // namespace

class explorer {
 public:
  static exploration run_one(std::uint64_t seed, const exploration_options& options,
                             const std::function<void(scheduler&)>& body, bool traced) {
    engine one(seed, options, traced);
    engine::active = &one;
    scheduler face(one);
    one.run_body([&] { body(face); });
    engine::active = nullptr;
    if (!one.failure.empty()) one.restore_statics();
    return {.schedules = 1,
            .steps = one.steps,
            .seed = seed,
            .failure = one.failure,
            .trace = one.failure.empty() ? std::string() : one.trace.text()};
  }
};

exploration replay(std::uint64_t seed, const exploration_options& options,
                   const std::function<void(scheduler&)>& body) {
  return explorer::run_one(seed, options, body, true);
}

exploration explore(const exploration_options& options, const std::function<void(scheduler&)>& body) {
  if (const auto seed = environment_number("CISTERN_SCHEDULE_SEED")) return replay(*seed, options, body);
  const std::uint64_t wanted = environment_number("CISTERN_SCHEDULES").value_or(options.schedules);
  random_numbers seeds(options.seed);
  exploration all;
  while (all.schedules < wanted) {
    const exploration one = explorer::run_one(seeds.next(), options, body, false);
    ++all.schedules;
    all.steps += one.steps;
    if (one) continue;
    // Once more, for the trace; and to see whether the seed is enough to bring the failure back.
    const exploration again = replay(one.seed, options, body);
    all.seed = one.seed;
    all.failure = again ? one.failure : again.failure;  // which has the trace's names
    all.trace = again.trace;
    if (again || again.steps != one.steps)
      all.failure += " (not reproduced by its seed: the body depends on more than the schedule)";
    return all;
  }
  return all;
}

exploration::operator testing::AssertionResult() const {
  return (failure.empty() ? testing::AssertionSuccess() : testing::AssertionFailure()) << *this;
}

std::ostream& operator<<(std::ostream& out, const exploration& result) {
  out << result.schedules << " schedules, " << result.steps << " steps";
  if (result) return out << ", all passed";
  return out << "; failed: " << result.failure << "\n"
             << result.trace << "To run this schedule alone: CISTERN_SCHEDULE_SEED=" << in_hex(result.seed)
             << " and --gtest_filter with this test\n";
}

void scheduler::spawn(std::function<void()> work) { engine_.spawn(std::move(work)); }
void scheduler::spawn_freezing(std::size_t at_step, std::function<void()> work) {
  engine_.spawn(std::move(work), at_step);
}
void scheduler::freeze_after(std::size_t steps) { engine_.self().freezes_after = steps; }
void scheduler::run() { engine_.run(); }
void scheduler::fail(const std::string& what) { engine_.fail(what); }
void scheduler::yield() { detail::scheduling_point("yield", nullptr); }
std::uint64_t scheduler::choose(std::uint64_t bound) { return engine_.random.below(bound); }
std::chrono::nanoseconds scheduler::now() const { return engine_.time; }

namespace detail {
namespace {

// The engine, if a fibre of it is running.
engine* running() noexcept {
  engine* const active = engine::active;
  return active != nullptr && active->in_fibre() ? active : nullptr;
}

}  // namespace

void scheduling_point(const char* operation, const void* object) noexcept {
  if (engine* const here = running()) here->step(operation, object);
}

void pause() noexcept {
  if (engine* const here = running()) here->pause();
}

bool chance() noexcept {
  engine* const here = running();
  return here != nullptr && here->random.below(16) == 0;
}

void note(std::uint64_t value) noexcept {
  if (engine* const here = running()) here->trace.result(value);
}
void note(const void* value) noexcept {
  if (engine* const here = running()) here->trace.result(value);
}

void changing(void* object, std::size_t size) noexcept {
  if (!is_static(object)) [[likely]]
    return;
  if (engine* const here = running()) here->changing(object, size);
}

bool tracing() noexcept {
  engine* const here = running();
  return here != nullptr && here->trace.on;
}

park_end park(const void* word, std::chrono::nanoseconds deadline) noexcept {
  engine* const here = running();
  if (here == nullptr) {
    std::fputs("schedules: park() outside of a fibre: nobody else runs that could wake it\n", stderr);
    std::abort();
  }
  return here->park(word, deadline);
}

void unpark(const void* word, bool all) noexcept {
  if (engine* const here = running()) here->unpark(word, all);
}

std::chrono::nanoseconds now() noexcept {
  engine* const here = running();
  if (here == nullptr) return engine::active != nullptr ? engine::active->time : std::chrono::seconds(1);
  here->step("now", nullptr);
  return here->time += std::chrono::microseconds(1);
}

void sleep_until(std::chrono::nanoseconds deadline) noexcept {
  if (engine* const here = running())
    here->sleep_until(deadline);
  else if (engine::active != nullptr)
    engine::active->time = std::max(engine::active->time, deadline);
}

thread_words& words() noexcept {
  static constinit thread_words outside;  // of any schedule
  return engine::active != nullptr ? engine::active->self().words : outside;
}

std::uint32_t thread_id() noexcept {
  engine* const here = running();
  return here != nullptr ? static_cast<std::uint32_t>(here->self().number + 1)
                         : std::numeric_limits<std::uint32_t>::max();
}

void at_thread_exit(void (*end)() noexcept) noexcept {
  if (engine::active != nullptr) engine::active->self().at_exit = end;
}

}  // namespace detail
}  // namespace cistern::schedules
