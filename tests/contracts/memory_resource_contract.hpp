// SPDX-License-Identifier: MIT
#pragma once

// What every std::pmr::memory_resource of cistern must do: bridges of backends, decorators, pools.
//
// A test file puts a resource to it in a few lines, at namespace scope:
//
//     const cistern::contracts::memory_resource_contract limit{{
//         .name = "limit_resource",
//         .make = [] { return std::make_unique<limit_resource>(...); },
//     }};
//
// which makes the tests memory_resource_contract.limit_resource_aligns_blocks and so on. A resource that cannot do
// something by design says so with a flag and a comment; a flag leaves tests out, it does not weaken them.

#include <cistern/allocators/sync.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <memory_resource>
#include <new>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define CISTERN_CONTRACT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CISTERN_CONTRACT_ASAN 1
#endif
#endif
#ifndef CISTERN_CONTRACT_ASAN
#define CISTERN_CONTRACT_ASAN 0
#endif

// The sanitizers' own malloc ends the program where it should return nullptr, unless told.
#if CISTERN_CONTRACT_ASAN
extern "C" [[gnu::weak, gnu::visibility("default")]] const char* __asan_default_options() {
  return "allocator_may_return_null=1";
}
#endif
// And jemalloc's fork handlers take more locks at once than ThreadSanitizer's deadlock detector survives. In the child
// of a fork a pool starts the background reclaimer anew.
#if CISTERN_TSAN
extern "C" [[gnu::weak, gnu::visibility("default")]] const char* __tsan_default_options() {
  return "allocator_may_return_null=1:detect_deadlocks=0:die_after_fork=0";
}
#endif
#if CISTERN_CONTRACT_ASAN || CISTERN_TSAN
extern "C" int __sanitizer_get_ownership(const volatile void* block);
#endif

namespace cistern::contracts {

/// A resource to be tested, and what it cannot do.
struct memory_resource_case {
  std::string name;                                                  ///< letters, digits and _
  std::function<std::unique_ptr<std::pmr::memory_resource>()> make;  ///< called once or twice in each test
  bool thread_safe = true;         ///< allocates and frees on any thread, many at once
  bool fork_safe = true;           ///< a child may allocate though other threads did while it was forked
  bool from_operator_new = false;  ///< whose failure ends the program under a sanitizer
  bool bounded_by_system = true;   ///< allocates until the system gives no more, and then throws
  std::size_t max_alignment = std::size_t{2} << 20;  ///< bytes
  std::size_t max_size = std::size_t{8} << 20;       ///< bytes that one block may have
};

/// Passes everything on to a resource that it does not own: for a `make` of resources that live elsewhere.
class borrowed_resource final : public std::pmr::memory_resource {
 public:
  explicit borrowed_resource(std::pmr::memory_resource& resource) : resource_(&resource) {}

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override { return resource_->allocate(bytes, alignment); }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    resource_->deallocate(block, bytes, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override {
    const auto* const same = dynamic_cast<const borrowed_resource*>(&other);
    return same != nullptr && resource_->is_equal(*same->resource_);
  }

  std::pmr::memory_resource* resource_;
};

namespace detail {

/// A block that knows what it was asked for and what was written into it.
struct block {
  void* address = nullptr;
  std::size_t bytes = 0;
  std::size_t alignment = 1;
  unsigned char mark = 0;

  // Large blocks are marked at their ends only: the tests are about the allocator, not about memory.
  static constexpr std::size_t edge = 4096;

  static block take(std::pmr::memory_resource& from, std::size_t bytes, std::size_t alignment, unsigned char mark) {
    const block taken{from.allocate(bytes, alignment), bytes, alignment, mark};
    if (taken.address == nullptr) throw std::bad_alloc();
    std::memset(taken.address, mark, std::min(bytes, edge));
    if (bytes > edge) std::memset(taken.last_edge(), mark, edge);
    return taken;
  }

  void give(std::pmr::memory_resource& to) const { to.deallocate(address, bytes, alignment); }

