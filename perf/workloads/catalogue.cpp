// SPDX-License-Identifier: MIT
//
// Every workload with its numbers. Units of work are short (some milliseconds for a good allocator), because the
// budget is looked at between units only; those that are not are marked `once`.
#include <workloads/catalogue.hpp>

#include <algorithm>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

namespace cistern::perf {
namespace {

constexpr std::size_t KiB = 1024, MiB = 1024 * KiB, GiB = 1024 * MiB;

using counts = std::initializer_list<std::size_t>;

constexpr size_range of(std::size_t bytes) noexcept { return {bytes, bytes}; }

void add_pairs(std::vector<workload_entry>& to) {
  for (const std::size_t bytes : counts{16, 64, 256, 1024, 4096, 65536})
    to.push_back({.info = {"pair/" + std::to_string(bytes), "pair", "allocate one block, free it", true,
                           bytes == 64 || bytes == 4096 || bytes == 65536},
                  .numbers = {.what = shape::pair, .sizes = of(bytes), .unit = 2000}});
}

void add_batches(std::vector<workload_entry>& to) {
  struct named_order {
    const char* name;
    free_order order;
    const char* what;
  };
  constexpr named_order orders[] = {
      {"lifo", free_order::lifo, "allocate 1000 blocks, free them last in first out"},
      {"fifo", free_order::fifo, "allocate 1000 blocks, free them first in first out"},
      {"random", free_order::random, "allocate 1000 blocks, free them in random order"},
  };
  for (const std::size_t bytes : counts{64, 1024})
    for (const auto& [name, order, what] : orders)
      to.push_back({.info = {"batch/" + std::to_string(bytes) + "/" + name, "batch", what, true,
                             bytes == 1024 && order == free_order::random},
                    .numbers = {.what = shape::batch, .sizes = of(bytes), .blocks = 1000, .unit = 4, .order = order}});
  for (const std::size_t bytes : counts{8, 8192})
    to.push_back(
        {.info = {"slow-path/" + std::to_string(bytes), "slow-path",
                  "allocate 4224 blocks, more than caches keep, free them first in first out", true, false},
         .numbers = {.what = shape::batch, .sizes = of(bytes), .blocks = 4224, .unit = 1, .order = free_order::fifo}});
}

void add_glibc_simple(std::vector<workload_entry>& to) {
  for (const std::size_t blocks : counts{25, 100, 400, 1600})
    to.push_back({.info = {"glibc-simple/" + std::to_string(blocks), "glibc-simple",
                           "blocks of 128 B: allocate all, free and allocate one half again, free all", true, false},
                  .numbers = {.what = shape::glibc_simple,
                              .sizes = of(128),
                              .blocks = blocks,
                              .unit = std::max<std::size_t>(1, 3200 / blocks)}});
}

void add_slots(std::vector<workload_entry>& to) {
  to.push_back(
      {.info = {"glibc-thread", "glibc-thread",
                "1024 slots; replace the block of a random one; 4 B to 32 KiB, small ones far more often", true, false},
       .numbers = {
           .what = shape::slots, .sizes = {4, 32 * KiB, spread::inverse_square}, .blocks = 1024, .unit = 5000}});
  to.push_back(
      {.info = {"slots", "slots", "10,000 slots; replace the block of a random one; 16 B to 4 KiB", true, true},
       .numbers = {.what = shape::slots, .sizes = {16, 4096}, .blocks = 10'000, .unit = 5000}});
  to.push_back({.info = {"tcmalloc-random", "tcmalloc-random",
                         "5000 slots; replace the block of a random one; 1 to 5000 B", true, false},
                .numbers = {.what = shape::slots, .sizes = {1, 5000}, .blocks = 5000, .unit = 5000}});
  to.push_back({.info = {"alloc-test", "alloc-test",
                         "2^18 slots, of which a fifth gets four fifths of the replacements; 8 B to 1 KiB, small ones "
                         "more often",
                         true, false},
                .numbers = {.what = shape::slots,
                            .sizes = {8, 1 * KiB, spread::inverse},
                            .blocks = std::size_t{1} << 18,
                            .unit = 5000,
                            .favourites = true}});
}

void add_server(std::vector<workload_entry>& to) {
  to.push_back({.info = {"larson", "larson",
                         "a server: 5000 slots of 8 to 1000 B are replaced for 100 rounds, then a new thread goes on",
                         true, true},
                .numbers = {.what = shape::larson, .sizes = {8, 1000}, .blocks = 5000, .unit = 1000},
                .together = true});
  to.push_back({.info = {"producer-consumer", "producer-consumer",
                         "one thread allocates 64 B, another frees it; between them a ring of 1024", true, true},
                .numbers = {.what = shape::producer_consumer, .sizes = of(64), .unit = 10'000},
                .threads = thread_rule::even,
                .together = true});
  to.push_back({.info = {"xmalloc-test", "xmalloc-test",
                         "half of the threads allocate batches of 4096 x 64 B, the other half free them", true, false},
                .numbers = {.what = shape::xmalloc, .sizes = of(64), .blocks = 4096, .unit = 4},
                .threads = thread_rule::even,
                .together = true});
  to.push_back(
      {.info = {"mstress", "mstress",
                "short-lived threads: many sizes up to 100 KiB, random frees, blocks exchanged at random", true, true},
       .numbers = {.what = shape::mstress, .sizes = {16, 100 * KiB, spread::stress}, .unit = 5000},
       .together = true});
  to.push_back(
      {.info = {"rptest", "rptest",
                "1000 live blocks of 8 to 16,000 B; every second loop's frees are done by another thread", true, true},
       .numbers = {.what = shape::rptest, .sizes = {8, 16'000, spread::falling}, .blocks = 1000, .unit = 500},
       .together = true});
}

void add_cache(std::vector<workload_entry>& to) {
  to.push_back({.info = {"cache-scratch", "cache-scratch",
                         "2,000,000 writes to a 1 B block, whose first owner was the main thread", true, false},
                .numbers = {.what = shape::cache_scratch, .sizes = of(1), .unit = 2'000'000},
                .sample_every = 1});
  to.push_back({.info = {"cache-thrash", "cache-thrash",
                         "2,000,000 writes to a 1 B block: do threads share a cache line?", true, false},
                .numbers = {.what = shape::cache_thrash, .sizes = of(1), .unit = 2'000'000},
                .sample_every = 1});
}

void add_long_term(std::vector<workload_entry>& to) {
  for (const std::size_t generations : counts{5, 50})
    to.push_back(
        {.info = {"mleak/" + std::to_string(generations), "mleak",
                  "threads one after another, each frees what the one before has left: does memory add up?", true,
                  false},
         .numbers = {.what = shape::mleak, .sizes = {16, 1 * KiB, spread::inverse}, .blocks = 500, .unit = generations},
         .together = true});
  to.push_back(
      {.info = {"malloc-large", "malloc-large",
                "20 slots; replace the block of a random one; 5 to 25 MiB, every page written", false, false},
       .numbers =
           {.what = shape::slots, .sizes = {5 * MiB, 25 * MiB}, .blocks = 20, .unit = 5, .touch_stride = every_page},
       .threads = thread_rule::one,
       .once = true,
       .sample_every = 1});
  to.push_back({.info = {"memory", "memory",
                         "fill 1 GiB (quick: 128 MiB) with 16 B to 4 KiB, free a random 90 %, trim, free all, trim",
                         false, true},
                .numbers = {.what = shape::memory_return, .sizes = {16, 4096}},
                .threads = thread_rule::one,
                .once = true});
}

std::vector<workload_entry> make_catalogue() {
  std::vector<workload_entry> all;
  add_pairs(all);
  add_batches(all);
  add_glibc_simple(all);
  add_slots(all);
  add_server(all);
  add_cache(all);
  add_long_term(all);
  return all;
}

std::size_t scaled(std::size_t count, double scale, std::size_t least) noexcept {
  return std::max(least, static_cast<std::size_t>(static_cast<double>(count) * scale));
}

}  // namespace

std::span<const workload_entry> catalogue() {
  static const std::vector<workload_entry> all = make_catalogue();
  return all;
}

const workload_entry& find_workload(std::string_view name) {
  const auto all = catalogue();
  const auto found = std::ranges::find(all, name, [](const workload_entry& each) { return each.info.name; });
  if (found != all.end()) return *found;
  std::string message = "no workload \"" + std::string(name) + "\"; present:";
  for (const workload_entry& each : all) message += (&each == all.data() ? " " : ", ") + each.info.name;
  throw std::invalid_argument(message);
}

parameters numbers_for(const workload_entry& entry, const cell_request& request) {
  parameters numbers = entry.numbers;
  numbers.threads = request.threads;
  if (numbers.what == shape::memory_return)
    numbers.blocks = static_cast<std::size_t>(static_cast<double>(request.full ? GiB : 128 * MiB) /
                                              size_table(numbers.sizes).average());
  // The hammering of one byte is shared out among the threads, and there are two halves to free.
  numbers.unit = scaled(numbers.unit, request.scale, static_cast<std::size_t>(request.threads));
  numbers.blocks = scaled(numbers.blocks, request.scale, 4);
  return numbers;
}

}  // namespace cistern::perf
