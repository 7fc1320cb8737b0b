// SPDX-License-Identifier: MIT
//
// Each misuse of an object_pool.
#include "misuse_program.hpp"
#include <cistern/pools/object_pool.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>

namespace {

using cistern::object_pool;
using cistern::object_pool_options;

struct thing {
  std::uint64_t words[4];
};
using pool_of_things = object_pool<thing>;

object_pool_options plain(const char* name = "crash") { return {.name = name, .clock = nullptr}; }

// Where no one may: a sanitizer would end the program before the pool does.
__attribute__((no_sanitize("address"))) void write_before(thing* object) {
  reinterpret_cast<volatile std::uint64_t*>(object)[-3] = 1;
}

void put_twice() {
  pool_of_things pool(plain());
  thing* const one = pool.acquire();
  pool.release(one);
  pool.release(one);
}

void put_twice_with_another_between() {
  pool_of_things pool(plain());
  thing *const one = pool.acquire(), *const other = pool.acquire();
  pool.release(one);
  pool.release(other);
  pool.release(one);
}

void put_twice_on_another_thread() {
  pool_of_things pool(plain());
  thing* const one = pool.acquire();
  pool.release(one);
  std::thread([&] { pool.release(one); }).join();
}

void put_of_what_a_handle_has_put() {
  pool_of_things pool(plain());
  auto handle = pool.get();
  thing* const raw = handle.get();
  handle.put();
  pool.release(raw);
}

// As C code copies structs.
void copy(pool_of_things::handle& to, const pool_of_things::handle& from) {
  std::memcpy(static_cast<void*>(&to), static_cast<const void*>(&from), sizeof to);
}

void put_of_a_copy_of_a_handle() {
  pool_of_things pool(plain());
  auto handle = pool.get();
  pool_of_things::handle copied;
  copy(copied, handle);
  handle.put();
  copied.put();
}

void put_of_a_copy_of_a_handle_when_it_is_taken_again() {
  pool_of_things pool(plain());
  auto handle = pool.get();
  pool_of_things::handle copied;
  copy(copied, handle);
  handle.put();
  auto anothers = pool.get();
  copied.put();
}

void put_with_a_stale_generation() {
  pool_of_things pool(plain());
  thing* const one = pool.acquire();
  const std::uint32_t generation = pool.generation_of(one);
  pool.release(one, generation);
  auto anothers = pool.get();
  pool.release(one, generation);
}

void put_into_the_wrong_pool() {
  pool_of_things pool(plain()), other(plain("other"));
  pool.release(other.acquire());
}

void put_of_the_stack() {
  pool_of_things pool(plain());
  thing around[8] = {};
  pool.release(&around[4]);
}

void put_of_the_second_element() {
  pool_of_things pool(plain());
  pool.release(reinterpret_cast<thing*>(pool.acquire()->words + 2));
}

// Where no object has been yet: the block after the only one that was handed out.
void put_of_what_is_no_object_yet() {
  pool_of_things pool(plain());
  auto* const first = reinterpret_cast<char*>(pool.acquire());
  pool.release(reinterpret_cast<thing*>(first + 10 * pool.statistics().bytes_each));
}

void put_of_what_has_owners() {
  pool_of_things pool(plain());
  auto shared = pool.get().share();
  pool.release(shared.get());
}

void share_of_what_has_been_put() {
  pool_of_things pool(plain());
  auto handle = pool.get();
  pool.release(handle.get());
  const auto shared = std::move(handle).share();
}

void write_before_an_idle_object() {
  pool_of_things pool(plain());
  thing* const one = pool.acquire();
  pool.release(one);
  write_before(one);
  static_cast<void>(pool.acquire());
}

void write_before_an_idle_object_seen_as_it_leaves() {
  pool_of_things pool(plain());
  thing* const one = pool.acquire();
  pool.release(one);
  write_before(one);
  pool.clear();
}

void end_with_objects_out() {
  object_pool_options options = plain();
  options.at_end = cistern::blocks_out::abort;
  options.record_sites = true;
  pool_of_things pool(options);
  for (int i = 0; i < 2; ++i) static_cast<void>(pool.acquire());
}

constexpr cistern::must_crash::misuse misuses[] = {
    CISTERN_MISUSE(put_twice),
    CISTERN_MISUSE(put_twice_with_another_between),
    CISTERN_MISUSE(put_twice_on_another_thread),
    CISTERN_MISUSE(put_of_what_a_handle_has_put),
    CISTERN_MISUSE(put_of_a_copy_of_a_handle),
    CISTERN_MISUSE(put_of_a_copy_of_a_handle_when_it_is_taken_again),
    CISTERN_MISUSE(put_with_a_stale_generation),
    CISTERN_MISUSE(put_into_the_wrong_pool),
    CISTERN_MISUSE(put_of_the_stack),
    CISTERN_MISUSE(put_of_the_second_element),
    CISTERN_MISUSE(put_of_what_is_no_object_yet),
    CISTERN_MISUSE(put_of_what_has_owners),
    CISTERN_MISUSE(share_of_what_has_been_put),
    CISTERN_MISUSE(write_before_an_idle_object),
    CISTERN_MISUSE(write_before_an_idle_object_seen_as_it_leaves),
    CISTERN_MISUSE(end_with_objects_out),
};

}  // namespace

int main(int argc, char** argv) { return cistern::must_crash::run(misuses, argc, argv); }