  bool aligned() const { return reinterpret_cast<std::uintptr_t>(address) % alignment == 0; }

  bool intact() const {
    const auto* const first = static_cast<const unsigned char*>(address);
    const auto holds = [this](const unsigned char* from, std::size_t count) {
      return std::all_of(from, from + count, [this](unsigned char byte) { return byte == mark; });
    };
    return holds(first, std::min(bytes, edge)) && (bytes <= edge || holds(last_edge(), edge));
  }

  unsigned char* last_edge() const { return static_cast<unsigned char*>(address) + bytes - edge; }
};

inline std::vector<std::size_t> sizes_up_to(std::size_t max) {
  std::vector<std::size_t> sizes{0};
  for (std::size_t power = 1; power <= max; power *= 2)
    for (const std::size_t bytes : {power - power / 4, power - 1, power, power + 1})
      if (bytes != 0 && bytes <= max) sizes.push_back(bytes);
  return sizes;
}

/// Some allocations and frees in a place where failures cannot be reported: true when all went well. Allocates nothing
/// elsewhere, for the child of a fork may not.
inline bool small_use(std::pmr::memory_resource& resource) {
  std::array<block, 64> held;
  for (std::size_t i = 0; i < held.size(); ++i)
    held[i] = block::take(resource, i * i * 3 + 1, std::size_t{1} << i % 7, static_cast<unsigned char>(i));
  bool good = true;
  for (const block& one : held) {
    good = good && one.aligned() && one.intact();
    one.give(resource);
  }
  return good;
}

/// Whether the resource's memory comes from a sanitizer's own malloc.
inline bool is_of_sanitizer([[maybe_unused]] std::pmr::memory_resource& resource) {
#if CISTERN_CONTRACT_ASAN || CISTERN_TSAN
  void* const block = resource.allocate(100, 8);
  const bool owned = __sanitizer_get_ownership(block) != 0;
  resource.deallocate(block, 100, 8);
  return owned;
#else
  return false;
#endif
}

/// The exit status of a forked child that runs `body`, or minus the signal that ended it. One that hangs is ended
/// after half a minute. The child must not report through GoogleTest.
template <class Body>
int in_child(Body body) {
  std::fflush(nullptr);  // a child that ends by exit() would print it again
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    _exit(body());
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1000;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// ---- the contract: one function for each sentence

inline void aligns_blocks(const memory_resource_case& the) {
  const auto resource = the.make();
  for (std::size_t alignment = 1; alignment <= the.max_alignment; alignment *= 2) {
    std::vector<block> held;
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, alignment / 2 + 1, alignment, alignment + 1}) {
      if (bytes > the.max_size) continue;
      held.push_back(block::take(*resource, bytes, alignment, static_cast<unsigned char>(bytes)));
      EXPECT_TRUE(held.back().aligned()) << bytes << " bytes aligned to " << alignment;
    }
    for (const block& one : held) {
      EXPECT_TRUE(one.intact()) << one.bytes << " bytes aligned to " << alignment;
      one.give(*resource);
    }
  }
}

inline void serves_every_size(const memory_resource_case& the) {
  const auto resource = the.make();
  std::vector<block> held;
  for (const std::size_t bytes : sizes_up_to(the.max_size))
    held.push_back(block::take(*resource, bytes, 1, static_cast<unsigned char>(held.size())));
  for (const block& one : held) {
    EXPECT_TRUE(one.intact()) << one.bytes;
    one.give(*resource);
  }
}

inline void gives_zero_bytes_a_block_of_their_own(const memory_resource_case& the) {
  const auto resource = the.make();
  const block first = block::take(*resource, 0, 8, 0), second = block::take(*resource, 0, 8, 0);
  EXPECT_NE(first.address, second.address);
  first.give(*resource);
  second.give(*resource);
}

inline void keeps_blocks_apart(const memory_resource_case& the) {
  const auto resource = the.make();
  std::mt19937 random(1);
  std::array<block, 256> slots{};
  for (int step = 0; step < 10'000; ++step) {
    block& slot = slots[random() % slots.size()];
    if (slot.address != nullptr) {
      ASSERT_TRUE(slot.intact()) << slot.bytes << " bytes at step " << step;
      slot.give(*resource);
    }
    const std::size_t bytes = random() % (std::size_t{1} << (random() % 16)) + 1;
    slot = block::take(*resource, std::min(bytes, the.max_size), std::size_t{1} << (random() % 5),
                       static_cast<unsigned char>(random()));
    ASSERT_TRUE(slot.aligned());
  }
  std::map<std::uintptr_t, std::size_t> by_address;
  for (const block& slot : slots)
    if (slot.address != nullptr) by_address[reinterpret_cast<std::uintptr_t>(slot.address)] = slot.bytes;
  std::uintptr_t end = 0;
  for (const auto& [address, bytes] : by_address) {
    EXPECT_GE(address, end);
    end = address + bytes;
  }
  for (const block& slot : slots) {
    if (slot.address == nullptr) continue;
    EXPECT_TRUE(slot.intact());
    slot.give(*resource);
  }
}

inline void knows_its_equals(const memory_resource_case& the) {
  const auto one = the.make(), other = the.make();
  EXPECT_TRUE(one->is_equal(*one));
  EXPECT_FALSE(one->is_equal(*std::pmr::null_memory_resource()));
  EXPECT_EQ(one->is_equal(*other), other->is_equal(*one));
  if (one->is_equal(*other)) block::take(*one, 100, 8, 1).give(*other);
}

inline void throws_when_a_size_is_impossible(const memory_resource_case& the) {
#if CISTERN_CONTRACT_ASAN || CISTERN_TSAN
  if (the.from_operator_new) GTEST_SKIP() << "a sanitizer's operator new ends the program where it should throw";
#endif
  const auto resource = the.make();
  const block before = block::take(*resource, 1000, 16, 0xAB);
  volatile std::size_t most = SIZE_MAX;  // volatile: the compiler would warn of the very sizes that are tested
  for (std::size_t alignment = 1; alignment <= the.max_alignment; alignment *= 2)
    for (const std::size_t bytes :
         {most + 0, most - 1, most - 15, most - 4095, most - alignment, most / 2 + 1, most / 2})
      EXPECT_THROW(static_cast<void>(resource->allocate(bytes, alignment)), std::bad_alloc)
          << bytes << " bytes aligned to " << alignment;
  EXPECT_TRUE(before.intact());
  before.give(*resource);
  EXPECT_TRUE(small_use(*resource));
}

inline void throws_when_memory_ends_and_goes_on_after(const memory_resource_case& the) {
  if (!the.bounded_by_system) GTEST_SKIP() << "does not take memory until the system has no more";
#if CISTERN_CONTRACT_ASAN || CISTERN_TSAN
  GTEST_SKIP() << "a sanitizer's shadow memory does not live with a limit on address space";
#endif
  enum : int { good, never_failed, broken };
  const int result = in_child([&] {
    const auto resource = the.make();
    const std::size_t bytes = std::min(std::size_t{1} << 20, the.max_size);
    std::vector<block> held;
    held.reserve(1 << 20);
    small_use(*resource);
    const rlimit room{.rlim_cur = 1 << 30, .rlim_max = RLIM_INFINITY};
    setrlimit(RLIMIT_AS, &room);
    try {
      while (held.size() < held.capacity()) held.push_back(block::take(*resource, bytes, 16, 0x5A));
      return int{never_failed};
    } catch (const std::bad_alloc&) {
    }
    bool fine = held.size() > 1;
    for (const block& one : held) {
      fine = fine && one.intact();
      one.give(*resource);
    }
    return int{fine && small_use(*resource) ? good : broken};
  });
  EXPECT_EQ(result, int{good});
}

inline void takes_back_on_another_thread(const memory_resource_case& the) {
  if (!the.thread_safe) GTEST_SKIP() << "for one thread by design";
  const auto resource = the.make();
  std::vector<block> held;
  std::thread([&] {
    for (const std::size_t bytes : sizes_up_to(std::min(the.max_size, std::size_t{1} << 20)))
      held.push_back(block::take(*resource, bytes, 8, static_cast<unsigned char>(bytes)));
  }).join();  // the blocks outlive the thread that took them
  std::thread([&] {
    for (const block& one : held) {
      EXPECT_TRUE(one.intact()) << one.bytes;
      one.give(*resource);
    }
  }).join();
}

inline void serves_threads_that_hand_blocks_over(const memory_resource_case& the) {
  if (!the.thread_safe) GTEST_SKIP() << "for one thread by design";
  const auto resource = the.make();
  std::array<std::atomic<block*>, 64> shelf{};
  std::atomic<bool> good{true};
  const auto work = [&](unsigned seed) {
    std::mt19937 random(seed);
    for (int step = 0; step < 20'000; ++step) {
      const std::size_t bytes = random() % (std::size_t{1} << (random() % 14)) + 1;
      auto* const mine = new block(block::take(*resource, bytes, 16, static_cast<unsigned char>(random())));
      // Pairs with the same exchange in the other threads: the block's contents go with its address.
      const std::unique_ptr<block> theirs(shelf[random() % shelf.size()].exchange(mine, std::memory_order_acq_rel));
      if (theirs == nullptr) continue;
      if (!theirs->intact()) good.store(false, std::memory_order_relaxed);
      theirs->give(*resource);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned seed = 1; seed <= 4; ++seed) threads.emplace_back(work, seed);
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(good);
  for (std::atomic<block*>& slot : shelf)
    if (const std::unique_ptr<block> rest(slot.load()); rest != nullptr) rest->give(*resource);
}

inline void survives_a_fork_with_threads_running(const memory_resource_case& the) {
  if (!the.thread_safe || !the.fork_safe)
    GTEST_SKIP() << "not to be used in a child of a process with threads, by design";
  const auto resource = the.make();
  if (is_of_sanitizer(*resource)) GTEST_SKIP() << "AddressSanitizer's malloc of GCC 12 has no fork handlers";
  const block before = block::take(*resource, 500, 16, 0x77);
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&] {
      while (!stop.load(std::memory_order_relaxed)) small_use(*resource);
    });
  for (int round = 0; round < 20; ++round) {
    const int status = in_child([&] {
      const bool good = before.intact() && small_use(*resource);
      before.give(*resource);
      return good ? 0 : 1;
    });
    EXPECT_EQ(status, 0) << "child " << round << (status == -SIGALRM ? " hung" : "");
    if (status != 0) break;
  }
  stop.store(true, std::memory_order_relaxed);
  for (std::thread& thread : threads) thread.join();
  before.give(*resource);
}

/// Uses the resource in its destructor; if told to, frees there what it has held since its constructor. One that holds
/// nothing may be older than all that the resource keeps, and then outlives it.
class late_user {
 public:
  enum class holding { nothing, a_block };

