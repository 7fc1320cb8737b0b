// SPDX-License-Identifier: MIT
//
// Design: a call is a task of a worker_pool whose workers neither come nor go by themselves. The pool's observer makes
// a state as a worker starts and ends it as that ends; a task finds its worker's state by the worker's index.
//
// A call's phases: queued -> running -> done or failed, by the worker; queued -> dropped, by whoever destroys the task
// without running it; queued -> given_up and running -> left, by the caller at its deadline or by who requests the
// stop of its token. Each is one compare-and-swap, so one of them has its way.
//
// Orders: the value, the exception and the seat are published by the phase, and so is what either holder of a call did
// to the one who destroys it (phase_word).
//   [d] acquire of a block of seats <-> [e] release by who made it, who starts the threads that use it afterwards
//   [f] acquire of turns_ <-> [g] release by who has changed what somebody waits for
//
// Interrupts: a seat's lock is held while a call moves into running and becomes the seat's, while it ceases to be, and
// around interrupt(). So who has seen `running` and then has the lock finds the call there, or it has ended.
#include "words.hpp"
#include <cistern/allocators/fatal.hpp>
#include <cistern/workers/concurrency.hpp>
#include <cistern/workers/detail/stateful_core.hpp>
#include <cistern/workers/detail/work_place.hpp>
#include <cistern/workers/this_worker.hpp>

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <string>

namespace cistern::inline v0 {

std::string_view to_string(process_error what) noexcept {
  switch (what) {
    case process_error::timed_out:
      return "timed out";
    case process_error::cancelled:
      return "cancelled";
    case process_error::stopped:
      return "stopped";
    case process_error::no_memory:
      return "no memory";
  }
  return "unknown";
}

process_failed::process_failed(process_error why)
    : std::runtime_error("a call of a stateful_worker_pool came back without a value: " + std::string(to_string(why))),
      why_(why) {}

std::string to_string(const stateful_worker_pool_statistics& s) {
  const auto part = [](const char* what, std::uint64_t number) { return what + std::to_string(number); };
  return "stateful_worker_pool " + s.workers.name + part(": states ", s.states) + part(", waiting ", s.waiting) +
         part(", processing ", s.processing) + part("\n  completed ", s.completed) + part(", failed ", s.failed) +
         part(", timed out ", s.timed_out) + part(", cancelled ", s.cancelled) + part(", stopped ", s.stopped) +
         part("\n  interrupted ", s.interrupted) + part(", failed states ", s.failed_states);
}

namespace detail {

void throw_process_error(process_error why) {
  if (why == process_error::no_memory) throw std::bad_alloc();
  throw process_failed(why);
}

namespace {

std::size_t count_of(std::size_t workers) {
  if (workers > worker_pool_options::most_workers)
    throw std::invalid_argument("stateful_worker_pool_options: workers is " + std::to_string(workers) +
                                ", and must be " + std::to_string(worker_pool_options::most_workers) + " at most");
  return workers != 0 ? workers : static_cast<std::size_t>(available_concurrency());
}

process_error error_of(submission why) noexcept {
  switch (why) {
    case submission::timed_out:
      return process_error::timed_out;
    case submission::cancelled:
      return process_error::cancelled;
    case submission::no_memory:
      return process_error::no_memory;
    default:
      return process_error::stopped;
  }
}

void add_one(sync::atomic<std::uint64_t>& counter) noexcept { counter.fetch_add(1, std::memory_order_relaxed); }

}  // namespace

// A call, between its caller and its worker.

/// What lies in the queue of a call.
class stateful_core::request_task {
 public:
  using trivially_relocatable = void;

  request_task(stateful_core& core, request_core& request) noexcept : core_(&core), request_(&request) {}
  request_task(request_task&& other) noexcept : core_(other.core_), request_(std::exchange(other.request_, nullptr)) {}
  request_task& operator=(request_task&&) = delete;
  ~request_task() {
    if (request_ != nullptr) core_->drop(*request_);
  }
  void operator()() { core_->run(*std::exchange(request_, nullptr)); }

