// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// The allocator comparison: the field's workloads on every allocator that this build has, one cell at a time.
///
/// A cell is a workload on a contender with a number of threads. Run each one in a process of its own: allocators keep
/// what earlier work left behind, and the C library reads its tunables only at the start. README.md lists the
/// workloads.
namespace cistern::perf {

struct workload_info {
  std::string name;    ///< "batch/1024/random"
  std::string family;  ///< "batch"
  std::string what;    ///< one sentence
  bool threaded;       ///< can use more than one thread
  bool quick;          ///< belongs to the quick set
};

struct contender_info {
  std::string name;
  std::string kind;  ///< allocator, pmr, pool or floor
  std::string what;  ///< one sentence
  std::string version;
};

/// All workloads, in the order in which a report shows them.
const std::vector<workload_info>& workloads();

/// The contenders that are present in this build: allocators first, the floor last.
const std::vector<contender_info>& contenders();

/// Empty when the contender can take part in the workload with this many threads, else the reason in words.
/// Throws std::invalid_argument, with a list of those present, for an unknown name.
std::string why_not(std::string_view workload, std::string_view contender, int threads);

/// What GLIBC_TUNABLES must hold in the process that runs a cell of the contender "glibc-tuned". Naming a trim
/// threshold freezes the mmap threshold, which would otherwise adapt, so that one is set to its largest value as well.
inline constexpr std::string_view glibc_tunables =
    "glibc.malloc.tcache_count=2000:glibc.malloc.trim_threshold=268435456:glibc.malloc.mmap_threshold=33554432";

struct cell_request {
  std::string workload;
  std::string contender;
  int threads = 1;
  std::chrono::milliseconds budget{50};  ///< of the throughput pass; a tenth more warms up, half of it samples latency
  bool full = false;                     ///< the full set's size of the workload "memory": 1 GiB instead of 128 MiB
  bool verify = false;                   ///< check every block for overlap and damage; the times mean nothing then
  double scale = 1;                      ///< of the number of blocks and of operations in a unit; for tests
};

struct memory_sample {
  double seconds;  ///< since the start of the throughput pass
  std::size_t live_bytes;
  std::size_t rss_bytes;
};

struct latency_percentiles {
  std::uint64_t samples = 0;
  double p50 = 0, p99 = 0, p999 = 0, max = 0;
};

/// What a pool holds of one size class, in blocks.
struct class_fill {
  std::size_t bytes = 0;  ///< that a block of the class holds
  std::size_t live = 0;
  // Idle: in magazines of threads, in the depot that they share, and in the spans that blocks are cut from.
  std::size_t cached_threads = 0, cached_depot = 0, retained = 0;
};

struct cell_result {
  // The throughput pass, over all threads. One operation is one allocation with its free.
  std::uint64_t operations = 0;
  std::uint64_t units = 0;  ///< repetitions of the workload's unit of work, over all threads
  double seconds = 0;
  double cpu_seconds = 0;
  std::uint64_t minor_faults = 0, major_faults = 0, voluntary_switches = 0, involuntary_switches = 0;
  // Of the process, in bytes: before the contender is first used, at most, with every block freed, and trimmed.
  std::size_t rss_before = 0, rss_peak = 0, rss_drained = 0, rss_trimmed = 0;
  std::vector<memory_sample> memory;  ///< empty unless the workload samples it
  // At the end of the throughput pass, before the blocks are freed; empty for contenders that cannot tell.
  std::vector<class_fill> classes;
  // A second, shorter pass in which some calls are timed, allocations and frees alike; without the clock's own cost.
  latency_percentiles latency_ns;
};

/// Runs one cell in this process, on the calling thread and threads - 1 others. Throws std::invalid_argument for an
/// unknown name, a cell that why_not() rules out, or "glibc-tuned" without its tunables; std::runtime_error when
/// `verify` finds the contender wrong. Ends the process with status 1 and a line on stderr when the contender runs out
/// of memory.
cell_result run_cell(const cell_request& request);

}  // namespace cistern::perf
