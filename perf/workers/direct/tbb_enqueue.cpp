// SPDX-License-Identifier: MIT
// oneTBB's arena, to which tasks are given in the order of a queue.
#include "worker_cases.hpp"

#include <utility>

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

namespace {

class contender {
  // oneTBB starts one thread less than this, and by default no more than there are processors.
  tbb::global_control threads_;
  tbb::task_arena arena_;

 public:
  explicit contender(const cistern::perf::contender_options& options)
      : threads_(tbb::global_control::max_allowed_parallelism, options.workers + 1),
        arena_(static_cast<int>(options.workers), 0) {}
  contender(const contender&) = delete;
  contender& operator=(const contender&) = delete;

  template <class F>
  void submit(F task) {
    arena_.enqueue(std::move(task));
  }
};

}  // namespace

int main(int argc, char** argv) {
  return cistern::perf::run_worker_cases(cistern::perf::worker_cases<contender>(), argc, argv);
}
