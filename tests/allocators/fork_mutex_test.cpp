// SPDX-License-Identifier: MIT
#include <cistern/allocators/detail/fork_mutex.hpp>
#include <contracts/memory_resource_contract.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

namespace {

using cistern::detail::fork_mutex;

struct guarded_pair {
  fork_mutex mutex;
  int one = 0, other = 0;  // guarded by mutex, and then equal

  void add() {
    const std::scoped_lock lock(mutex);
    ++one;
    ++other;
  }
  bool whole() {
    const std::scoped_lock lock(mutex);
    return one == other;
  }
};

TEST(fork_mutex, is_free_in_a_child_and_what_it_guards_is_whole) {
  std::array<guarded_pair, 3> pairs;
  for (guarded_pair& pair : pairs) pair.mutex.hold_over_fork();
  std::atomic<bool> stop{false};
  std::thread other([&] {
    while (!stop.load(std::memory_order_relaxed))
      for (guarded_pair& pair : pairs) pair.add();
  });
  for (int i = 0; i < 100; ++i) {
    const int status = cistern::contracts::detail::in_child([&] {
      bool good = true;
      for (guarded_pair& pair : pairs) good = pair.whole() && good;
      return good ? 0 : 1;
    });
    EXPECT_EQ(status, 0) << "child " << i << (status == -SIGALRM ? " hung" : "");
    if (status != 0) break;
  }
  stop.store(true, std::memory_order_relaxed);
  other.join();
}

TEST(fork_mutex, comes_and_goes_in_any_order) {
  std::array<std::unique_ptr<guarded_pair>, 4> pairs;
  for (auto& pair : pairs) {
    pair = std::make_unique<guarded_pair>();
    pair->mutex.hold_over_fork();
    pair->mutex.hold_over_fork();  // again is no mistake
  }
  for (const std::size_t gone : {1u, 3u, 0u, 2u}) {
    pairs[gone].reset();
    const int status = cistern::contracts::detail::in_child([&] {
      for (auto& pair : pairs)
        if (pair != nullptr) pair->add();
      return 0;
    });
    EXPECT_EQ(status, 0);
  }
}

TEST(fork_mutex, is_a_plain_mutex_until_it_is_told) {
  guarded_pair pair;
  const std::scoped_lock held(pair.mutex);
  const int status = cistern::contracts::detail::in_child([] { return 0; });  // does not wait for it
  EXPECT_EQ(status, 0);
}

}  // namespace