  late_user(std::pmr::memory_resource& resource, holding what, std::function<void(bool)> report)
      : resource_(&resource), report_(std::move(report)) {
    if (what == holding::a_block) held_ = block::take(resource, 200, 16, 0x33);
  }
  late_user(const late_user&) = delete;
  late_user& operator=(const late_user&) = delete;
  ~late_user() {
    const bool good = (held_.address == nullptr || held_.intact()) && small_use(*resource_);
    if (held_.address != nullptr) held_.give(*resource_);
    report_(good);
  }

 private:
  std::pmr::memory_resource* resource_;
  block held_;
  std::function<void(bool)> report_;
};

inline void works_in_thread_local_destructors(const memory_resource_case& the) {
  if (!the.thread_safe) GTEST_SKIP() << "for one thread by design";
  const auto resource = the.make();
  std::atomic<int> good{0};
  const auto report = [&good](bool fine) { good += fine ? 1 : 0; };
  // A key's destructor runs after those of thread_local objects, perhaps when the allocator's own is through.
  pthread_key_t key{};
  ASSERT_EQ(pthread_key_create(&key, [](void* user) { delete static_cast<late_user*>(user); }), 0);
  std::thread([&] {
    thread_local const late_user first(*resource, late_user::holding::nothing, report);
    static_cast<void>(pthread_setspecific(key, new late_user(*resource, late_user::holding::a_block, report)));
    thread_local const late_user last(*resource, late_user::holding::a_block, report);
  }).join();
  EXPECT_EQ(good, 3);
  pthread_key_delete(key);
}

inline void works_in_static_destructors(const memory_resource_case& the) {
  std::array<int, 2> answer{};
  ASSERT_EQ(pipe(answer.data()), 0);
  const int status = in_child([&]() -> int {
    const auto report = [fd = answer[1]](bool good) {
      if (write(fd, good ? "y" : "n", 1) != 1) _exit(2);
    };
    // The resource itself lives for ever: what is tested is that nothing under it dies first.
    std::pmr::memory_resource& resource = *the.make().release();
    static const late_user first(resource, late_user::holding::nothing, report);
    static const late_user last(resource, late_user::holding::a_block, report);
    std::exit(0);
  });
  EXPECT_EQ(status, 0);
  close(answer[1]);
  std::array<char, 3> said{};
  EXPECT_EQ(read(answer[0], said.data(), said.size()), 2) << "a destructor did not come to its end";
  EXPECT_STREQ(said.data(), "yy");
  close(answer[0]);
}

class contract_test : public ::testing::Test {
 public:
  contract_test(void (*check)(const memory_resource_case&), std::shared_ptr<const memory_resource_case> the)
      : check_(check), the_(std::move(the)) {}
  void TestBody() override { check_(*the_); }

