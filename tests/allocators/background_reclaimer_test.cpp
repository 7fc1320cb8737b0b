// SPDX-License-Identifier: MIT
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/background_reclaimer.hpp>
#include <cistern/allocators/epoch_domain.hpp>
#include <contracts/memory_resource_contract.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include <allocators/epoch_testing.hpp>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using cistern::background_reclaimer;
using cistern::epoch_domain;
using cistern::epoch_testing::node;

// Waits for something that another thread does soon; generous, since it says only that it comes at all.
bool comes(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

TEST(background_reclaimer, is_not_there_before_anything_is_pending) {
  EXPECT_FALSE(background_reclaimer::statistics().running);
  epoch_domain domain;
  EXPECT_FALSE(background_reclaimer::statistics().running);
}

TEST(background_reclaimer, frees_what_was_retired_by_itself_and_then_sleeps) {
  background_reclaimer::set_period(2ms);
  node::live = 0;
  epoch_domain domain;
  for (int i = 0; i < 3; ++i) domain.retire(new node);
  EXPECT_TRUE(comes([] { return node::live == 0; }));
  EXPECT_TRUE(comes([] { return background_reclaimer::statistics().asleep; }));
  EXPECT_TRUE(comes([] {  // the last tick before it sleeps
    const auto before = background_reclaimer::statistics().ticks;
    std::this_thread::sleep_for(50ms);
    return background_reclaimer::statistics().ticks == before;
  }));
  const auto before = background_reclaimer::statistics().ticks;
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(background_reclaimer::statistics().ticks, before);
}

TEST(background_reclaimer, wakes_for_a_thread_whose_bag_it_had_emptied) {
  background_reclaimer::set_period(1ms);
  node::live = 0;
  epoch_domain domain;
  for (int round = 0; round < 20; ++round) {
    domain.retire(new node);
    EXPECT_TRUE(comes([] { return node::live == 0; }));
    EXPECT_TRUE(comes([] { return background_reclaimer::statistics().asleep; }));
  }
}

TEST(background_reclaimer, misses_no_wake_however_it_races_with_falling_asleep) {
  background_reclaimer::set_period(1ms);
  node::live = 0;
  epoch_domain domain;
  for (int round = 0; round < 300; ++round) {
    domain.retire(new node);
    const auto pause = std::chrono::microseconds(round * 37 % 4000);
    std::this_thread::sleep_for(pause);
  }
  EXPECT_TRUE(comes([] { return node::live == 0; }));
}

TEST(background_reclaimer, leaves_domains_alone_that_do_not_want_it) {
  background_reclaimer::set_period(1ms);
  cistern::epoch_options options;
  options.background = false;
  epoch_domain domain(options);
  domain.retire(new node);
  EXPECT_FALSE(background_reclaimer::statistics().running);
  domain.barrier();
}

TEST(background_reclaimer, can_be_switched_off_and_on) {
  background_reclaimer::set_period(1ms);
  node::live = 0;
  epoch_domain domain;
  background_reclaimer::disable();
  domain.retire(new node);
  std::this_thread::sleep_for(20ms);
  EXPECT_FALSE(background_reclaimer::statistics().running);
  EXPECT_EQ(node::live, 1);
  background_reclaimer::enable();
  domain.flush();
  domain.retire(new node);
  EXPECT_TRUE(comes([] { return node::live == 0; }));
  background_reclaimer::disable();
  EXPECT_FALSE(background_reclaimer::statistics().running);
  background_reclaimer::enable();
}

TEST(background_reclaimer, can_be_switched_off_by_a_deleter_that_it_runs) {
  background_reclaimer::set_period(1ms);
  node::live = 0;
  epoch_domain domain;
  domain.retire(new node, [](node* dead) {
    background_reclaimer::disable();
    delete dead;
  });
  EXPECT_TRUE(comes([] { return node::live == 0; }));
  background_reclaimer::enable();
  domain.retire(new node);
  EXPECT_TRUE(comes([&] {
    domain.flush();
    background_reclaimer::wake();
    return node::live == 0;
  }));
}

TEST(background_reclaimer, is_switched_off_by_the_environment) {
  setenv("CISTERN_BACKGROUND", "0", 1);
  epoch_domain domain;
  domain.retire(new node);
  EXPECT_FALSE(background_reclaimer::statistics().running);
  unsetenv("CISTERN_BACKGROUND");
  background_reclaimer::enable();
}

TEST(background_reclaimer, takes_no_signals) {
  background_reclaimer::set_period(1ms);
  static std::atomic<int> elsewhere = 0;
  static std::thread::id main_thread;
  main_thread = std::this_thread::get_id();
  struct sigaction action {};
  action.sa_handler = [](int) { elsewhere += std::this_thread::get_id() == main_thread ? 0 : 1; };
  sigaction(SIGUSR1, &action, nullptr);
  node::live = 0;
  epoch_domain domain;
  domain.retire(new node);
  for (int i = 0; i < 100; ++i) kill(getpid(), SIGUSR1);
  EXPECT_TRUE(comes([] { return node::live == 0; }));
  EXPECT_EQ(elsewhere, 0);
}

TEST(background_reclaimer, starts_again_in_the_child_of_a_fork) {
#if CISTERN_TSAN || CISTERN_CONTRACT_ASAN
  GTEST_SKIP() << "a sanitizer cannot fork a process with threads";
#endif
  background_reclaimer::set_period(1ms);
  node::live = 0;
  epoch_domain domain;
  domain.retire(new node);
  EXPECT_TRUE(comes([] { return node::live == 0; }));
  const int status = cistern::contracts::detail::in_child([&domain] {
    if (background_reclaimer::statistics().running) return 1;
    domain.flush();
    domain.retire(new node);
    return background_reclaimer::statistics().running && comes([] { return node::live == 0; }) ? 0 : 2;
  });
  EXPECT_EQ(status, 0);
}

// Has `what` called by a deleter, in a tick that disable() on this thread is waiting for by then.
void in_a_tick_that_is_awaited(const std::function<void()>& what) {
  static std::function<void()> body;
  static std::atomic<bool> in_the_tick;
  body = what;
  in_the_tick = false;
  background_reclaimer::set_period(1ms);
  epoch_domain domain;
  domain.retire(new node, [](node* dead) {
    delete dead;
    in_the_tick = true;
    std::this_thread::sleep_for(50ms);
    body();
  });
  ASSERT_TRUE(comes([] { return in_the_tick.load(); }));
  background_reclaimer::disable();
  background_reclaimer::enable();
}

TEST(background_reclaimer, may_be_used_by_deleters_in_a_tick_that_disable_waits_for) {
  bool told = false;
  in_a_tick_that_is_awaited([&told] {
    background_reclaimer::set_period(2ms);
    background_reclaimer::wake();
    background_reclaimer::disable();
    told = background_reclaimer::statistics().running;
  });
  EXPECT_TRUE(told);
  EXPECT_FALSE(background_reclaimer::statistics().running);
}

TEST(background_reclaimer, lets_threads_that_a_deleter_waits_for_wake_it_while_disable_waits) {
  std::mutex of_the_user;
  std::atomic<bool> locked = false;
  std::thread waker([&] {
    const std::scoped_lock lock(of_the_user);
    locked = true;
    std::this_thread::sleep_for(300ms);
    background_reclaimer::enable();
    background_reclaimer::wake();
  });
  while (!locked) std::this_thread::yield();
  in_a_tick_that_is_awaited([&] { const std::scoped_lock lock(of_the_user); });
  waker.join();
  // The wake came while the thread was on its way out: the next one is there instead.
  EXPECT_TRUE(comes([] { return background_reclaimer::statistics().running; }));
  EXPECT_TRUE(comes([] { return background_reclaimer::statistics().asleep; }));
}

TEST(background_reclaimer, can_be_switched_off_by_two_threads_at_once) {
  static std::atomic<bool> ended;
  ended = false;
  std::thread other;
  in_a_tick_that_is_awaited([&] {
    other = std::thread([] {
      background_reclaimer::disable();
      EXPECT_TRUE(ended);
    });
    std::this_thread::sleep_for(50ms);
    ended = true;
  });
  EXPECT_TRUE(ended);
  other.join();
  EXPECT_FALSE(background_reclaimer::statistics().running);
}

TEST(background_reclaimer, is_switched_on_by_the_deleter_that_switched_it_off) {
  background_reclaimer::set_period(1ms);
  node::live = 0;
  epoch_domain domain;
  domain.retire(new node, [](node* dead) {
    background_reclaimer::disable();
    background_reclaimer::enable();
    delete dead;
  });
  EXPECT_TRUE(comes([] { return node::live == 0; }));
  domain.retire(new node);
  EXPECT_TRUE(comes([] { return node::live == 0; }));
}

struct link {
  epoch_domain* domain;
  epoch_domain* other;  // where the next one goes, which may have been told already in this tick
  int left;

  ~link() {
    if (left > 0) domain->retire(new link{.domain = other, .other = domain, .left = left - 1});
    ended = left == 0;
  }
  static inline std::atomic<bool> ended = false;
};

TEST(background_reclaimer, frees_what_its_deleters_retire) {
  background_reclaimer::set_period(1ms);
  epoch_domain one, two;
  link::ended = false;
  one.retire(new link{.domain = &one, .other = &two, .left = 20});
  EXPECT_TRUE(comes([] { return link::ended.load(); }));
}

TEST(background_reclaimer, ends_with_its_thread_local_objects_before_disable_returns) {
  static std::atomic<bool> ended;
  ended = false;
  struct slow {
    ~slow() {
      std::this_thread::sleep_for(50ms);
      ended = background_reclaimer::statistics().running;
      background_reclaimer::disable();
    }
    void use() {}
  };
  in_a_tick_that_is_awaited([] {
    static thread_local slow of_the_thread;
    of_the_thread.use();
  });
  EXPECT_TRUE(ended);
}

TEST(background_reclaimer, takes_any_period) {
  background_reclaimer::disable();
  background_reclaimer::enable();
  background_reclaimer::set_period(std::chrono::nanoseconds::max());
  const auto before = background_reclaimer::statistics().ticks;
  epoch_domain domain;
  domain.retire(new node);
  EXPECT_TRUE(background_reclaimer::statistics().running);
  std::this_thread::sleep_for(50ms);
  EXPECT_EQ(background_reclaimer::statistics().ticks, before);
  background_reclaimer::set_period(std::chrono::nanoseconds::min());
  EXPECT_TRUE(comes([] { return background_reclaimer::statistics().asleep; }));
}

// Descriptors of the kinds that it polls.
int polled_descriptors() {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    std::error_code gone;
    const std::string target = std::filesystem::read_symlink(entry, gone).string();
    for (const char* kind : {"eventfd", "eventpoll", "inotify", "memory.pressure", "pressure/memory", "memory.events"})
      count += target.find(kind) != std::string::npos ? 1 : 0;
  }
  return count;
}

