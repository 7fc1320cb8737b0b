// SPDX-License-Identifier: MIT
//
// Design: see the header. The ring: last_ -> ... free chunks ... -> first_ -> ... -> last_. A chunk that has all its
// cells claimed is left behind by first_, and is free then: used again as the last chunk when that is full, whose
// tickets then begin anew.
//
// Invariants: I1 tickets are below chunk_cells in the last chunk only, and there while the queue is open: so a producer
// that has read an old last_ gets no ticket, or one that is good. I2 a chunk's claims grow while it is in use and
// change their lap as it is used again: so a claim that succeeds is for the cell that was seen. I3 a chunk is used
// again when no consumer is within it, and all its cells are empty then: who claims a cell of it has said before that
// it is within, which whoever sees the claim sees, and says so no more when it has emptied the cell. One that is
// stopped for ever keeps its chunk, and others are used. I4 the first chunk moves on with mutex_ held, and only past a
// chunk that is spent and not the last.
//
// Orders:
//   [a] release of a cell's flag <-> [b] acquire in pop(): the body, and what came before the push
//   [d] release of first_ and last_, with mutex_ held <-> [c] acquire: the chunk as it was made or made ready
//   [h] release by claims <-> [g] acquire: who sees a lap or a claim also sees what the cells were before; a consumer,
//       and who uses the chunk again
//   [i] release of a new lap's tickets <-> [j] acquire by a ticket: also who had read last_ in a lap before fills cells
//       that were emptied before
//   [f] release of where a consumer is <-> [e] acquire by who uses a chunk again: the consumer has done with the cells
//       and bodies of the chunk that it was within before
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/fatal.hpp>
#include <cistern/workers/detail/task_queue.hpp>
#include <cistern/workers/detail/worker.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <mutex>
#include <new>

#include <sys/mman.h>

