// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace cistern::fuzz {

/// A thread that does one thing after the other, in lock step with its owner or beside it. It begins with the first,
/// and may end and begin again.
class second_thread {
 public:
  second_thread() = default;
  second_thread(const second_thread&) = delete;
  second_thread& operator=(const second_thread&) = delete;
  ~second_thread() { end(); }

  /// In lock step: returns when it is done.
  void run(std::function<void()> task) {
    start(std::move(task));
    wait();
  }
  /// Beside the caller, once what came before is done.
  void start(std::function<void()> task) {
    wait();
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
    set(std::move(task));
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !task_; });
  }
  bool is_busy() {
    const std::scoped_lock lock(mutex_);
    return static_cast<bool>(task_);
  }
  void end() {
    wait();
    if (!thread_.joinable()) return;
    ended_ = true;
    set([] {});
    thread_.join();
    ended_ = false;
  }

 private:
  void set(std::function<void()> task) {
    const std::scoped_lock lock(mutex_);
    task_ = std::move(task);
    changed_.notify_all();
  }
  void work() {
    for (bool last = false; !last;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return static_cast<bool>(task_); });
      last = ended_;
      lock.unlock();
      task_();  // nobody else touches it while it is one
      lock.lock();
      task_ = nullptr;
      changed_.notify_all();
    }
  }

  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::function<void()> task_;
  bool ended_ = false;  // written while there is no task
};

}  // namespace cistern::fuzz
