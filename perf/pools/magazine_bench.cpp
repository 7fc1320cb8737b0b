// SPDX-License-Identifier: MIT
// Four ways to keep idle blocks near a thread so that others can take them back when the thread sleeps;
// pools/block_pool.md tells which was chosen and why. Each pair is one get and one put, of a magazine that is neither
// empty nor full: without checks, without the search for the thread's cache, which all of them need.
//
//   owner_only      nobody else can take anything: what the others are measured against
//   from_below      chosen: the owner moves the top, a visitor the limit; one load more in a get
//   biased_lock     the owner locks for each get and each put, with light fences
//   atomic_spare    owner_only, and a second magazine that a visitor may exchange: the first one stays with the thread
//   per_cpu         a magazine for each processor, by restartable sequences (x86-64, glibc 2.35)
#include <cistern/allocators/asymmetric_fence.hpp>
#include <cistern/allocators/biased_lock.hpp>
#include <cistern/allocators/sync.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>
#include <unistd.h>

#if defined(__x86_64__) && __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#define CISTERN_HAS_RSEQ 1
#else
#define CISTERN_HAS_RSEQ 0
#endif

namespace {

constexpr std::size_t size = 64;

struct alignas(512) magazine {
  void* word[size];
  bool empty(void* const* top) const { return top == &word[1]; }
  static bool full(void* const* top) { return reinterpret_cast<std::uintptr_t>(top) % sizeof(magazine) == 0; }
};

// A magazine with some blocks in it, and the top of it.
struct half_full {
  half_full() {
    for (void*& each : blocks.word) each = &each;
  }
  magazine blocks;
  cistern::sync::atomic<void**> top{&blocks.word[size / 2]};
};

struct owner_only : half_full {
  void* get() {
    void** const now = top.load(std::memory_order_relaxed) - 1;
    if (now == &blocks.word[0]) [[unlikely]]
      return nullptr;
    top.store(now, std::memory_order_relaxed);
    return *now;
  }
  void put(void* block) {
    void** const now = top.load(std::memory_order_relaxed);
    if (magazine::full(now)) [[unlikely]]
      return;
    *now = block;
    top.store(now + 1, std::memory_order_relaxed);
  }
};

struct from_below : half_full {
  void* get() {
    void** const now = top.load(std::memory_order_relaxed) - 1;
    cistern::asymmetric_fence::store_then_light_fence(top, now, true);
    if (now < limit.load(std::memory_order_relaxed)) [[unlikely]] {
      top.store(now + 1, std::memory_order_relaxed);
      return nullptr;
    }
    return *now;
  }
  void put(void* block) {
    void** const now = top.load(std::memory_order_relaxed);
    if (magazine::full(now)) [[unlikely]]
      return;
    *now = block;
    top.store(now + 1, std::memory_order_release);
  }
  cistern::sync::atomic<void**> limit{&blocks.word[1]};
};

struct biased : owner_only {
  void* get() {
    lock.lock(true);
    void* const block = owner_only::get();
    lock.unlock();
    return block;
  }
  void put(void* block) {
    lock.lock(true);
    owner_only::put(block);
    lock.unlock();
  }
  cistern::biased_lock lock;
};

// The spare is not touched by gets and puts that find their magazine neither empty nor full: the cost is in what stays
// with a thread that sleeps, and in an exchange at each change of magazines.
struct atomic_spare : owner_only {
  void exchange() { now = spare.exchange(now, std::memory_order_acq_rel); }
  magazine other;
  magazine* now = &blocks;
  cistern::sync::atomic<magazine*> spare{&other};
};

#if CISTERN_HAS_RSEQ

struct alignas(1024) cpu_magazine {
  std::uint64_t count = size / 2;
  void* slot[size] = {};
};

struct per_cpu {
  per_cpu() : cpus(static_cast<std::size_t>(sysconf(_SC_NPROCESSORS_CONF))) {
    for (cpu_magazine& each : cpus)
      for (void*& slot : each.slot) slot = &slot;
  }
  static bool works() {
    return __rseq_size != 0 && *reinterpret_cast<volatile std::int32_t*>(
                                   static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset + 4) >= 0;
  }

// A restartable sequence: the kernel goes on at the label 4 when the thread was interrupted between 1 and 2.
#define CISTERN_RSEQ(body)                                                                           \
  ".pushsection __rseq_cs, \"aw\"\n.balign 32\n3:\n.long 0, 0\n.quad 1f, 2f - 1f, 4f\n.popsection\n" \
  "5:\nleaq 3b(%%rip), %%rax\nmovq %%rax, 8(%[area])\n1:\nmovl 4(%[area]), %%eax\nshlq $10, %%rax\n" \
  "addq %[slabs], %%rax\n" body "2:\n.pushsection __rseq_failure, \"ax\"\n.long 0x53053053\n4:\njmp 5b\n.popsection\n"

  void* get() {
    void* block = nullptr;
    asm volatile(CISTERN_RSEQ("movq (%%rax), %%rcx\nxorl %k[block], %k[block]\ntestq %%rcx, %%rcx\njz 2f\n"
                              "movq (%%rax, %%rcx, 8), %[block]\ndecq %%rcx\nmovq %%rcx, (%%rax)\n")
                 : [block] "=&r"(block)
                 : [area] "r"(area()), [slabs] "r"(cpus.data())
                 : "rax", "rcx", "memory", "cc");
    return block;
  }
  void put(void* block) {
    asm volatile(CISTERN_RSEQ("movq (%%rax), %%rcx\ncmpq $64, %%rcx\njae 2f\nmovq %[block], 8(%%rax, %%rcx, 8)\n"
                              "incq %%rcx\nmovq %%rcx, (%%rax)\n")
                 :
                 : [area] "r"(area()), [slabs] "r"(cpus.data()), [block] "r"(block)
                 : "rax", "rcx", "memory", "cc");
  }
#undef CISTERN_RSEQ

 private:
  static char* area() { return static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset; }
  std::vector<cpu_magazine> cpus;
};
static_assert(sizeof(cpu_magazine) == 1024);

#endif

template <class Cache>
void pair(benchmark::State& state) {
  if constexpr (requires { Cache::works(); })
    if (!Cache::works()) {
      state.SkipWithError("restartable sequences are off here");
      return;
    }
  const auto cache = std::make_unique<Cache>();
  for (auto _ : state) {
    void* block = cache->get();
    asm volatile("" : "+r"(block) : : "memory");
    cache->put(block);
  }
}

// What a change of magazines costs each of them beside the depot.
void change_by_exchange(benchmark::State& state) {
  const auto cache = std::make_unique<atomic_spare>();
  for (auto _ : state) cache->exchange();
}

BENCHMARK(pair<owner_only>);
BENCHMARK(pair<from_below>);
BENCHMARK(pair<biased>);
BENCHMARK(pair<atomic_spare>);
#if CISTERN_HAS_RSEQ
BENCHMARK(pair<per_cpu>);
#endif
BENCHMARK(change_by_exchange);

}  // namespace