namespace cistern::inline v0::detail {

const task_operations task_queue::hollow{.run = [](void*) { end_running_task(task_end::cancelled); },
                                         .drop = [](void*) noexcept {},
                                         .move = nullptr,
                                         .is_of_group = false};

namespace {

// Where the kernel does not know how, pages come as they are touched.
void get_pages(void* memory, std::size_t bytes) noexcept {
#ifdef MADV_POPULATE_WRITE
  const int before = errno;
  static_cast<void>(madvise(memory, bytes, MADV_POPULATE_WRITE));
  errno = before;
#else
  static_cast<void>(memory), static_cast<void>(bytes);
#endif
}

}  // namespace

task_queue::task_queue(std::pmr::memory_resource& upstream, bool gives_fresh_pages)
    : last_(nullptr), first_(nullptr), upstream_(upstream), gives_fresh_pages_(gives_fresh_pages) {
  chunk* const only = make_chunk(true);
  if (only == nullptr) throw std::bad_alloc();
  only->next.store(only, std::memory_order_relaxed);
  last_.store(only, std::memory_order_relaxed);
  first_.store(only, std::memory_order_relaxed);
}

task_queue::~task_queue() {
  for (task left; pop(left);) left = task();
  chunk* const last = last_.load(std::memory_order_relaxed);
  for (chunk* next = last->next.load(std::memory_order_relaxed); next != last;) {
    chunk* const gone = next;
    next = gone->next.load(std::memory_order_relaxed);
    free_chunk(gone);
  }
  free_chunk(last);
}

// Cells are empty as zero memory is: where pages are fresh they are taken as made, which is formally one step short.
// And since the queue only grows when tasks come faster than they go, all pages of a further chunk are had by one
// system call instead of a fault for each; a first one costs an idle pool no more than the page that it touches.
task_queue::chunk* task_queue::make_chunk(bool is_first) noexcept {
  chunk* made = nullptr;
  try {
    made = ::new (upstream_.allocate(sizeof(chunk), alignof(chunk))) chunk;
  } catch (...) {
    return nullptr;
  }
  if (!gives_fresh_pages_)
    std::uninitialized_default_construct_n(made->cells, chunk_cells);
  else if (!is_first)
    get_pages(made, sizeof(chunk));
  return made;
}

void task_queue::free_chunk(chunk* gone) noexcept {
  std::destroy_at(gone);
  upstream_.deallocate(gone, sizeof(chunk), alignof(chunk));
}

task_queue::consumer::consumer(task_queue& of) noexcept : of_(of) {
  const std::scoped_lock lock(of.mutex_);
  next_ = std::exchange(of.consumers_, this);
}

task_queue::consumer::~consumer() {
  const std::scoped_lock lock(of_.mutex_);
  consumer** link = &of_.consumers_;
  while (*link != nullptr && *link != this) link = &(*link)->next_;
  if (*link != nullptr) *link = next_;  // else this is the child of a fork
}

// Of a chunk that has all its cells claimed: no consumer still takes a task out of it.
bool task_queue::is_left(const chunk* spent) const noexcept {
  for (const consumer* each = consumers_; each != nullptr; each = each->next_)
    if (each->within_.load(std::memory_order_acquire) == spent) return false;  // [e] pairs with [f]
  return true;
}

// One to use again, moved to behind the last one; nullptr when there is none.
task_queue::chunk* task_queue::free_chunk_behind(chunk* last) const noexcept {
  const chunk* const first = first_.load(std::memory_order_relaxed);
  for (chunk* before = last;;) {
    chunk* const free = before->next.load(std::memory_order_relaxed);
    if (free == first) return nullptr;
    static_cast<void>(free->claims.load(std::memory_order_acquire));  // [g] pairs with [h]: who is within has said so
    if (is_left(free)) {
      before->next.store(free->next.load(std::memory_order_relaxed), std::memory_order_relaxed);
      free->next.store(last->next.load(std::memory_order_relaxed), std::memory_order_relaxed);
      last->next.store(free, std::memory_order_relaxed);
      return free;
    }
    before = free;
  }
}

void task_queue::not_empty() noexcept {
  fatal("a worker_pool's queue finds a task where there is none: its memory was written to by somebody else");
}

task_queue::outcome task_queue::add_chunk(const chunk* full) noexcept {
  bool has_failed = false;
  for (unsigned looks = 0;; ++looks) {
    {
      const std::scoped_lock lock(mutex_);
      chunk* const last = last_.load(std::memory_order_relaxed);
      // Tickets that were refused are taken back, or after 2^32 of them one would be good.
      const auto refuse = [last](std::uint64_t index, outcome why) {
        const std::uint64_t lap = last->claims.load(std::memory_order_relaxed) & ~index_mask;
        last->tickets.store(lap | index, std::memory_order_relaxed);
        return why;
      };
      if (closed_) return refuse(no_tickets, outcome::closed);
      // Also when it has become the last one again meanwhile: then it is not full.
      const std::uint64_t taken = last->tickets.load(std::memory_order_relaxed);
      if (last != full || (taken & index_mask) < chunk_cells) return outcome::accepted;
      if (chunk* const next = free_chunk_behind(last)) {
        const std::uint64_t lap = (next->claims.load(std::memory_order_relaxed) & ~index_mask) + one_lap;
        next->claims.store(lap, std::memory_order_release);   // [h] pairs with [g]
        next->tickets.store(lap, std::memory_order_release);  // [i] pairs with [j]
        next->position = last->position + chunk_cells;
        last_.store(next, std::memory_order_release);  // [d] pairs with [c]
        unneeded_ = std::min(unneeded_, free_chunks());
        static_cast<void>(size_locked());
        return outcome::accepted;
      }
      // A free one is there as soon as a consumer has taken its task out of it: nanoseconds, unless it is stopped
      // there.
      if (has_failed && (free_chunks() == 0 || looks >= most_looks)) return refuse(chunk_cells, outcome::no_memory);
    }
    if (has_failed) sync::yield();
    // Without the mutex: an upstream that is short of memory may tick, and so trim() here.
    chunk* const made = make_chunk(false);
    has_failed = made == nullptr;
    if (has_failed) continue;
    made->claims.store(chunk_cells, std::memory_order_relaxed);
    made->tickets.store(chunk_cells, std::memory_order_relaxed);
    const std::scoped_lock lock(mutex_);
    add_free(made);
  }
}

// Free chunks look as if all their cells had been claimed. With mutex_ held.
void task_queue::add_free(chunk* spent) noexcept {
  chunk* const last = last_.load(std::memory_order_relaxed);
  spent->next.store(last->next.load(std::memory_order_relaxed), std::memory_order_relaxed);
  last->next.store(spent, std::memory_order_relaxed);
  ++chunks_;
}

bool task_queue::next_chunk(const chunk* spent) noexcept {
  const std::scoped_lock lock(mutex_);
  chunk* const first = first_.load(std::memory_order_relaxed);
  if (first != spent || (first->claims.load(std::memory_order_relaxed) & index_mask) != chunk_cells) return true;
  if (first == last_.load(std::memory_order_relaxed)) return false;
  first_.store(first->next.load(std::memory_order_relaxed), std::memory_order_release);  // [d] pairs with [c]
  return true;
}

void task_queue::close_locked() noexcept {
  if (closed_) return;
  closed_ = true;
  chunk* const last = last_.load(std::memory_order_relaxed);
  const std::uint64_t lap = last->claims.load(std::memory_order_relaxed) & ~index_mask;
  const std::uint64_t taken = last->tickets.exchange(lap | no_tickets, std::memory_order_relaxed);
  closed_at_ = lap | std::min(taken & index_mask, chunk_cells);
}

void task_queue::close() noexcept {
  const std::scoped_lock lock(mutex_);
  close_locked();
}

void task_queue::unlock_after_fork(bool is_child) noexcept {
  if (is_child) {
    close_locked();
    consumers_ = nullptr;  // their threads are the parent's, and no chunk is used again
  }
  mutex_.unlock();
}

void task_queue::open() noexcept {
  const std::scoped_lock lock(mutex_);
  if (!closed_) return;
  closed_ = false;
  chunk* const last = last_.load(std::memory_order_relaxed);
  last->tickets.store(closed_at_, std::memory_order_release);  // [i] pairs with [j]
}

std::uint64_t task_queue::pushed_locked() const noexcept {
  const chunk* const last = last_.load(std::memory_order_relaxed);
  const std::uint64_t taken = closed_ ? closed_at_ : last->tickets.load(std::memory_order_relaxed);
  return last->position + std::min(taken & index_mask, chunk_cells);
}

std::uint64_t task_queue::popped_locked() const noexcept {
  const chunk* const first = first_.load(std::memory_order_relaxed);
  return first->position + (first->claims.load(std::memory_order_relaxed) & index_mask);
}

std::uint64_t task_queue::pushed() const noexcept {
  const std::scoped_lock lock(mutex_);
  return pushed_locked();
}

std::uint64_t task_queue::popped() const noexcept {
  const std::scoped_lock lock(mutex_);
  return popped_locked();
}

std::size_t task_queue::size_locked() const noexcept {
  const std::uint64_t popped = popped_locked();
  const auto size = static_cast<std::size_t>(std::max(pushed_locked(), popped) - popped);
  high_water_ = std::max(high_water_, size);
  return size;
}

std::size_t task_queue::size() const noexcept {
  const std::scoped_lock lock(mutex_);
  return size_locked();
}

std::size_t task_queue::high_water() const noexcept {
  const std::scoped_lock lock(mutex_);
  return high_water_;
}

std::size_t task_queue::chunk_count() const noexcept {
  const std::scoped_lock lock(mutex_);
  return chunks_;
}

std::size_t task_queue::free_chunks() const noexcept {
  const std::uint64_t cells =
      last_.load(std::memory_order_relaxed)->position - first_.load(std::memory_order_relaxed)->position;
  return chunks_ - 1 - static_cast<std::size_t>(cells / chunk_cells);
}

// Linked by next.
task_queue::chunk* task_queue::take_surplus(std::size_t surplus) noexcept {
  chunk* taken = nullptr;
  chunk* const last = last_.load(std::memory_order_relaxed);
  for (; surplus != 0; --surplus, --chunks_) {
    chunk* const gone = last->next.load(std::memory_order_relaxed);
    last->next.store(gone->next.load(std::memory_order_relaxed), std::memory_order_relaxed);
    gone->next.store(taken, std::memory_order_relaxed);
    taken = gone;
  }
  return taken;
}

// False also in a region: then this is a tick within somebody's push().
bool task_queue::wait_for_readers() noexcept {
  try {
    epoch_domain& domain = epoch_domain::default_domain();
    return !domain.slot().pinned() && domain.synchronize(std::chrono::milliseconds(1));
  } catch (...) {  // no memory for this thread's place
    return false;
  }
}

bool task_queue::trim() noexcept {
  chunk* gone = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    gone = take_surplus(std::min(unneeded_, free_chunks()));
    unneeded_ = free_chunks();
    static_cast<void>(size_locked());
  }
  const bool unread = gone == nullptr || wait_for_readers();
  while (gone != nullptr) {
    chunk* const next = gone->next.load(std::memory_order_relaxed);
    if (unread) {
      free_chunk(gone);
    } else {  // somebody may still be within: it may be used again, but not go back
      const std::scoped_lock lock(mutex_);
      add_free(gone);
    }
    gone = next;
  }
  const std::scoped_lock lock(mutex_);
  return chunks_ > 1;
}

}  // namespace cistern::inline v0::detail
