// SPDX-License-Identifier: MIT
#pragma once

// For the copies of the workers' sources: what they call of the system is of the world. Macros, since these are names
// of C that the sources use as they are.

#include <cistern/allocators/sync.hpp>
#include <schedules/worker_threads.hpp>

#include <optional>
#include <stop_token>
#include <utility>

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#define pthread_join(ended, result) ::cistern::schedules::worker_threads::join(ended)
#define pthread_tryjoin_np(ended, result) ::cistern::schedules::worker_threads::try_join(ended)
#define pthread_detach(left) ::cistern::schedules::worker_threads::detach(left)
#define pthread_self() ::cistern::schedules::worker_threads::self()
// The one thread that there is keeps its name, its signals and its processors.
#define pthread_setname_np(who, name) static_cast<void>(name)
#define pthread_sigmask(how, wanted, before) static_cast<void>(wanted)
#define pthread_setaffinity_np(who, bytes, wanted) static_cast<void>(wanted)
#define sched_getaffinity(who, bytes, into) (-1)

namespace cistern::schedules {

/// A std::stop_callback whose destructor waits for a call that is under way: the standard's takes all fibres for one
/// thread, which it would not wait for.
template <class Callback>
class waiting_stop_callback {
 public:
  waiting_stop_callback(const std::stop_token& token, Callback callback) : callback_(std::move(callback)) {
    registered_.emplace(token, calling{this});
  }
  waiting_stop_callback(const waiting_stop_callback&) = delete;
  waiting_stop_callback& operator=(const waiting_stop_callback&) = delete;
  ~waiting_stop_callback() {
    registered_.reset();
    while (called_) sync::spin_pause();
  }

 private:
  struct calling {
    void operator()() const {
      waiting_stop_callback& self = *in;  // this one may be gone meanwhile
      self.called_ = true;                // without a step before
      self.callback_();
      self.called_ = false;
    }
    waiting_stop_callback* in;
  };

  Callback callback_;
  bool called_ = false;
  std::optional<std::stop_callback<calling>> registered_;
};

}  // namespace cistern::schedules
