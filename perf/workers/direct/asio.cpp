// SPDX-License-Identifier: MIT
// Asio's thread_pool.
#include "worker_cases.hpp"

#include <cstddef>
#include <utility>

#include <asio/post.hpp>
#include <asio/thread_pool.hpp>

namespace {

class contender {
  asio::thread_pool pool_;

 public:
  explicit contender(const cistern::perf::contender_options& options) : pool_(std::size_t{options.workers}) {}
  ~contender() { pool_.join(); }
  contender(const contender&) = delete;
  contender& operator=(const contender&) = delete;

  template <class F>
  void submit(F task) {
    asio::post(pool_, std::move(task));
  }
};

}  // namespace

int main(int argc, char** argv) {
  return cistern::perf::run_worker_cases(cistern::perf::worker_cases<contender>(), argc, argv);
}
