// SPDX-License-Identifier: MIT
#pragma once

#include "result_slot.hpp"
#include "speed_cases.hpp"
#include <workloads/process.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

namespace cistern::perf {

template <class Pool>
int answer(Pool& pool, bool parks, int question) {
  if constexpr (has_call<Pool>) {
    return pool.call([question] { return question; });
  } else {
    result_slot slot;
    pool.submit([&slot, question] { slot.set(question); });
    return parks ? slot.park() : slot.spin();
  }
}

/// What one waits from the submit to the result, in the middle of 20,000 times. One reading of the clock is in it.
template <class Pool>
double round_trip(const case_options& options) {
  const std::size_t trips = options.scaled(20'000), warm = options.scaled(1000);
  Pool pool(options);
  warm_up(pool);
  std::vector<double> times;
  times.reserve(warm + trips);
  produce(pool, [&] {
    auto last = case_clock::now();
    for (std::size_t i = 0; i < warm + trips; ++i) {
      const int question = static_cast<int>(i);
      if (answer(pool, options.parks, question) != question) throw std::runtime_error("a result was wrong");
      const auto now = case_clock::now();
      times.push_back(std::chrono::duration<double, std::nano>(now - last).count());
      last = now;
    }
  });
  const auto first = times.begin() + static_cast<std::ptrdiff_t>(warm);
  const auto middle = first + static_cast<std::ptrdiff_t>(trips / 2);
  std::nth_element(first, middle, times.end());
  return *middle;
}

/// Milliseconds of processor time that a pool uses in each second in which it has nothing to do, from the moment on
/// when it has done its last task.
template <class Pool>
double idle(const case_options& options) {
  const std::chrono::milliseconds time(options.is_small ? 30 : 3000);
  Pool pool(options);
  submit_all(pool, options, options.scaled(100'000), empty_task{});
  const double before = usage().cpu_seconds;
  std::this_thread::sleep_for(time);
  return (usage().cpu_seconds - before) * 1e3 / std::chrono::duration<double>(time).count();
}

}  // namespace cistern::perf
