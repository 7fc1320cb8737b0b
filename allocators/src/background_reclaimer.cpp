// SPDX-License-Identifier: MIT
//
// Design: one thread, made by the first wake(), ended and joined by stop(). It waits in poll(), on an eventfd for wakes
// and on the sources of memory pressure. What others must know of it is one word:
//
//     absent --wake--> awake --a tick that found nothing--> asleep --wake, or a tick that found something--> awake
//     any --disable--> disabled --enable--> absent, or awake if the thread is there
//     any --fork, in the child--> absent, or awake if it was the thread that forked; disabled stays
//
// The thread goes on ticking until a second tick has found nothing, then it sleeps without a timer. The word says
// asleep already before the second one, so that whatever became idle without seeing it asleep is seen by that tick;
// and whatever saw it asleep has made it awake, which the thread looks at before each wait. So it is with what a tick
// itself runs: a deleter that retires is a waker like any other.
//
// stop() lets go of control while it waits: deleters in the tick, and threads that they wait for, may want it. Only
// one thread joins, others wait for it; a wake in the meantime is remembered, and that thread starts the next one. The
// thread cannot wait for its own end: disabled from within a tick it stays and does nothing, until it is enabled again
// or somebody else stops it.
//
// Invariants: I1 control is never held while waiting for the thread, or for anything that runs users' code; I2 there is
// a descriptor, or a memory_pressure, only while there is a thread: both are made and destroyed with control held, so
// that a fork finds the whole of them.
//
// Orders: [b] the store of asleep, with a fence, before the ager's loads at the next tick <-> [a] the fence in wake(),
//         between what became idle and the load of the word. What is stored before a poke is seen by the thread after
//         its poll(), by the locks of the system calls. Everything else is guarded by control, or ordered by the join.
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/background_reclaimer.hpp>
#include <cistern/allocators/fork_handlers.hpp>
#include <cistern/allocators/memory_pressure.hpp>
#include <cistern/allocators/mutex.hpp>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace cistern::inline v0 {

constinit sync::atomic<std::uint32_t> background_reclaimer::current_state{background_reclaimer::absent};

class reclaimer_thread {
 public:
  enum class life : std::uint8_t { none, running, stopping };

  // All of these with control held.
  static void start() noexcept;
  static void stop() noexcept;
  static void poke() noexcept;
  static void before_fork() noexcept;
  static void child_of_fork() noexcept;

  static constinit mutex control;
  // Guarded by control.
  static constinit bool starting_allowed;
  // Written with control held.
  static constinit sync::atomic<life> phase;
  static constinit sync::atomic<std::int64_t> period;  // nanoseconds
  // Counted by the thread, or with control held.
  static constinit sync::atomic<std::uint64_t> ticks, pressure_ticks, failed_starts;
  static constinit sync::atomic<const char*> sources;

 private:
  struct rhythm {
    sync::clock::time_point next;
    int quiet = 0;  // ticks in a row that found nothing
  };

  static bool create() noexcept;
  static void forget() noexcept;
  static void stop_at_exit() noexcept;
  static bool is_this_thread() noexcept { return id.load(std::memory_order_relaxed) == sync::thread_id(); }

  // On the thread, without control.
  static void* run(void*) noexcept;
  static void turn(rhythm& at) noexcept;
  static bool tick(age_level level) noexcept;
  static void watch_pressure() noexcept;
  static bool wait(sync::clock::time_point next, bool for_ever) noexcept;
  static sync::clock::time_point next_tick() noexcept {
    return sync::now() + std::chrono::nanoseconds(period.load(std::memory_order_relaxed));
  }

  // Guarded by control.
  static constinit pthread_t handle;
  static constinit bool start_again;  // a wake came while it was stopping
  static constinit bool exit_hooked;
  static constinit bool forked_by_itself;             // from before_fork() to child_of_fork()
  static constinit sync::atomic<std::uint32_t> ends;  // of threads; those who do not join park on it

  // Written with control held, and while the thread is there by itself only.
  static constinit int wakes;  // the eventfd
  static constinit memory_pressure* pressure;
  alignas(memory_pressure) static constinit std::byte pressure_storage[sizeof(memory_pressure)];
  // sync::thread_id(), which unlike addresses is not given again at once; 0: no thread.
  static constinit sync::atomic<std::uint32_t> id;
};

