// SPDX-License-Identifier: MIT
//
// object_pair <name>: nanoseconds of a get with its put, or of what the name says, of the object pool and of what it is
// measured against. Go's sync.Pool is measured by ../go.
#include "../../allocators/direct/pair.hpp"
#include <cistern/pools/free_list.hpp>
#include <cistern/pools/object_pool.hpp>
#include <workloads/shapes/producer_consumer.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <memory_resource>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sched.h>

namespace {

using cistern::free_list;
using cistern::object_pool;
using cistern::object_pool_options;
using cistern::perf::block_ring;
using cistern::perf::named_measure;
using cistern::perf::pair_nanoseconds;
using cistern::perf::step_nanoseconds;
using cistern::perf::two_threads_nanoseconds;

struct object {
  std::byte bytes[64];
};

// The compiler may not see that nobody uses it.
[[gnu::always_inline]] inline void use(void* one) { asm volatile("" : : "r"(one) : "memory"); }

constinit thread_local free_list<>* current = nullptr;

// The floor, as in pool_pair.
double list() {
  free_list<> own(sizeof(object));
  current = &own;
  return pair_nanoseconds([] { return current->allocate(); }, [](void* block) { current->deallocate(block); });
}

// Pools are static where a program would have them so: then nothing but the pool's own word leads to what it holds.
[[gnu::always_inline]] inline void get_and_put(object_pool<object>& pool) {
  object_pool<object>::handle got = pool.get();  // g++ 12 would keep a const one in memory
  use(got.get());
}

double one_thread() {
  static object_pool<object> pool;
  return step_nanoseconds([] { get_and_put(pool); });
}

double two_threads() {
  static object_pool<object> pool;
  return two_threads_nanoseconds([] { get_and_put(pool); });
}

constexpr std::size_t held = 8;

double hold_8_of_list() {
  free_list<> own(sizeof(object));
  current = &own;
  const double all = step_nanoseconds([] {
    void* blocks[held];
    for (void*& each : blocks) use(each = current->allocate());
    for (std::size_t i = held; i-- > 0;) current->deallocate(blocks[i]);
  });
  return all / held;
}

double hold_8_of_pool() {
  static object_pool<object> pool;
  const double all = step_nanoseconds([] {
    object_pool<object>::handle handles[held] = {pool.get(), pool.get(), pool.get(), pool.get(),
                                                 pool.get(), pool.get(), pool.get(), pool.get()};
    for (const auto& each : handles) use(each.get());
  });
  return all / held;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

using clock_type = std::chrono::steady_clock;

double nanoseconds_since(clock_type::time_point start) {
  return std::chrono::duration<double, std::nano>(clock_type::now() - start).count();
}

double reading_the_clock() {
  std::vector<double> times;
  for (int i = 0; i < 1000; ++i) times.push_back(nanoseconds_since(clock_type::now()));
  return median(std::move(times));
}

// Keeps this thread on one of the processors that it may use, where there are as many.
void stay_on(int wanted) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  for (int each = 0, number = 0; each < CPU_SETSIZE; ++each) {
    if (!CPU_ISSET(each, &allowed) || number++ != wanted) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(each, &one);
    sched_setaffinity(0, sizeof one, &one);
    return;
  }
}

// What a get takes a thread when every idle object is in the magazines of another one, which sleeps. Two threads take
// turns: each gets all objects, which the other has put, and puts them. With a thousand, which is about what a thread's
// own magazines hold, a theft serves as many gets as a magazine has objects; with one it serves one. Each thread has
// its processor, so that objects come from another one's cache.
template <std::size_t Objects>
double steal() {
  constexpr int turns = 2000;
  object_pool<object> pool({.clock = nullptr, .background = false});
  std::atomic<int> turn{0};
  const auto take_turns = [&](int self) {
    stay_on(self);
    std::vector<object_pool<object>::handle> all(Objects);
    std::vector<double> times;
    for (int mine = self; mine < turns; mine += 2) {
      for (int now = turn.load(); now != mine; now = turn.load()) turn.wait(now);
      const auto start = clock_type::now();
      for (auto& each : all) each = pool.get();
      times.push_back(nanoseconds_since(start));
      for (auto& each : all) each.put();
      turn.store(mine + 1);
      turn.notify_all();
    }
    return median(std::move(times));
  };
  double value = 0;
  {
    const std::jthread other(take_turns, 1);
    value = take_turns(0);
  }
  const cistern::object_pool_statistics numbers = pool.statistics();
  if (numbers.made != Objects || numbers.steals < turns - 1) throw std::runtime_error("the objects were not stolen");
  return (value - reading_the_clock()) / Objects;
}

// What an item takes that one thread sends and another receives. Each is written to by the sender and read by the
// receiver, as if it carried something. `next()` is called by the sender, `done(object)` by the receiver.
template <class Next, class Done>
double through_queue(Next next, Done done) {
  block_ring ring;
  std::jthread receiver([&] {
    std::byte sum{};
    while (auto* const one = static_cast<object*>(ring.pop())) {
      sum ^= one->bytes[0];
      done(one);
    }
    use(&sum);
  });
  const double value = step_nanoseconds([&] {
    object* const one = next();
    one->bytes[0] = std::byte{1};
    ring.push(one);
  });
  ring.push(nullptr);
  ring.tell_pushed();
  receiver.join();
  return value;
}

double queue() {
  // An object's turn comes again when the ring has been filled twice: its receiver is done with it.
  std::vector<object> all(2048);
  std::size_t sent = 0;
  return through_queue([&] { return &all[sent++ % all.size()]; }, [](object*) {});
}

double queue_with_objects() {
  static object_pool<object> pool;
  return through_queue([] { return pool.acquire(); }, [](object* one) { pool.release(one); });
}

// An object that grows with use: its text has room for a kibibyte, got in one step, which is the least that growing can
// take.
struct document {
  std::string text;
  std::byte rest[4096 - sizeof(std::string)];
};
static_assert(sizeof(document) == 4096);

[[gnu::noinline]] void grow(document& one) { one.text.reserve(1024); }

// As its user would go on: the text is written, which takes the same time wherever the object comes from.
[[gnu::noinline]] void grow_and_write(document& one) {
  one.text.resize(1024, 'x');
  use(one.text.data());
}

struct clears_text {
  static void reset(document& one) { one.text.clear(); }
};

template <void (*Work)(document&)>
double document_of_pool() {
  static object_pool<document, clears_text> pool;
  return step_nanoseconds([] {
    auto got = pool.get();
    Work(*got);
  });
}

double document_passed_through() {
  static object_pool<document, clears_text> pool({.upstream = std::pmr::new_delete_resource(), .pass_through = true});
  return step_nanoseconds([] {
    auto got = pool.get();
    grow(*got);
  });
}

template <void (*Work)(document&)>
double document_new_delete() {
  return pair_nanoseconds(
      []() -> void* {
        auto* const made = new document;  // the rest stays as it is: less work than the pool has to make one
        Work(*made);
        return made;
      },
      [](void* gone) { delete static_cast<document*>(gone); });
}

constexpr named_measure entries[] = {
    {"list-64", list},
    {"object-64", one_thread},
    {"object-64-two-threads", two_threads},
    {"hold-8-list", hold_8_of_list},
    {"hold-8-object", hold_8_of_pool},
    {"steal", steal<1000>},
    {"steal-one", steal<1>},
    {"queue", queue},
    {"queue-with-objects", queue_with_objects},
    {"grown-object", document_of_pool<grow>},
    {"grown-pass-through", document_passed_through},
    {"grown-new-delete", document_new_delete<grow>},
    {"written-object", document_of_pool<grow_and_write>},
    {"written-new-delete", document_new_delete<grow_and_write>},
};

}  // namespace

int main(int argc, char** argv) { return cistern::perf::print_named("object_pair", entries, argc, argv); }
