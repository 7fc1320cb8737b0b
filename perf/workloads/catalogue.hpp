// SPDX-License-Identifier: MIT
#pragma once

#include <workloads/block.hpp>
#include <workloads/sizes.hpp>
#include <workloads/workloads.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace cistern::perf {

/// The programs there are: each is a class template over the contender's memory, in shapes/. Several workloads share
/// one and differ in numbers.
enum class shape {
  pair,
  batch,
  glibc_simple,
  slots,
  larson,
  producer_consumer,
  xmalloc,
  mstress,
  rptest,
  cache_scratch,
  cache_thrash,
  mleak,
  memory_return,
};

enum class free_order { lifo, fifo, random };

/// Numbers of a workload, as its shape reads them. Counts are those of one thread.
struct parameters {
  shape what;
  size_range sizes;
  std::size_t blocks = 0;  ///< live at once
  std::size_t unit = 0;    ///< operations, rounds or batches in one unit of work
  free_order order = free_order::lifo;
  bool favourites = false;  ///< slots: some are used far more often than others
  std::size_t touch_stride = first_byte_only;
  int threads = 1;
};

/// What a shape asks of a contender.
struct demands {
  bool frees_elsewhere = false;  ///< a block may be freed by another thread, or outlive the thread that got it
  bool mixed_sizes = false;
  bool frees_singly = true;  ///< memory must come back without all blocks being freed together
  bool small_blocks = true;  ///< no workload of this shape is for blocks of a page and more only
};

constexpr demands demands_of(shape what) noexcept {
  switch (what) {
    case shape::pair:
      return {.small_blocks = false};
    case shape::cache_thrash:
      return {};
    case shape::batch:
      return {.frees_singly = false, .small_blocks = false};
    case shape::glibc_simple:
      return {.frees_singly = false};
    case shape::slots:
      return {.mixed_sizes = true, .small_blocks = false};
    case shape::memory_return:
      return {.mixed_sizes = true};
    case shape::producer_consumer:
    case shape::xmalloc:
    case shape::cache_scratch:
      return {.frees_elsewhere = true};
    case shape::larson:
    case shape::mstress:
    case shape::rptest:
    case shape::mleak:
      break;
  }
  return {.frees_elsewhere = true, .mixed_sizes = true};
}

enum class thread_rule { any, one, even };

struct workload_entry {
  workload_info info;
  parameters numbers;
  thread_rule threads = thread_rule::any;
  bool together = false;            ///< the threads end each unit together; else each goes on by itself
  bool once = false;                ///< a unit is long: no warm-up, and one may be all
  std::uint32_t sample_every = 31;  ///< calls, in the latency pass; prime, so as not to keep step with the workload
};

std::span<const workload_entry> catalogue();

/// Throws std::invalid_argument, with a list, when there is none.
const workload_entry& find_workload(std::string_view name);

/// The numbers for one cell: with its threads, its scale, and the full set's sizes if asked for.
parameters numbers_for(const workload_entry& entry, const cell_request& request);

}  // namespace cistern::perf