constinit mutex reclaimer_thread::control;
constinit bool reclaimer_thread::starting_allowed = true;
constinit sync::atomic<reclaimer_thread::life> reclaimer_thread::phase{life::none};
constinit sync::atomic<std::int64_t> reclaimer_thread::period{1'000'000'000};
constinit sync::atomic<std::uint64_t> reclaimer_thread::ticks{0}, reclaimer_thread::pressure_ticks{0},
    reclaimer_thread::failed_starts{0};
constinit sync::atomic<const char*> reclaimer_thread::sources{"none"};
constinit pthread_t reclaimer_thread::handle{};
constinit bool reclaimer_thread::start_again = false;
constinit bool reclaimer_thread::exit_hooked = false;
constinit bool reclaimer_thread::forked_by_itself = false;
constinit sync::atomic<std::uint32_t> reclaimer_thread::ends{0};
constinit int reclaimer_thread::wakes = -1;
constinit memory_pressure* reclaimer_thread::pressure = nullptr;
alignas(memory_pressure) constinit std::byte reclaimer_thread::pressure_storage[sizeof(memory_pressure)]{};
constinit sync::atomic<std::uint32_t> reclaimer_thread::id{0};

namespace {

using thread = reclaimer_thread;

constinit detail::fork_handler at_fork{
    .rank = detail::fork_rank::background_reclaimer,
    .prepare =
        [](void*) noexcept {
          thread::control.lock();
          thread::before_fork();
        },
    .parent = [](void*) noexcept { thread::control.unlock(); },
    .child =
        [](void*) noexcept {
          thread::child_of_fork();
          thread::control.unlock();
        },
};

bool switched_off_by_environment() noexcept {
  const char* const wanted = std::getenv("CISTERN_BACKGROUND");
  return wanted != nullptr && std::strcmp(wanted, "0") == 0;
}

const char* describe(const memory_pressure& pressure) noexcept {
  if (pressure.watches_stalls()) return pressure.watches_events() ? "stalls, cgroup events" : "stalls";
  return pressure.watches_events() ? "cgroup events" : "none";
}

}  // namespace

void* reclaimer_thread::run(void*) noexcept {
  pthread_setname_np(pthread_self(), "cistern-reclaim");
  id.store(sync::thread_id(), std::memory_order_relaxed);
  for (rhythm at{.next = next_tick()}; phase.load(std::memory_order_relaxed) != life::stopping;) turn(at);
  return nullptr;
}

// One wait, and what it was waited for.
void reclaimer_thread::turn(rhythm& at) noexcept {
  auto& state = background_reclaimer::current_state;
  watch_pressure();
  const std::uint32_t before = state.load(std::memory_order_relaxed);
  if (before == background_reclaimer::awake && at.quiet > 0) at = {.next = next_tick()};
  const bool is_off = before == background_reclaimer::disabled;
  const bool time_is_up = wait(at.next, is_off || at.quiet >= 2);
  const bool is_short = pressure->check();
  if (is_off || phase.load(std::memory_order_relaxed) == life::stopping) return;
  if (is_short) {
    pressure_ticks.fetch_add(1, std::memory_order_relaxed);
    tick(age_level::pressure);
  } else if (!time_is_up) {
    at.next = std::min(at.next, next_tick());  // the period may have been made shorter
  } else {
    at.next = next_tick();
    ticks.fetch_add(1, std::memory_order_relaxed);
    if (!tick(age_level::tick) && ++at.quiet == 1) {
      std::uint32_t expected = background_reclaimer::awake;
      state.compare_exchange_strong(expected, background_reclaimer::asleep, std::memory_order_seq_cst);  // [b]
      sync::fence_then_load(state);
    }
  }
}

// False when it found nothing. What is left is as good as a wake.
bool reclaimer_thread::tick(age_level level) noexcept {
  if (!ageing_clock::process().tick(level)) return false;
  // Relaxed: a wake that comes between sets the same; disabled must stay.
  std::uint32_t expected = background_reclaimer::asleep;
  background_reclaimer::current_state.compare_exchange_strong(expected, background_reclaimer::awake,
                                                              std::memory_order_relaxed);
  return true;
}

// Also in the child of a fork, which has lost it.
void reclaimer_thread::watch_pressure() noexcept {
  if (pressure != nullptr) return;
  const std::scoped_lock lock(control);
  pressure = new (pressure_storage) memory_pressure;
  sources.store(describe(*pressure), std::memory_order_relaxed);
}

// Until the next tick, a wake or pressure. True when it is time to tick.
bool reclaimer_thread::wait(sync::clock::time_point next, bool for_ever) noexcept {
  pollfd sources_of_wakes[] = {{.fd = wakes, .events = POLLIN, .revents = 0},
                               {.fd = pressure->descriptor(), .events = POLLIN, .revents = 0}};
  int timeout = -1;
  if (!for_ever) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - sync::now()).count();
    timeout = static_cast<int>(std::max<std::int64_t>(left, 0));  // a day at most
  }
  if (poll(sources_of_wakes, 2, timeout) > 0 && sources_of_wakes[0].revents != 0) {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = read(wakes, &count, sizeof count);
  }
  return !for_ever && sync::now() >= next;
}

void reclaimer_thread::poke() noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wakes, &one, sizeof one);
}

// Its signals are blocked before it is there.
bool reclaimer_thread::create() noexcept {
  wakes = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wakes < 0) return false;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const bool created = pthread_create(&handle, nullptr, run, nullptr) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return created;
}

