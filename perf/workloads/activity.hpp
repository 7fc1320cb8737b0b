// SPDX-License-Identifier: MIT
#pragma once

#include <workloads/catalogue.hpp>
#include <workloads/timeline.hpp>
#include <workloads/workloads.hpp>

#include <cstdint>
#include <vector>

namespace cistern::perf {

struct observer;

/// Where a workload plays: what it is given besides memory.
struct stage {
  const parameters& numbers;
  timeline& memory_use;
};

/// What the threads of a shape share when they share nothing.
struct nothing_shared {
  nothing_shared() = default;
  explicit nothing_shared(const stage&) {}
};

/// A workload on a contender, ready to be run by threads numbered from 0. One virtual call for each unit of work; the
/// work inside is compiled for the contender.
///
/// Each thread calls enter, unit any number of times, drain, leave; thread 0 enters before the others do.
class activity {
 public:
  activity() = default;
  activity(const activity&) = delete;
  activity& operator=(const activity&) = delete;
  virtual ~activity() = default;

  virtual void enter(int thread) = 0;
  /// Returns the number of operations, the same for every unit.
  virtual std::uint64_t unit(int thread) = 0;
  /// Frees all that the thread holds. No thread is in a unit.
  virtual void drain(int thread) = 0;
  virtual void leave(int thread) = 0;
  /// Gives back what can be, when all threads have left.
  virtual void trim() = 0;
  /// How full the contender's size classes are; empty when it cannot tell. No thread is in a unit.
  virtual std::vector<class_fill> classes() const = 0;
};

}  // namespace cistern::perf
