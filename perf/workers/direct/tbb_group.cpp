// SPDX-License-Identifier: MIT
// oneTBB's task_group: tasks lie with the thread that submits them, and others steal them.
#include "worker_cases.hpp"

#include <utility>

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

namespace {

class contender {
  // oneTBB starts one thread less than this, and by default no more than there are processors.
  tbb::global_control threads_;
  tbb::task_arena arena_;  // with a place for each producer, besides those for workers
  tbb::task_group group_;

 public:
  explicit contender(const cistern::perf::contender_options& options)
      : threads_(tbb::global_control::max_allowed_parallelism, options.workers + 1),
        arena_(static_cast<int>(options.workers + options.producers), options.producers) {}
  ~contender() noexcept {
    arena_.execute([this] { group_.wait(); });
  }
  contender(const contender&) = delete;
  contender& operator=(const contender&) = delete;

  template <class Body>
  void produce(const Body& body) {
    arena_.execute(body);
  }

  template <class F>
  void submit(F task) {
    group_.run(std::move(task));
  }

  template <class Left, class Right>
  static void both(Left left, Right right) {
    tbb::task_group group;
    group.run(std::move(left));
    right();
    group.wait();
  }

  /// The one who waits runs the task itself, unless a worker has it.
  template <class F>
  int call(F task) {
    int result = 0;
    group_.run([&result, task] { result = task(); });
    group_.wait();
    return result;
  }
};

}  // namespace

int main(int argc, char** argv) {
  return cistern::perf::run_worker_cases(cistern::perf::worker_cases<contender>(), argc, argv);
}
