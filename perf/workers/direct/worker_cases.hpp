// SPDX-License-Identifier: MIT
#pragma once

#include "memory_cases.hpp"
#include "speed_cases.hpp"
#include "waiting_cases.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace cistern::perf {

struct worker_case {
  std::string_view name;
  double (*measure)(case_options);
};

template <double (*Measure)(const case_options&)>
double by_value(case_options options) {
  return Measure(options);
}

/// What a contender can take part in.
template <worker_contender Pool>
std::vector<worker_case> worker_cases() {
  if (counted_mallocs != nullptr) return {{"mallocs", mallocs<Pool>}};
  std::vector<worker_case> all = {{"outside", by_value<outside<Pool>>},
                                  {"round_trip", by_value<round_trip<Pool>>},
                                  {"micro", by_value<micro<Pool>>},
                                  {"idle", by_value<idle<Pool>>},
                                  {"task_malloc", task_memory<Pool, malloc_memory>}};
  if constexpr (!is_bounded<Pool>) {
    all.push_back({"tree", by_value<tree<Pool>>});
    all.push_back({"queued_bytes", by_value<queued_bytes<Pool>>});
    all.push_back({"drained_rss", by_value<drained_rss<Pool>>});
  }
  if constexpr (has_fork_join<Pool>) all.push_back({"fib", by_value<fork_join<Pool>>});
  return all;
}

inline int explain(const char* program, const std::vector<worker_case>& cases) {
  std::fprintf(stderr, "%s case [workers [producers]] [park]: prints one number. Cases:", program);
  for (const worker_case& each : cases) std::fprintf(stderr, " %s", each.name.data());
  std::fprintf(stderr, "\n%s small: tries each with little work\n", program);
  return 2;
}

/// The options that follow a case's name; false when they make no sense.
inline bool read_options(case_options& options, int count, char** arguments) {
  unsigned* const numbers[] = {&options.workers, &options.producers};
  std::size_t given = 0;
  for (int i = 0; i < count; ++i) {
    if (arguments[i] == std::string_view("park")) {
      options.parks = true;
      continue;
    }
    char* end = nullptr;
    const unsigned long value = std::strtoul(arguments[i], &end, 10);
    if (*end != '\0' || value < 1 || value > 64 || given == std::size(numbers)) return false;
    *numbers[given++] = static_cast<unsigned>(value);
  }
  return true;
}

/// The program of a contender.
inline int run_worker_cases(const std::vector<worker_case>& cases, int count, char** arguments) {
  const std::string_view wanted = count > 1 ? arguments[1] : "";
  try {
    if (wanted == "small") {
      for (const worker_case& each : cases) {
        case_options options;
        options.is_small = true;
        std::printf("%s %.3f\n", each.name.data(), each.measure(options));
      }
      return 0;
    }
    case_options options;
    for (const worker_case& each : cases)
      if (each.name == wanted && read_options(options, count - 2, arguments + 2))
        return std::printf("%.3f\n", each.measure(options)) > 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", arguments[0], error.what());
    return 1;
  }
  return explain(arguments[0], cases);
}

}  // namespace cistern::perf
