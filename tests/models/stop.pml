// SPDX-License-Identifier: MIT
//
// The end of a crew against those who submit from outside (task_queue::close(), crew::stop()): a producer takes a ticket
// by fetch_add and then fills its cell; close() exchanges the tickets for a number beyond all cells, and what was there
// before is how many tasks were accepted. SUBMITTERS producers with TASKS tasks each, WORKERS workers that drain, and
// one who stops. Asserted: when stop() returns, each task that was accepted has run once (or was dropped once), and
// after that none runs or is accepted. All words change by locked instructions, or are published by the one that is
// looked at, so there are no stores that wait.
//
//   DISCARD  stop_and_discard(): workers end at once, and who stops drops what is left, as workers may still be taking
//
// Mutants: NO_EXCHANGE (close() loads the tickets and then stores), END_WHEN_EMPTY (a worker ends when it finds nothing,
// though a cell is still being filled), LOOK_ONLY (a submission looks whether the pool is stopped, and close() leaves
// the tickets), NO_CLAIM (a task is taken by a load and a store).

#ifndef SUBMITTERS
#define SUBMITTERS 2
#endif
#ifndef TASKS
#define TASKS 2
#endif
#ifndef WORKERS
#define WORKERS 2
#endif

#define CELLS (SUBMITTERS * TASKS)
#define CLOSED 100

byte tickets, claims, closed_at;
bool closed, stopped, filled[CELLS];
byte done[CELLS], workers_left = WORKERS, accepted, finished;

// With the queue's mutex held.
inline count_pushed(into) {
  if
  :: closed -> into = closed_at
  :: else -> into = tickets
  fi
}

active [SUBMITTERS] proctype submitter() {
  byte left = TASKS, ticket;
  do
  :: left > 0 ->
#ifdef LOOK_ONLY
       if
       :: closed -> break
       :: else
       fi;
#endif
       d_step { ticket = tickets; if :: tickets < CLOSED -> tickets++ :: else fi };
       if
       :: ticket >= CLOSED -> break  // refused
       :: else
       fi;
       d_step { accepted++; ticket < CELLS };
       assert(!stopped);
       filled[ticket] = true;
       left--
  :: else -> break
  od;
  finished++
}

// Takes the next task, if it is there.
inline take(got) {
  got = false;
  do
  :: atomic { claim = claims; there = false; if :: claim < CELLS -> there = filled[claim] :: else fi };
     if
     :: there ->
#ifdef NO_CLAIM
          claims = claim + 1;
          got = true;
          break
#else
          if
          :: d_step { claims == claim -> claims = claim + 1 }; got = true; break
          :: claims != claim
          fi
#endif
     :: else -> break
     fi
  od
}

active [WORKERS] proctype worker() {
  byte claim, pushed;
  bool got, there, is_empty;
  do
  ::
#ifdef DISCARD
     if
     :: closed -> break
     :: else
     fi;
#endif
     take(got);
     if
     :: got -> assert(!stopped); d_step { done[claim]++; assert(done[claim] == 1) }
     :: else ->
          if
          :: !closed -> (closed || (claims < CELLS && filled[claims]))  // sleeps
          :: closed ->
#ifdef END_WHEN_EMPTY
               is_empty = true;
#else
               d_step { count_pushed(pushed); is_empty = pushed == claims };
#endif
               if
               :: is_empty -> break
               :: else -> (claims < CELLS && filled[claims]) || closed_at == claims
               fi
          fi
     fi
  od;
  workers_left--
}

active proctype stopper() {
  byte claim, pushed, taken, i;
  bool got, there;
#if defined(NO_EXCHANGE)
  taken = tickets;
  d_step { tickets = CLOSED; closed_at = taken; closed = true };
#elif defined(LOOK_ONLY)
  d_step { closed_at = tickets; closed = true };
#else
  d_step { taken = tickets; tickets = CLOSED; closed_at = taken; closed = true };
#endif
#ifdef DISCARD
  do
  :: take(got);
     if
     :: got -> d_step { done[claim]++; assert(done[claim] == 1) }
     :: else ->
          d_step { count_pushed(pushed) };
          if
          :: pushed == claims -> break
          :: pushed != claims  // a task is still being put into its cell
          fi
     fi
  od;
#endif
  workers_left == 0;
  stopped = true;
  d_step {
    i = 0;
    do
    :: i < closed_at -> assert(done[i] == 1); i++
    :: else -> break
    od
  }
}

active proctype at_rest() {
  byte i, all;
  timeout;
  d_step {
    do
    :: i < CELLS -> all = all + done[i]; i++
    :: else -> break
    od;
    assert(finished == SUBMITTERS && stopped);
    assert(all == accepted)
  }
}
