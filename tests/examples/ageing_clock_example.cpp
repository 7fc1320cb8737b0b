// SPDX-License-Identifier: MIT
// A cache of one's own that gives idle things back by the clock of all pools, and an event loop that ticks.
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/background_reclaimer.hpp>

#include <cstdio>
#include <mutex>
#include <vector>

namespace {

class page_cache final : public cistern::ager {
 public:
  page_cache() { cistern::ageing_clock::process().add(*this); }
  ~page_cache() { cistern::ageing_clock::process().remove(*this); }

  void put(std::vector<char> page) {
    {
      const std::scoped_lock lock(mutex_);
      idle_.push_back(std::move(page));
    }
    cistern::background_reclaimer::wake();  // nothing while it is disabled
  }
  std::size_t idle() const {
    const std::scoped_lock lock(mutex_);
    return idle_.size();
  }

  // Lets go what was idle at the last tick already, all of it when memory is short.
  bool age(cistern::age_level level) noexcept override {
    const std::scoped_lock lock(mutex_);
    const std::size_t gone = level == cistern::age_level::pressure ? idle_.size() : old_;
    idle_.erase(idle_.begin(), idle_.begin() + static_cast<std::ptrdiff_t>(gone));
    old_ = idle_.size();
    return !idle_.empty();
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::vector<char>> idle_;  // the oldest first
  std::size_t old_ = 0;
};

}  // namespace

int main() {
  cistern::background_reclaimer::disable();  // this program has a loop of its own
  page_cache cache;
  for (int i = 0; i < 10; ++i) cache.put(std::vector<char>(4096));
  for (int second = 0; second < 3; ++second) {
    const bool more = cistern::ageing_clock::process().tick();
    std::printf("tick %d: %zu idle, %s\n", second, cache.idle(), more ? "more to come" : "nothing idle is left");
  }
  return cache.idle() == 0 ? 0 : 1;
}
