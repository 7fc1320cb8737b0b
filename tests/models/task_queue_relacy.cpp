// SPDX-License-Identifier: MIT
//
// task_queue in the C++11 memory model under relacy: two producers and two consumers on a ring of chunks of one cell
// each, so that a chunk's laps follow each other quickly. What a task consists of is a plain variable in the cell,
// which only the one may touch who fills the cell or has claimed it; and what a chunk was made with is another one.
// Claimed are the cells one after the other. The orders are those of task_queue.hpp and task_queue.cpp. Chunks stay
// (epoch_relacy.cpp frees), and nobody closes (see stop.pml).
//
// Variant: slow, in which one producer and one consumer stop after they have read where the last chunk is, or the
// first, until a chunk is used again. How they are told orders nothing.
//
// Mutants: relaxed_fill and relaxed_look ([a] and [b]: a producer's task, a consumer's look at it), relaxed_leave and
// relaxed_left ([f] and [e]: a consumer that has done with a chunk; that it also releases as it goes on to another one
// is for C++20, for which a relaxed store ends a release sequence), unsaid (a consumer does not say where it is),
// relaxed_lap, relaxed_claims and relaxed_reuse ([h] by who uses a chunk again, [g] by a consumer, and by who uses it
// again), relaxed_chunk and relaxed_first ([d] and [c]). With slow also relaxed_tickets and relaxed_ticket ([i] and
// [j]: who takes a ticket of a new lap), no_recheck (of the first chunk), with_room (a chunk is added though the last
// one has begun a new lap).
#include "relacy_runner.hpp"

namespace {

bool slow;
bool relaxed_fill, relaxed_look, relaxed_leave, relaxed_left, unsaid, relaxed_lap, relaxed_claims, relaxed_reuse,
    relaxed_chunk, relaxed_first, relaxed_tickets, relaxed_ticket, no_recheck, with_room;

constexpr unsigned producers = 2, consumers = 2, most_chunks = 5, most_tasks = 8, all_tasks = 5;
constexpr unsigned tasks_of[producers] = {4, 1}, pops = 3;
constexpr unsigned cells = 1, index_mask = 0xff, one_lap = 0x100, empty = 0, filled = 1, nowhere = 99;

struct chunk {
  rl::atomic<unsigned> tickets, claims;
  rl::var<unsigned> next;  // guarded by the mutex
  rl::var<unsigned> made;
  rl::atomic<unsigned> flag;
  rl::var<unsigned> body;
  unsigned position;  // only for assertions: so many chunks have been the last one before
};

struct task_queue : rl::test_suite<task_queue, producers + consumers> {
  rl::atomic<unsigned> first, last;
  rl::atomic<unsigned> within[producers + consumers];
  rl::mutex mutex;
  rl::var<unsigned> count;           // of chunks; guarded by the mutex
  rl::atomic<unsigned> laps, moves;  // for slow
  chunk chunks[most_chunks];
  unsigned taken[most_tasks], claimed, popped;  // only for assertions

  void before() {
    first($) = 0;
    last($) = 0;
    laps($) = 0;
    moves($) = 0;
    count($) = 0;
    for (auto& each : within) each($) = nowhere;
    for (chunk& each : chunks) {
      each.tickets($) = 0;
      each.claims($) = 0;
      each.flag($) = empty;
    }
    make_chunk();
    chunks[0].next($) = 0;
    chunks[0].position = 0;
    for (unsigned& each : taken) each = 0;
    claimed = popped = 0;
  }

  unsigned make_chunk() {
    const unsigned number = count($);
    RL_ASSERT(number < most_chunks);
    count($) = number + 1;
    chunks[number].made($) = 1;
    return number;
  }

  void thread(unsigned index) {
    if (index < producers) {
      for (unsigned i = 0; i < tasks_of[index]; ++i) push(index, i);
    } else if (slow && index == producers) {
      while (popped < all_tasks) {
        pop(index);
        rl::yield(1, $);
      }
    } else {
      for (unsigned i = 0; i < pops; ++i) pop(index);
    }
  }

  void after() {
    while (pop(0)) {
    }
    RL_ASSERT(popped == all_tasks);
  }

  void wait_for(rl::atomic<unsigned>& number, unsigned least) {
    while (number($).load(rl::mo_relaxed) < least) rl::yield(1, $);
  }

  void push(unsigned producer, unsigned number) {
    // There are two chunks when this goes round.
    if (slow && producer == 0 && number > 1) wait_for(moves, number - 1);
    for (;;) {
      const unsigned seen = last($).load(relaxed_first ? rl::mo_relaxed : rl::mo_acquire);  // [c]
      if (slow && producer == 1) wait_for(laps, 1);
      chunk& into = chunks[seen];
      RL_ASSERT(into.made($) == 1);
      const unsigned ticket = relaxed_ticket ? into.tickets($).fetch_add(1, rl::mo_relaxed)
                                             : into.tickets($).fetch_add(1, rl::mo_acquire);  // [j]
      if ((ticket & index_mask) >= cells) {
        add_chunk(seen);
        continue;
      }
      into.body($) = 4 * producer + number;
      into.flag($).store(filled, relaxed_fill ? rl::mo_relaxed : rl::mo_release);  // [a]
      return;
    }
  }

