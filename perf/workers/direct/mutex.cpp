// SPDX-License-Identifier: MIT
// What one would write without a library: a queue of std::function under a mutex.
#include "worker_cases.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace {

class contender {
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;  // guarded by mutex_
  bool stopped_ = false;                     // guarded by mutex_
  std::vector<std::jthread> workers_;        // the last member: they end first

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return stopped_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      const std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
    }
  }

 public:
  explicit contender(const cistern::perf::contender_options& options) {
    for (unsigned i = 0; i < options.workers; ++i) workers_.emplace_back([this] { work(); });
  }
  ~contender() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_all();
  }
  contender(const contender&) = delete;
  contender& operator=(const contender&) = delete;

  template <class F>
  void submit(F task) {
    {
      const std::lock_guard lock(mutex_);
      tasks_.emplace_back(std::move(task));
    }
    changed_.notify_one();
  }
};

}  // namespace

int main(int argc, char** argv) {
  return cistern::perf::run_worker_cases(cistern::perf::worker_cases<contender>(), argc, argv);
}
