// SPDX-License-Identifier: MIT
// Workers that each have something of their own, which is made once and used by one call at a time.
#include <cistern/workers/stateful_worker_pool.hpp>

#include <atomic>
#include <chrono>
#include <iostream>
#include <stop_token>
#include <string>
#include <string_view>

namespace {

using namespace std::chrono_literals;

/// A checker of words that takes long to load, and that no two threads may use at a time.
class checker {
 public:
  explicit checker(std::string_view language) : language_(language) {}

  /// A call: is the word right?
  bool process(const std::string& word) { return word.size() > 2; }

  /// Another one, that may take as long as it likes.
  long process(long steps) {
    enough_ = false;
    long done = 0;
    while (done < steps && !enough_) ++done;
    return done;
  }
  /// ... unless the caller does not wait any longer.
  void interrupt() { enough_ = true; }

  void ready() { line_.clear(); }  // between two calls
  void terminate() {}              // before the destructor, on the same thread

 private:
  std::string language_, line_;
  std::atomic<bool> enough_{false};
};

}  // namespace

int main() {
  // Each worker makes its own as it starts.
  cistern::stateful_worker_pool<checker> pool([] { return checker("en"); }, {.name = "checkers", .workers = 2});

  // A call is made by any thread, and comes back with the value.
  const bool is_right = pool.process(std::string("word"));

  // Or without, at its deadline: what runs is interrupted, what waits is never begun.
  const auto counted = pool.process_for(10ms, 1L << 60);
  if (!counted) std::cout << "counting " << to_string(counted.error()) << '\n';

  // Or when somebody does not want it any more.
  std::stop_source stop;
  stop.request_stop();
  const bool is_cancelled = pool.process(stop.get_token(), 5L).error() == cistern::process_error::cancelled;

  pool.resize(1);
  std::cout << pool.queue_length() << " calls wait\n" << to_string(pool.statistics()) << '\n';
  return is_right && !counted && is_cancelled && pool.stop().ended ? 0 : 1;
}
