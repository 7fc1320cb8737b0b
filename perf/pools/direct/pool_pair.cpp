// SPDX-License-Identifier: MIT
//
// pool_pair <name>: nanoseconds of a get with its put, of the pool and of what it is measured against. Compiled twice:
// pool_pair_unchecked has the pool's checks left out, in the library and here.
#include "../../allocators/direct/pair.hpp"
#include <cistern/pools/allocator.hpp>
#include <cistern/pools/bucket_pool.hpp>
#include <cistern/pools/free_list.hpp>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <memory_resource>
#include <string_view>

namespace {

using cistern::perf::pair_bytes;
using cistern::perf::pair_nanoseconds;

constinit thread_local cistern::free_list<>* current = nullptr;

// The floor: a list of idle blocks, found through a thread-local pointer as a real one would be.
template <std::size_t Bytes>
double list() {
  cistern::free_list<> own(Bytes);
  current = &own;
  return pair_nanoseconds([] { return current->allocate(); }, [](void* block) { current->deallocate(block); });
}

template <std::size_t Bytes>
double allocator() {
  struct object {
    std::byte bytes[Bytes];
  };
  const cistern::bucket_pool pool;
  cistern::allocator<object> from(pool);
  return pair_nanoseconds([=]() mutable -> void* { return from.allocate(1); },
                          [=](void* block) mutable { from.deallocate(static_cast<object*>(block), 1); });
}

class list_resource final : public std::pmr::memory_resource {
  void* do_allocate(std::size_t, std::size_t) override { return current->allocate(); }
  void do_deallocate(void* block, std::size_t, std::size_t) override { current->deallocate(block); }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }
};

// Behind a pointer that the compiler knows nothing of.
double behind(std::pmr::memory_resource* resource) {
  asm volatile("" : "+r"(resource));
  return pair_nanoseconds([=] { return resource->allocate(pair_bytes); },
                          [=](void* block) { resource->deallocate(block, pair_bytes); });
}

double list_behind_a_hop() {
  cistern::free_list<> own(pair_bytes);
  current = &own;
  list_resource resource;
  return behind(&resource);
}

double pool_behind_pmr() {
  cistern::bucket_pool pool;
  return behind(&pool);
}

double synchronized_pool_behind_pmr() {
  std::pmr::synchronized_pool_resource pool;
  return behind(&pool);
}

double synchronized_pool() {
  std::pmr::synchronized_pool_resource pool;
  return pair_nanoseconds([&] { return pool.allocate(pair_bytes); },
                          [&](void* block) { pool.deallocate(block, pair_bytes); });
}

double glibc() {
  return pair_nanoseconds([] { return std::malloc(pair_bytes); }, [](void* block) { std::free(block); });
}

double run_time_size() {
  cistern::bucket_pool pool;
  std::size_t bytes = pair_bytes;
  asm volatile("" : "+r"(bytes));
  return pair_nanoseconds([&] { return pool.allocate(bytes); }, [&](void* block) { pool.deallocate(block, bytes); });
}

double unsized() {
  cistern::bucket_pool pool;
  return pair_nanoseconds([&] { return pool.allocate(pair_bytes); }, [&](void* block) { pool.free(block); });
}

// A buffer got and put is one step here.
double buffer() {
  cistern::bucket_pool pool;
  std::size_t bytes = 1000;
  asm volatile("" : "+r"(bytes));
  return pair_nanoseconds(
      [&]() -> void* {
        cistern::buffer got = pool.get(bytes);
        asm volatile("" : : "r"(got.data()) : "memory");
        return nullptr;
      },
      [](void*) {});
}

constexpr cistern::perf::named_measure entries[] = {
    {"list-64", list<64>},
    {"list-4096", list<4096>},
    {"list-65536", list<65536>},
    {"allocator-64", allocator<64>},
    {"allocator-4096", allocator<4096>},
    {"allocator-65536", allocator<65536>},
    {"list-behind-a-hop", list_behind_a_hop},
    {"pool-behind-pmr", pool_behind_pmr},
    {"synchronized-pool-behind-pmr", synchronized_pool_behind_pmr},
    {"synchronized-pool", synchronized_pool},
    {"glibc", glibc},
    {"run-time-size", run_time_size},
    {"unsized", unsized},
    {"buffer", buffer},
};

}  // namespace

int main(int argc, char** argv) { return cistern::perf::print_named("pool_pair", entries, argc, argv); }
