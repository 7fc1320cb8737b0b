// SPDX-License-Identifier: MIT
// What the pools of Go do that worker_pool descends from, in the few lines that do the same here: the blocks of
// workers/README.md.
#include <cistern/workers/stateful_worker_pool.hpp>
#include <cistern/workers/sub_pool.hpp>
#include <cistern/workers/task_batch.hpp>
#include <cistern/workers/task_channel.hpp>
#include <cistern/workers/task_group.hpp>
#include <cistern/workers/wait_count.hpp>
#include <cistern/workers/worker_pool.hpp>
#include <cistern/workers/worker_pool_set.hpp>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <functional>
#include <stdexcept>
#include <stop_token>
#include <string>

namespace {

using namespace std::chrono_literals;
using cistern::overflow;
using cistern::submission;
using cistern::worker_pool;

std::atomic<int> served{0};
void serve() { ++served; }

void expect(bool as_it_should_be) {
  if (!as_it_should_be) std::abort();
}

auto soon(std::chrono::nanoseconds time) { return std::chrono::steady_clock::now() + time; }

void gobwas_gopool() {
  worker_pool pool({.max_workers = 2, .spawn = 1, .queue_bound = 1});
  pool.submit(serve);                                     // Schedule
  const submission what = pool.submit_for(100ms, serve);  // ScheduleTimeout
  expect(what == submission::accepted || what == submission::timed_out);
  pool.stop();  // which gopool has not
}

void seed_pool() {
  worker_pool pool({.max_workers = 2, .idle_timeout = 1s, .queue_bound = 0, .when_full = overflow::reject});
  pool.submit({.when_full = overflow::run_here}, serve);  // TryGo: here if all are busy
  pool.submit({.when_full = overflow::wait}, serve);      // AnywayGo
  if (!accepted(pool.try_submit(serve))) serve();         // Go, ErrLack
  const auto numbers = pool.statistics();                 // Running, Free, Cap
  expect(numbers.running <= numbers.max_workers && numbers.idle <= numbers.workers);
  pool.stop();  // Release
}

void fasthttp_workerpool() {
  worker_pool pool({.max_workers = 2, .idle_timeout = 10s, .queue_bound = 0});
  const bool served_by_a_worker = accepted(pool.try_submit(serve));  // Serve: false when all are busy, never queued
  if (!served_by_a_worker) serve();
}

void gammazero_workerpool() {
  worker_pool pool({.max_workers = 2, .idle_timeout = 2s});
  pool.submit(serve);       // Submit never blocks
  pool.submit_wait(serve);  // SubmitWait
  pool.pause();             // Pause
  pool.wait_paused();
  pool.submit(serve);
  expect(pool.statistics().queued == 1);  // WaitingQueueSize
  pool.resume();
  pool.stop();                // StopWait; Stop is stop_and_discard()
  expect(pool.is_stopped());  // Stopped
}

void ivpusic_grpool() {
  worker_pool pool({.max_workers = 2, .queue_bound = 50});
  cistern::wait_count jobs(10);  // WaitCount
  for (int i = 0; i < 10; ++i) {
    pool.submit([&jobs] {
      serve();
      jobs.done();  // JobDone
    });
  }
  jobs.wait();  // WaitAll
}

void dpaks_goworkers() {
  worker_pool pool({.max_workers = 2});
  cistern::task_channel<int> results;                                  // ResultChan
  cistern::task_channel<std::exception_ptr> errors;                    // ErrChan
  pool.submit(cistern::sends_to(results, errors, [] { return 42; }));  // SubmitCheckResult
  expect(results.pop() == 42);
  const auto numbers = pool.statistics();
  expect(numbers.workers > 0 && numbers.queued == 0);  // WorkerNum, JobNum
  pool.stop();                                         // Wait and Stop; what nobody has read is reported
}

void panjf2000_ants() {
  worker_pool pool({.max_workers = 2,
                    .spawn = 2,          // PreAlloc
                    .idle_timeout = 1s,  // ExpiryDuration
                    .queue_bound = 0,
                    .when_full = overflow::wait,  // Nonblocking is overflow::reject
                    .on_exception = [](const std::exception_ptr&, const cistern::source_site&) {}});  // PanicHandler
  pool.submit([&pool] { pool.submit(serve); });  // nested, and never a deadlock
  pool.resize(0, 4);                             // Tune
  try {
    pool.submit(std::function<void()>());  // a null task kills no worker
  } catch (const std::invalid_argument&) {
  }
  expect(pool.stop(soon(10s)).ended);  // ReleaseTimeout: all threads have ended
  pool.restart();                      // Reboot
  pool.submit_wait(serve);
}

void ants_multi_pool() {
  cistern::worker_pool_set pools({.pools = 2, .choice = cistern::pool_choice::least_loaded});  // NewMultiPool
  for (int i = 0; i < 10; ++i) pools.submit(serve);
  expect(pools.stop().ended);
}

struct counting {  // tunny's Worker
  int calls = 0;
  std::string process(int number) { return std::to_string(number) + " is call " + std::to_string(++calls); }
  void ready() {}      // BlockUntilReady
  void interrupt() {}  // Interrupt
  void terminate() {}  // Terminate
};

void jeffail_tunny() {
  cistern::stateful_worker_pool<counting> pool({.workers = 1});
  expect(pool.process(7) == "7 is call 1");                  // Process
  if (const auto answer = pool.process_for(1s, 8)) serve();  // ProcessTimed
  std::stop_source context;
  if (const auto answer = pool.process(context.get_token(), 9)) serve();  // ProcessCtx
  pool.resize(2);                                                         // SetSize
  expect(pool.queue_length() == 0);                                       // QueueLength
}

void go_playground_pool() {
  worker_pool pool({.max_workers = 2});                              // NewLimited
  cistern::result<int> unit = pool.submit_result([] { return 1; });  // Queue
  if (!unit.cancel()) expect(unit.get() == 1);                       // Cancel; Wait, Value, Error
  cistern::task_batch<int> batch(pool);                              // Batch
  for (int i = 0; i < 10; ++i) batch.run([i] { return i * i; });
  int sum = 0;
  while (auto item = batch.next()) sum += item->get();  // Results: as they finish
  expect(sum == 285);
}

void sherifabdlnaby_gpool() {
  worker_pool pool({.max_workers = 2, .queue_bound = 0});
  std::stop_source context;
  pool.submit({.stop = context.get_token()}, serve);      // Enqueue(ctx, f): returns when a worker has it
  pool.submit_wait(serve);                                // EnqueueAndWait
  if (!accepted(pool.try_submit(serve))) serve();         // TryEnqueue
  pool.resize(0, 3);                                      // Resize
  pool.stop();                                            // Stop
  expect(pool.try_submit(serve) == submission::stopped);  // and no slot is lost by that
  pool.restart();                                         // Start
  pool.submit_wait(serve);
}

void alitto_pond() {
  worker_pool pool({.max_workers = 4, .min_workers = 1, .idle_timeout = 5s, .queue_bound = 1000});
  pool.submit_before(soon(1s), serve);  // SubmitBefore
  cistern::result<int> answer = pool.submit_result([] { return 42; });
  expect(answer.get() == 42);
  cistern::result<void> panics = pool.submit_result([] { throw std::runtime_error("panic"); });
  try {
    panics.get();  // panics as errors
  } catch (const std::runtime_error&) {
  }
  cistern::task_group group(pool);  // NewGroup: the first error cancels the rest
  for (int i = 0; i < 10; ++i) group.run(serve);
  group.wait();
  cistern::sub_pool part(pool, 2);  // NewSubpool
  part.submit(serve);
  part.wait_idle();
  pool.wait_idle();
  const auto numbers = pool.statistics();  // metrics: RunningWorkers, SubmittedTasks ...
  expect(numbers.submitted == numbers.completed + numbers.failed && numbers.dropped == 0);
}

}  // namespace

int main() {
  gobwas_gopool();
  seed_pool();
  fasthttp_workerpool();
  gammazero_workerpool();
  ivpusic_grpool();
  dpaks_goworkers();
  panjf2000_ants();
  ants_multi_pool();
  jeffail_tunny();
  go_playground_pool();
  sherifabdlnaby_gpool();
  alitto_pond();
  expect(served > 15);
}