TEST(background_reclaimer, leaves_no_descriptor_open_in_the_child_of_a_fork) {
#if CISTERN_TSAN || CISTERN_CONTRACT_ASAN
  GTEST_SKIP() << "a sanitizer cannot fork a process with threads";
#endif
  background_reclaimer::set_period(1ms);
  background_reclaimer::disable();
  background_reclaimer::enable();
  const int before = polled_descriptors();
  node::live = 0;
  epoch_domain domain;
  domain.retire(new node);
  EXPECT_TRUE(comes([] { return node::live == 0; }));
  EXPECT_GT(polled_descriptors(), before);
  EXPECT_EQ(cistern::contracts::detail::in_child([] { return polled_descriptors(); }), before);
  background_reclaimer::disable();
  EXPECT_EQ(polled_descriptors(), before);
  background_reclaimer::enable();
}

TEST(background_reclaimer, is_the_thread_that_is_left_when_a_deleter_forks) {
#if CISTERN_TSAN || CISTERN_CONTRACT_ASAN
  GTEST_SKIP() << "a sanitizer cannot fork a process with threads";
#endif
  static constexpr int right = 42;
  static epoch_domain* used;
  background_reclaimer::set_period(1ms);
  epoch_domain domain;
  used = &domain;
  static std::atomic<pid_t> child;
  child = 0;
  domain.retire(new node, [](node* dead) {
    delete dead;
    const pid_t made = fork();
    if (made != 0) {
      child = made;
      return;
    }
    alarm(30);
    // In the child this thread returns to its tick, and comes round to what is retired here.
    used->retire(new node, [](node*) {
      const auto threads = std::filesystem::directory_iterator("/proc/self/task");
      _exit(std::distance(begin(threads), end(threads)) == 1 ? right : 1);
    });
    background_reclaimer::wake();
  });
  EXPECT_TRUE(comes([] { return child != 0; }));
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == right) << status;
}

TEST(background_reclaimer, lets_a_deleter_fork_while_disable_waits) {
#if CISTERN_TSAN || CISTERN_CONTRACT_ASAN
  GTEST_SKIP() << "a sanitizer cannot fork a process with threads";
#endif
  int status = -1;
  in_a_tick_that_is_awaited([&status] { status = cistern::contracts::detail::in_child([] { return 0; }); });
  EXPECT_EQ(status, 0);
}

}  // namespace
