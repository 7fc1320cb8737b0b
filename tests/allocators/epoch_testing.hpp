// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/epoch_guard.hpp>

#include <atomic>
#include <thread>

namespace cistern::epoch_testing {

/// A domain that nobody but the test moves.
inline epoch_options by_hand() {
  epoch_options options;
  options.clock = nullptr;
  options.background = false;
  return options;
}

struct node {
  node() { ++live; }
  ~node() { --live; }
  node(const node&) = delete;
  node& operator=(const node&) = delete;

  static inline std::atomic<int> live = 0;
};

inline void count_deletions(void* /*object*/, void* count) noexcept { ++*static_cast<int*>(count); }

/// A thread that is pinned while this lives.
class pinned_thread {
 public:
  explicit pinned_thread(epoch_domain& domain)
      : thread_([this, &domain] {
          const epoch_guard guard(domain);
          id_ = sync::thread_id();
          while (!done_) std::this_thread::yield();
        }) {
    while (id_ == 0) std::this_thread::yield();
  }
  ~pinned_thread() {
    done_ = true;
    thread_.join();
  }
  pinned_thread(const pinned_thread&) = delete;
  pinned_thread& operator=(const pinned_thread&) = delete;

  std::uint32_t id() const { return id_; }

 private:
  std::atomic<std::uint32_t> id_ = 0;
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

}  // namespace cistern::epoch_testing