void reclaimer_thread::start() noexcept {
  const life now = phase.load(std::memory_order_relaxed);
  start_again = now == life::stopping;
  if (!starting_allowed || now != life::none) return;
  auto& state = background_reclaimer::current_state;
  if (switched_off_by_environment()) {
    starting_allowed = false;
    state.store(background_reclaimer::disabled, std::memory_order_relaxed);
    return;
  }
  state.store(background_reclaimer::awake, std::memory_order_relaxed);
  phase.store(life::running, std::memory_order_relaxed);
  if (create()) {
    if (!exit_hooked) exit_hooked = std::atexit(stop_at_exit) == 0;
    return;
  }
  forget();
  failed_starts.fetch_add(1, std::memory_order_relaxed);
  state.store(background_reclaimer::absent, std::memory_order_relaxed);
}

// To be called once the thread is gone, or, in the child of a fork, by itself.
void reclaimer_thread::forget() noexcept {
  if (const int closed = std::exchange(wakes, -1); closed >= 0) close(closed);
  if (pressure != nullptr) std::destroy_at(std::exchange(pressure, nullptr));
  id.store(0, std::memory_order_relaxed);
  phase.store(life::none, std::memory_order_relaxed);
}

// Returns with control held again: by then a new one may be there.
void reclaimer_thread::stop() noexcept {
  const life now = phase.load(std::memory_order_relaxed);
  if (now == life::none || is_this_thread()) return;
  if (now == life::stopping) {
    const std::uint32_t seen = ends.load(std::memory_order_relaxed);  // under control, as its changes
    do {
      control.unlock();
      sync::park(ends, seen);
      control.lock();
    } while (ends.load(std::memory_order_relaxed) == seen);
    return;
  }
  phase.store(life::stopping, std::memory_order_relaxed);
  poke();
  control.unlock();
  pthread_join(handle, nullptr);
  control.lock();
  forget();
  ends.fetch_add(1, std::memory_order_relaxed);
  sync::unpark_all(ends);
  if (start_again) start();
}

void reclaimer_thread::stop_at_exit() noexcept {
  const std::scoped_lock lock(control);
  starting_allowed = false;
  background_reclaimer::current_state.store(background_reclaimer::disabled, std::memory_order_relaxed);
  stop();
}

void reclaimer_thread::before_fork() noexcept { forked_by_itself = is_this_thread(); }

// The descriptors are the parent's too. Allocates nothing: the allocator may not have had its turn yet.
void reclaimer_thread::child_of_fork() noexcept {
  forget();
  start_again = false;
  std::uint32_t state = background_reclaimer::absent;
  if (forked_by_itself) {  // within a tick: this thread is still in run(), and whoever was to join it is not here
    state = background_reclaimer::awake;
    id.store(sync::thread_id(), std::memory_order_relaxed);
    phase.store(life::running, std::memory_order_relaxed);
    wakes = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wakes < 0) failed_starts.fetch_add(1, std::memory_order_relaxed);  // it ticks, but hears no wakes
  }
  if (starting_allowed) background_reclaimer::current_state.store(state, std::memory_order_relaxed);
}

void background_reclaimer::wake_slow() noexcept {
  detail::install(at_fork);
  const std::scoped_lock lock(thread::control);
  std::uint32_t expected = asleep;
  if (current_state.compare_exchange_strong(expected, awake, std::memory_order_relaxed))
    thread::poke();
  else if (expected == absent)
    thread::start();
}

void background_reclaimer::disable() noexcept {
  detail::install(at_fork);
  const std::scoped_lock lock(thread::control);
  thread::starting_allowed = false;
  current_state.store(disabled, std::memory_order_relaxed);
  thread::stop();
}

void background_reclaimer::enable() noexcept {
  const std::scoped_lock lock(thread::control);
  if (thread::starting_allowed) return;
  thread::starting_allowed = true;
  const bool is_there = thread::phase.load(std::memory_order_relaxed) == thread::life::running;
  current_state.store(is_there ? awake : absent, std::memory_order_relaxed);
  if (is_there) thread::poke();
}

void background_reclaimer::set_period(std::chrono::nanoseconds period) noexcept {
  using std::chrono::nanoseconds;
  const nanoseconds clamped = std::clamp<nanoseconds>(period, std::chrono::milliseconds(1), std::chrono::hours(24));
  const std::scoped_lock lock(thread::control);
  thread::period.store(clamped.count(), std::memory_order_relaxed);
  if (thread::phase.load(std::memory_order_relaxed) != thread::life::none) thread::poke();
}

reclaimer_statistics background_reclaimer::statistics() noexcept {
  const std::scoped_lock lock(thread::control);
  return {.running = thread::phase.load(std::memory_order_relaxed) != thread::life::none,
          .asleep = current_state.load(std::memory_order_relaxed) == asleep,
          .ticks = thread::ticks.load(std::memory_order_relaxed),
          .pressure_ticks = thread::pressure_ticks.load(std::memory_order_relaxed),
          .failed_starts = thread::failed_starts.load(std::memory_order_relaxed),
          .pressure_sources = thread::sources.load(std::memory_order_relaxed)};
}

}  // namespace cistern::inline v0