 private:
  stateful_core* core_;
  request_core* request_;
};

std::optional<process_error> stateful_core::call(request_core& request, sync::clock::time_point deadline,
                                                 const std::stop_token& stop, const source_site& site) {
  waiting_.fetch_add(1, std::memory_order_relaxed);
  request_task task(*this, request);
  if (runs_for(&pool_.core()))
    throw std::logic_error("a worker of the stateful_worker_pool " + std::string(pool_.name()) +
                           " makes a call of its own pool, and would wait for itself");
  const auto count = [this](process_error why) {
    if (why == process_error::timed_out) add_one(timed_out_);
    if (why == process_error::cancelled) add_one(cancelled_);
    if (why == process_error::stopped) add_one(stopped_);
    return why;
  };
  if (stop.stop_requested()) return count(process_error::cancelled);
  try {
    pool_.submit({.deadline = deadline, .stop = stop}, std::move(task), site);
  } catch (const submission_refused& refused) {
    return count(error_of(refused.why()));
  } catch (const std::bad_alloc&) {
    return process_error::no_memory;
  }
  bool left_in_time = true;
  {
    // Its end waits for a request that is under way: whoever gives the call up has it until then.
    const std::stop_callback gives_up(stop, [&] { static_cast<void>(give_up(request)); });
    while (!request.wait(deadline, pool_.core().spin())) {
      if (give_up(request)) left_in_time = false;
    }
  }
  switch (request.now()) {
    case request_core::phase::given_up:
    case request_core::phase::left:
      return count(left_in_time ? process_error::cancelled : process_error::timed_out);
    case request_core::phase::dropped:
      return count(stop.stop_requested() ? process_error::cancelled : process_error::stopped);
    default:
      return std::nullopt;
  }
}

bool stateful_core::give_up(request_core& request) noexcept {
  for (;;) {
    if (request.move(request_core::phase::queued, request_core::phase::given_up)) {
      waiting_.fetch_sub(1, std::memory_order_relaxed);
      request.drop_input();
      return true;
    }
    if (request.move(request_core::phase::running, request_core::phase::left)) {
      if (kind_->has_interrupt) interrupt(*request.seat, &request);
      return true;
    }
    if (request.now() > request_core::phase::running) return false;
  }
}

void stateful_core::drop(request_core& request) noexcept {
  if (request.move(request_core::phase::queued, request_core::phase::dropped))
    waiting_.fetch_sub(1, std::memory_order_relaxed);
  request.let_go();
}

void stateful_core::interrupt(state_seat& seat, const request_core* only) noexcept {
  const std::scoped_lock lock(seat.lock);
  if (seat.running == nullptr || (only != nullptr && seat.running != only)) return;  // it has ended
  add_one(interrupted_);
  kind_->interrupt(seat.state);
}

void stateful_core::interrupt_all() noexcept {
  if (!kind_->has_interrupt) return;
  for (const auto& block : blocks_) {
    seat_block* const seats = block.load(std::memory_order_acquire);  // [d] pairs with [e]
    if (seats == nullptr) return;
    for (state_seat& seat : *seats) interrupt(seat, nullptr);
  }
}

// On a worker's thread.

void stateful_core::run(request_core& request) noexcept {
  state_seat& seat = seat_of(place().own->index);
  std::exception_ptr no_state;
  if (seat.state == nullptr) [[unlikely]] {
    no_state = try_make(seat);
    if (no_state != nullptr) report(no_state);
  }
  if (begin(seat, request)) {
    request_core::phase how = request_core::phase::failed;
    if (no_state == nullptr)
      how = request.run(seat.state);
    else
      request.fail(std::move(no_state));
    end(seat, request, how);
  } else {
    end_running_task(task_end::cancelled);
  }
  request.let_go();
  if (kind_->has_ready && seat.state != nullptr) kind_->ready(seat.state);
}

bool stateful_core::begin(state_seat& seat, request_core& request) noexcept {
  using phase = request_core::phase;
  bool begins = false;
  if (kind_->has_interrupt) {
    const std::scoped_lock lock(seat.lock);
    request.seat = &seat;
    if (discards_.load(std::memory_order_relaxed)) {  // set before interrupt_all() takes the lock
      if (request.move(phase::queued, phase::dropped)) waiting_.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    begins = request.move(phase::queued, phase::running);
    if (begins) seat.running = &request;
  } else {
    begins = request.move(phase::queued, phase::running);
  }
  if (!begins) return false;
  waiting_.fetch_sub(1, std::memory_order_relaxed);
  processing_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void stateful_core::end(state_seat& seat, request_core& request, request_core::phase how) noexcept {
  if (kind_->has_interrupt) {
    const std::scoped_lock lock(seat.lock);
    seat.running = nullptr;
  }
  add_one(how == request_core::phase::done ? completed_ : failed_);
  processing_.fetch_sub(1, std::memory_order_relaxed);
  static_cast<void>(request.move(request_core::phase::running, how));  // unless the caller has left
}

void stateful_core::worker_started(std::size_t index) noexcept {
  state_seat& seat = seat_of(index);
  const std::exception_ptr failure = try_make(seat);
  bool is_first = false;
  {
    const std::scoped_lock lock(mutex_);
    is_first = is_starting_;
    if (is_first) {
      ++first_ends_;
      if (first_failure_ == nullptr) first_failure_ = failure;
    }
  }
  if (is_first) {
    tell();
  } else if (failure != nullptr) {
    report(failure);
    make_late(seat);
  }
  if (kind_->has_ready && seat.state != nullptr) kind_->ready(seat.state);
}

void stateful_core::worker_ended(std::size_t index) noexcept {
  state_seat& seat = seat_of(index);
  if (seat.state == nullptr) return;
  kind_->end(std::exchange(seat.state, nullptr));
  states_.fetch_sub(1, std::memory_order_relaxed);
}

// What was thrown, or nullptr.
std::exception_ptr stateful_core::try_make(state_seat& seat) noexcept {
  try {
    seat.state = kind_->make();
    states_.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  } catch (...) {
    add_one(failed_states_);
    return std::current_exception();
  }
}

bool stateful_core::is_surplus() const {
  const worker_pool_statistics numbers = pool_.statistics();
  return numbers.workers > numbers.max_workers;
}

// Until there is one, or the worker is wanted without.
void stateful_core::make_late(state_seat& seat) noexcept {
  std::chrono::nanoseconds pause = std::chrono::milliseconds(1);
  while (seat.state == nullptr) {
    const std::uint32_t turn = turns_.load(std::memory_order_acquire);  // [f] pairs with [g]
    const bool stops = stops_.load(std::memory_order_relaxed);
    if (stops && (discards_.load(std::memory_order_relaxed) || waiting_.load(std::memory_order_relaxed) == 0 ||
                  states_.load(std::memory_order_relaxed) == 0))
      return;
    const auto tries_at = sync::now() + pause;
    static_cast<void>(sync::park_until(turns_, turn, tries_at));
    if (stops) continue;  // others do what is left
    if (is_surplus()) return;
    if (sync::now() < tries_at) continue;
    pause = std::min<std::chrono::nanoseconds>(pause * 2, std::chrono::seconds(1));
    if (const std::exception_ptr failure = try_make(seat)) report(failure);
  }
}

void stateful_core::report(const std::exception_ptr& failure) noexcept {
  if (on_failed_state_) return on_failed_state_(failure);
  try {
    warn(("a state of the stateful_worker_pool " + std::string(pool_.name()) +
          " could not be made: " + in_words(failure))
             .c_str());
  } catch (...) {
    warn("a state of a stateful_worker_pool could not be made");
  }
}

// Beginning, size, end.

stateful_core::stateful_core(const stateful_worker_pool_options& options, std::unique_ptr<state_kind> kind)
    : kind_(std::move(kind)), on_failed_state_(options.on_failed_state), pool_(prepare(options)) {
  wait_for_first_states();
}

worker_pool_options stateful_core::prepare(const stateful_worker_pool_options& options) {
  const std::size_t workers = count_of(options.workers);
  reserve_seats(workers);
  return {.name = options.name,
          .max_workers = workers,
          .min_workers = workers,
          .spawn = workers,
          .queue_bound = options.queue_bound,
          .when_full = overflow::wait,
          .spin = options.spin,
          .affinity = options.affinity,
          .upstream = options.upstream,
          .observer = this,
          .measure_times = options.measure_times};
}

void stateful_core::wait_for_first_states() {
  const std::size_t threads = pool_.statistics().workers;  // fewer than asked for, if the system did not give them
  std::exception_ptr failure;
  for (;;) {
    const std::uint32_t turn = turns_.load(std::memory_order_acquire);  // [f] pairs with [g]
    {
      const std::scoped_lock lock(mutex_);
      if (first_ends_ == threads) {
        is_starting_ = false;
        failure = std::exchange(first_failure_, nullptr);
        break;
      }
    }
    sync::park(turns_, turn);
  }
  if (failure == nullptr) return;
  stop(false, sync::clock::time_point::max());
  std::rethrow_exception(failure);
}

void stateful_core::tell() noexcept {
  turns_.fetch_add(1, std::memory_order_release);  // [g] pairs with [f]: what whoever waits looks at
  sync::unpark_all(turns_);
}

void stateful_core::reserve_seats(std::size_t count) {
  const std::size_t blocks = std::min((count + block_seats - 1) / block_seats, blocks_.size());
  for (std::size_t i = 0; i < blocks; ++i) {
    if (owned_blocks_[i] != nullptr) continue;
    owned_blocks_[i] = std::make_unique<seat_block>();
    blocks_[i].store(owned_blocks_[i].get(), std::memory_order_release);  // [e] pairs with [d]
  }
}

void stateful_core::resize(std::size_t workers) {
  const std::scoped_lock lock(resizing_);
  const std::size_t wanted = count_of(workers);
  reserve_seats(wanted);
  pool_.resize(wanted, wanted);
  tell();
}

stop_report stateful_core::stop(bool discard, sync::clock::time_point deadline) {
  if (runs_for(&pool_.core())) return pool_.stop(deadline);  // throws what says so
  stops_.store(true, std::memory_order_relaxed);
  if (discard) {
    discards_.store(true, std::memory_order_relaxed);
    interrupt_all();
  }
  tell();
  return discard ? pool_.stop_and_discard(deadline) : pool_.stop(deadline);
}

void stateful_core::end() noexcept {
  if (!pool_.core().is_forked()) {
    if (runs_for(&pool_.core()))
      fatal(("the stateful_worker_pool " + std::string(pool_.name()) +
             " is destroyed by one of its own workers, which would wait for itself")
                .c_str());
    static_cast<void>(stop(false, sync::clock::time_point::max()));
  }
  delete this;
}

stateful_worker_pool_statistics stateful_core::statistics() const {
  const auto read = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
  return {.states = read(states_),
          .waiting = read(waiting_),
          .processing = read(processing_),
          .completed = read(completed_),
          .failed = read(failed_),
          .timed_out = read(timed_out_),
          .cancelled = read(cancelled_),
          .stopped = read(stopped_),
          .interrupted = read(interrupted_),
          .failed_states = read(failed_states_),
          .workers = pool_.statistics()};
}

}  // namespace detail
}  // namespace cistern::inline v0
