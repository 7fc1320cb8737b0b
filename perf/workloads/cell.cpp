// SPDX-License-Identifier: MIT
//
// Design: a cell is two passes over the same workload, each with an activity of its own. The throughput pass calls the
// contender directly; the latency pass goes through observed memory. A pass is run by numbered threads, thread 0 being
// the caller, in steps that end at a barrier: enter (fill), warm up, measure, drain, leave.
//
// Within a step a thread repeats the unit of work until the deadline. Where the threads work together, every unit ends
// at the barrier, and its completion function decides for all of them; elsewhere each looks at the clock for itself.
// So the clock is read once for each unit, and never in a unit.
//
// Invariants: I1 deadline_ changes only between two barriers that every thread passes, by thread 0; I2 threads that
// work together do the same number of units.
#include <workloads/activity.hpp>
#include <workloads/catalogue.hpp>
#include <workloads/contender.hpp>
#include <workloads/observed.hpp>
#include <workloads/process.hpp>
#include <workloads/workloads.hpp>

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace cistern::perf {
namespace {

using clock = std::chrono::steady_clock;

struct effort {
  int threads;
  std::chrono::nanoseconds budget;
  std::uint64_t least_units;  // also beyond the budget
};

class pass {
 public:
  pass(const workload_entry& workload, activity& work, const effort& spend, timeline& memory_use)
      : workload_(workload),
        work_(work),
        spend_(spend),
        memory_use_(memory_use),
        barrier_(spend.threads, decide{this}) {}

  /// Fills in everything but the latency.
  void run(cell_result& result) {
    result.rss_before = rss_bytes();
    reset_peak_rss();
    play(0, [this] { work_.enter(0); });
    {
      std::vector<std::jthread> others;
      play(0, [&] {
        for (int i = 1; i < spend_.threads; ++i)
          others.emplace_back([this, i, &result] { play(i, [&] { steps(i, result); }); });
        steps(0, result);
      });
    }
    work_.trim();
    result.rss_trimmed = rss_bytes();
    result.operations = operations_.load(std::memory_order_relaxed);
    result.units = units_.load(std::memory_order_relaxed);
  }

 private:
  struct decide {
    pass* of;
    void operator()() noexcept { of->go_on_ = clock::now() < of->deadline_; }
  };

  template <class F>
  void play(int thread, F step) noexcept {  // a thread that ends early would leave the others at the barrier
    try {
      step();
    } catch (const std::exception& error) {
      give_up(workload_.info.name + ", thread " + std::to_string(thread) + ": " + error.what());
    }
  }

  void steps(int thread, cell_result& result) {
    if (thread != 0) work_.enter(thread);
    if (!workload_.once) {
      begin(thread, spend_.budget / 10);
      repeat(thread, 1);
    }
    begin(thread, spend_.budget, [&] { start_measuring(); });
    const counts done = repeat(thread, spend_.least_units);
    operations_.fetch_add(done.operations, std::memory_order_relaxed);
    units_.fetch_add(done.units, std::memory_order_relaxed);
    sync();
    if (thread == 0) stop_measuring(result);
    sync();
    work_.drain(thread);
    sync();
    if (thread == 0) result.rss_drained = rss_bytes();
    sync();
    work_.leave(thread);
  }

  void sync() { barrier_.arrive_and_wait(); }

  template <class F>
  void begin(int thread, std::chrono::nanoseconds length, F first) {
    sync();
    if (thread == 0) {
      first();
      deadline_ = clock::now() + length;
    }
    sync();
  }
  void begin(int thread, std::chrono::nanoseconds length) {
    begin(thread, length, [] {});
  }

  struct counts {
    std::uint64_t operations = 0, units = 0;
  };

  counts repeat(int thread, std::uint64_t least) {
    counts done;
    bool more = true;
    while (more) {
      done.operations += work_.unit(thread);
      if (workload_.together) {
        sync();
        more = go_on_;
      } else {
        more = clock::now() < deadline_;
      }
      if (++done.units < least) more = true;
    }
    return done;
  }

  void start_measuring() {
    memory_use_.start();
    used_before_ = usage();
    started_ = clock::now();
  }

  void stop_measuring(cell_result& result) {
    result.seconds = std::chrono::duration<double>(clock::now() - started_).count();
    const resource_usage now = usage();
    memory_use_.stop();
    result.cpu_seconds = now.cpu_seconds - used_before_.cpu_seconds;
    result.minor_faults = now.minor_faults - used_before_.minor_faults;
    result.major_faults = now.major_faults - used_before_.major_faults;
    result.voluntary_switches = now.voluntary_switches - used_before_.voluntary_switches;
    result.involuntary_switches = now.involuntary_switches - used_before_.involuntary_switches;
    result.rss_peak = peak_rss_bytes();
    result.classes = work_.classes();  // last: it allocates
  }

  // Constant after construction.
  const workload_entry& workload_;
  activity& work_;
  effort spend_;
  timeline& memory_use_;

  std::barrier<decide> barrier_;
  // Written by thread 0 between barriers.
  clock::time_point deadline_{};
  clock::time_point started_{};
  resource_usage used_before_{};
  // Written by the barrier's completion.
  bool go_on_ = false;
  // Summed with relaxed additions, read after the threads have been joined.
  std::atomic<std::uint64_t> operations_{0};
  std::atomic<std::uint64_t> units_{0};
};

void check_tunables(const contender_entry& contender) {
  if (contender.tunables.empty()) return;
  const char* const set = std::getenv("GLIBC_TUNABLES");
  if (set != nullptr && std::string_view(set).find(contender.tunables) != std::string_view::npos) return;
  throw std::invalid_argument(
      contender.info.name + " needs a process that was started with GLIBC_TUNABLES=" + std::string(contender.tunables));
}

void check_verdict(const cell_request& request, const observer& by) {
  if (!request.verify) return;
  if (const std::string fault = by.blocks.verdict(); !fault.empty())
    throw std::runtime_error(request.contender + " in " + request.workload + ": " + fault);
}

void run_throughput(const cell_request& request, const workload_entry& workload, cell_result& result) {
  const contender_entry& contender = find_contender(request.contender);
  const parameters numbers = numbers_for(workload, request);
  timeline memory_use;
  observer by;
  by.verify = request.verify;
  const auto work = contender.make({numbers, memory_use}, request.verify ? &by : nullptr);
  constexpr std::uint64_t few_units = 3;
  const effort spend{request.threads, request.budget, workload.once ? 1 : few_units};
  pass(workload, *work, spend, memory_use).run(result);
  result.memory = memory_use.take();
  check_verdict(request, by);
}

void run_latency(const cell_request& request, const workload_entry& workload, latency_percentiles& latency) {
  const parameters numbers = numbers_for(workload, request);
  timeline memory_use;
  observer by;
  by.verify = request.verify;
  by.every = workload.sample_every;
  const clock::time_point from = clock::now();
  const std::uint64_t from_ticks = ticks();
  cell_result ignored;
  {
    const auto work = find_contender(request.contender).make({numbers, memory_use}, &by);
    pass(workload, *work, {request.threads, request.budget / 2, 1}, memory_use).run(ignored);
  }
  const auto passed = static_cast<double>(ticks() - from_ticks);
  const double ns_per_tick = std::chrono::duration<double, std::nano>(clock::now() - from).count() / passed;
  const histogram& durations = by.durations;
  latency = {.samples = durations.total(),
             .p50 = durations.quantile(0.5) * ns_per_tick,
             .p99 = durations.quantile(0.99) * ns_per_tick,
             .p999 = durations.quantile(0.999) * ns_per_tick,
             .max = static_cast<double>(durations.largest()) * ns_per_tick};
  check_verdict(request, by);
}

}  // namespace

cell_result run_cell(const cell_request& request) {
  const workload_entry& workload = find_workload(request.workload);
  if (const std::string reason = why_not(request.workload, request.contender, request.threads); !reason.empty())
    throw std::invalid_argument(reason);
  check_tunables(find_contender(request.contender));
  cell_result result;
  run_throughput(request, workload, result);
  run_latency(request, workload, result.latency_ns);
  return result;
}

}  // namespace cistern::perf