  bool is_left(unsigned spent) {
    for (auto& each : within)
      if (each($).load(relaxed_left ? rl::mo_relaxed : rl::mo_acquire) == spent) return false;  // [e]
    return true;
  }

  unsigned free_chunk_behind(unsigned seen) {
    const unsigned end = first($).load(rl::mo_relaxed);
    for (unsigned before = seen;;) {
      const unsigned free = chunks[before].next($);
      if (free == end) return nowhere;
      chunks[free].claims($).load(relaxed_reuse ? rl::mo_relaxed : rl::mo_acquire);  // [g]
      if (is_left(free)) {
        const unsigned behind = chunks[free].next($);
        chunks[before].next($) = behind;
        const unsigned following = chunks[seen].next($);
        chunks[free].next($) = following;
        chunks[seen].next($) = free;
        return free;
      }
      before = free;
    }
  }

  void add_chunk(unsigned full) {
    mutex.lock($);
    const unsigned seen = last($).load(rl::mo_relaxed);
    const unsigned ticket = chunks[seen].tickets($).load(rl::mo_relaxed);
    if (seen == full && (with_room || (ticket & index_mask) >= cells)) {
      unsigned next = free_chunk_behind(seen);
      if (next == nowhere) {
        next = make_chunk();
        chunks[next].next($) = chunks[seen].next($);
        chunks[seen].next($) = next;
      } else {
        const unsigned lap = (chunks[next].claims($).load(rl::mo_relaxed) & ~index_mask) + one_lap;
        chunks[next].claims($).store(lap, relaxed_lap ? rl::mo_relaxed : rl::mo_release);       // [h]
        chunks[next].tickets($).store(lap, relaxed_tickets ? rl::mo_relaxed : rl::mo_release);  // [i]
        laps($).fetch_add(1, rl::mo_relaxed);
      }
      chunks[next].position = chunks[seen].position + 1;
      last($).store(next, relaxed_chunk ? rl::mo_relaxed : rl::mo_release);  // [d]
    }
    mutex.unlock($);
  }

  bool pop(unsigned thread) {
    for (;;) {
      const unsigned seen = first($).load(relaxed_first ? rl::mo_relaxed : rl::mo_acquire);  // [c]
      if (slow && thread == producers + 1) wait_for(laps, 1);
      chunk& from = chunks[seen];
      RL_ASSERT(from.made($) == 1);
      unsigned claims = from.claims($).load(relaxed_claims ? rl::mo_relaxed : rl::mo_acquire);  // [g]
      if (!no_recheck && first($).load(rl::mo_relaxed) != seen) continue;
      if ((claims & index_mask) == cells) {
        if (!next_chunk(seen)) return false;
        continue;
      }
      const unsigned flag = from.flag($).load(relaxed_look ? rl::mo_relaxed : rl::mo_acquire);  // [b]
      if (flag == empty) {
        if (from.claims($).load(rl::mo_relaxed) != claims) continue;
        return false;
      }
      if (!unsaid) within[thread]($).store(seen, rl::mo_release);  // [f]
      if (!from.claims($).compare_exchange_strong(claims, claims + 1, rl::mo_acq_rel, rl::mo_relaxed)) {
        within[thread]($).store(nowhere, rl::mo_release);  // [f]
        continue;
      }
      RL_ASSERT(from.position == claimed++);
      const unsigned task = from.body($);
      from.body($) = most_tasks;  // moved out
      RL_ASSERT(task < most_tasks && ++taken[task] == 1);
      ++popped;
      from.flag($).store(empty, rl::mo_relaxed);
      within[thread]($).store(nowhere, relaxed_leave ? rl::mo_relaxed : rl::mo_release);  // [f]
      return true;
    }
  }

  bool next_chunk(unsigned spent) {
    mutex.lock($);
    const unsigned seen = first($).load(rl::mo_relaxed);
    bool goes_on = true;
    if (seen == spent && (chunks[seen].claims($).load(rl::mo_relaxed) & index_mask) == cells) {
      goes_on = seen != last($).load(rl::mo_relaxed);
      if (goes_on) {
        first($).store(chunks[seen].next($), relaxed_chunk ? rl::mo_relaxed : rl::mo_release);  // [d]
        moves($).fetch_add(1, rl::mo_relaxed);
      }
    }
    mutex.unlock($);
    return goes_on;
  }
};

}  // namespace

int main(int argc, char** argv) {
  model_arguments arguments(argc, argv);
  slow = arguments.given("slow");
  relaxed_fill = arguments.given("mutant:relaxed_fill");
  relaxed_look = arguments.given("mutant:relaxed_look");
  relaxed_leave = arguments.given("mutant:relaxed_leave");
  relaxed_left = arguments.given("mutant:relaxed_left");
  unsaid = arguments.given("mutant:unsaid");
  relaxed_lap = arguments.given("mutant:relaxed_lap");
  relaxed_claims = arguments.given("mutant:relaxed_claims");
  relaxed_reuse = arguments.given("mutant:relaxed_reuse");
  relaxed_chunk = arguments.given("mutant:relaxed_chunk");
  relaxed_first = arguments.given("mutant:relaxed_first");
  relaxed_tickets = arguments.given("mutant:relaxed_tickets");
  relaxed_ticket = arguments.given("mutant:relaxed_ticket");
  no_recheck = arguments.given("mutant:no_recheck");
  with_room = arguments.given("mutant:with_room");
  return arguments.run<task_queue>();
}
