// SPDX-License-Identifier: MIT
#include "worker_cases.hpp"
#include <cistern/workers/task_group.hpp>
#include <cistern/workers/this_worker.hpp>
#include <cistern/workers/worker_pool.hpp>
#include <cistern/workers/worker_pool_options.hpp>

#include <cstddef>
#include <utility>
#include <vector>

namespace {

cistern::worker_pool_options options_for(const cistern::perf::contender_options& wanted) {
  cistern::worker_pool_options options{
      .max_workers = wanted.workers, .min_workers = wanted.workers, .spawn = wanted.workers};
  if (wanted.parks) options.spin = {};
  return options;
}

class contender {
  cistern::worker_pool pool_;

 public:
  explicit contender(const cistern::perf::contender_options& options) : pool_(options_for(options)) {}
  contender(const contender&) = delete;
  contender& operator=(const contender&) = delete;

  template <class F>
  void submit(F task) {
    pool_.submit(std::move(task));
  }

  template <class Left, class Right>
  void both(Left left, Right right) {
    cistern::task_group group(pool_);
    group.run(std::move(left));
    right();
    group.wait();
  }

  template <class F>
  int call(F task) {
    auto result = pool_.submit_result(std::move(task));
    return result.get();
  }
};

/// The worker's arena, which takes all back after the task.
class arena_memory {
  decltype(cistern::this_worker::arena()) arena_ = cistern::this_worker::arena();

 public:
  void* allocate(std::size_t bytes) { return arena_.allocate(bytes); }
  static void deallocate(void*) {}
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<cistern::perf::worker_case> cases = cistern::perf::worker_cases<contender>();
  if (cistern::perf::counted_mallocs == nullptr)
    cases.push_back({"task_arena", cistern::perf::task_memory<contender, arena_memory>});
  return cistern::perf::run_worker_cases(cases, argc, argv);
}