 private:
  void (*check_)(const memory_resource_case&);
  std::shared_ptr<const memory_resource_case> the_;
};

}  // namespace detail

/// Registers the tests of one resource. Construct it statically, before main.
class memory_resource_contract {
 public:
  explicit memory_resource_contract(memory_resource_case the)
      : the_(std::make_shared<const memory_resource_case>(std::move(the))) {
#define CISTERN_CONTRACT_SENTENCE(sentence) add(#sentence, detail::sentence)
    CISTERN_CONTRACT_SENTENCE(aligns_blocks);
    CISTERN_CONTRACT_SENTENCE(serves_every_size);
    CISTERN_CONTRACT_SENTENCE(gives_zero_bytes_a_block_of_their_own);
    CISTERN_CONTRACT_SENTENCE(keeps_blocks_apart);
    CISTERN_CONTRACT_SENTENCE(knows_its_equals);
    CISTERN_CONTRACT_SENTENCE(throws_when_a_size_is_impossible);
    CISTERN_CONTRACT_SENTENCE(throws_when_memory_ends_and_goes_on_after);
    CISTERN_CONTRACT_SENTENCE(takes_back_on_another_thread);
    CISTERN_CONTRACT_SENTENCE(serves_threads_that_hand_blocks_over);
    CISTERN_CONTRACT_SENTENCE(survives_a_fork_with_threads_running);
    CISTERN_CONTRACT_SENTENCE(works_in_thread_local_destructors);
    CISTERN_CONTRACT_SENTENCE(works_in_static_destructors);
#undef CISTERN_CONTRACT_SENTENCE
  }

 private:
  void add(const char* sentence, void (*check)(const memory_resource_case&)) const {
    ::testing::RegisterTest("memory_resource_contract", (the_->name + "_" + sentence).c_str(), nullptr, nullptr,
                            __FILE__, __LINE__, [check, the = the_] { return new detail::contract_test(check, the); });
  }

  std::shared_ptr<const memory_resource_case> the_;
};

}  // namespace cistern::contracts
