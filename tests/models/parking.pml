// SPDX-License-Identifier: MIT
//
// How the workers of a crew sleep and are woken (workers/src/crew.cpp), under TSO: a putter puts TASKS tasks from outside
// and looks whether it must wake somebody; workers take them, and the first task puts another one itself. A worker may
// stay with a task for ever. Asserted, when nothing moves any more: no task is left lying while somebody could be woken.
//
// idle_ is only changed by locked instructions, so it needs no place in the memory of stores that wait. What the crew
// does with its mutex held is one step. A sleeper is chosen at will.
//
//   FENCE_MODE  a full fence before the first look instead of membarrier
//   RETIRE      one sleeper may end; it could be started again then
//
// Mutants: NO_HEAVY_FENCE (the first who can be woken looks without one), NO_FULL_FENCE (who puts looks for a searcher
// without one), NO_LOOK_AT_END (the last searcher that has found something does not look again), NO_LOOK_IN_SLEEP (nor
// one that has found nothing, when others sleep), NO_LOOK_AT_START (who makes it possible to start a worker does not
// look), STALE_FIRST_LOOK (putting looks at idle_ first, and only then stores the task).

#ifndef TASKS
#define TASKS 2
#endif

#define PUTTER 0
#define FIRST_WORKER 1
#ifndef THREADS
#define THREADS 3
#endif

// Words of memory: whether a task lies there. The last one is the nested one.
#define NESTED TASKS
#define ADDRESSES (TASKS + 1)
#define DEPTH 2
#include "store_buffers.inc"

byte wakeable, searchers;  // idle_
bool asleep[THREADS], ended[THREADS], searching[THREADS];
byte may_retire = 1;

// The task is stored already. `seen` is scratch, 0 before and after.
inline notify(me) {
  if
  :: atomic { wakeable != 0 -> skip };
#if !defined(NO_FULL_FENCE) && !defined(FENCE_MODE)
     fence(me);
#endif
     if
     :: atomic { searchers == 0 && wakeable != 0 -> skip }; wake_one(me)
     :: atomic { !(searchers == 0 && wakeable != 0) -> skip }
     fi
  :: atomic { wakeable == 0 -> skip }
  fi
}

inline rouse(other) {
  wakeable--;
  searchers++;
  searching[other] = true;
  asleep[other] = false;
  ended[other] = false
}

inline wake_one(me) {
  atomic {
    queue[me].length == 0;
    if
    :: searchers == 0 && wakeable != 0 ->
         if
         :: asleep[1] -> rouse(1)
         :: asleep[2] -> rouse(2)
#if THREADS > 3
         :: asleep[3] -> rouse(3)
#endif
#ifdef RETIRE
         :: !asleep[1] && !asleep[2] && ended[1] -> rouse(1)
         :: !asleep[1] && !asleep[2] && ended[2] -> rouse(2)
#endif
         fi
    :: else
    fi
  }
}

inline put(me, where) {
#ifdef FENCE_MODE
  store(me, where, 1);
  fence(me);
  notify(me)
#else
#ifdef STALE_FIRST_LOOK
  if
  :: atomic { wakeable != 0 -> skip }; store(me, where, 1); notify(me)
  :: atomic { wakeable == 0 -> skip }; store(me, where, 1)
  fi
#else
  store(me, where, 1);
  notify(me)
#endif
#endif
}

// `seen`: whether there is a task anywhere; one look after the other.
inline look(me) {
  at_word = 0;
  do
  :: at_word < ADDRESSES && !seen -> load(me, at_word, seen); at_word++
  :: else -> break
  od;
  at_word = 0
}

// `seen`: whether a task was taken, by a locked instruction; `nests`: whether it is the one that puts another.
inline take(me) {
  at_word = 0;
  do
  :: at_word < ADDRESSES && !seen ->
       load(me, at_word, seen);
       if
       :: seen ->
            exchange(me, at_word, 0, seen);
            nests = seen && at_word == 0
       :: else
       fi;
       at_word++
  :: else -> break
  od;
  at_word = 0
}

inline end_search(me) {
  d_step {
    queue[me].length == 0;
    searching[me] = false;
    last = searchers == 1 && wakeable != 0;
    searchers--
  };
  if
#ifndef NO_LOOK_AT_END
  :: last ->
       last = false;
       look(me);
       if
       :: seen -> seen = 0; wake_one(me)
       :: else
       fi
#endif
  :: else -> last = false
  fi
}

// From the sleepers to the searchers, unless somebody else has done it.
inline get_up(me) {
  atomic {
    queue[me].length == 0;
    if
    :: asleep[me] -> rouse(me)
    :: else
    fi
  }
}

inline heavy_fence(me) {
#if defined(FENCE_MODE)
  fence(me)
#elif defined(NO_HEAVY_FENCE)
  skip
#else
  membarrier(me, passed)
#endif
}

inline sleep(me) {
  d_step {
    queue[me].length == 0;
    first = wakeable == 0;
    last = searchers == searching[me];
    searchers = searchers - searching[me];
    searching[me] = false;
    asleep[me] = true;
    wakeable++
  };
  if
  :: first -> heavy_fence(me)
  :: else
  fi;
#ifdef NO_LOOK_IN_SLEEP
  last = false;
#endif
  if
  :: first || last ->
       d_step { first = false; last = false };
       look(me);
       if
       :: seen -> seen = 0; get_up(me)
       :: else
       fi
  :: else
  fi;
end_asleep:
  if
  :: !asleep[me]
#ifdef RETIRE
  :: d_step { queue[me].length == 0 && asleep[me] && may_retire != 0; may_retire--; asleep[me] = false; wakeable-- };
     retire(me);
end_ended:
     !ended[me]
#endif
  fi
}

// The thread ends, and another one may be started in its place.
inline retire(me) {
  d_step { queue[me].length == 0; first = wakeable == 0; ended[me] = true; wakeable++ };
  if
#ifndef NO_LOOK_AT_START
  :: first ->
       first = false;
       heavy_fence(me);
       look(me);
       if
       :: seen -> seen = 0; wake_one(me)
       :: else
       fi
#endif
  :: else -> first = false
  fi
}

active proctype putter() {
  byte next;
  do
  :: next < TASKS -> put(PUTTER, next); next++
  :: else -> break
  od
}

active [THREADS - FIRST_WORKER] proctype worker() {
  byte me = _pid - THREADS - 1 + FIRST_WORKER;
  byte seen, passed, at_word;
  bool nests, first, last;
  do
  ::
looks:
     take(me);
     if
     :: seen ->
          seen = 0;
          if
          :: searching[me] -> end_search(me)
          :: else
          fi;
          if
          :: nests -> nests = false; put(me, NESTED)
          :: else
          fi;
          if
          :: break  // it stays with the task for ever
          :: skip
          fi
     :: else ->
          if
          :: atomic { !searching[me] && searchers == 0 -> skip };
             d_step { queue[me].length == 0; searchers++; searching[me] = true };
             goto looks  // again
          :: atomic { searching[me] || searchers != 0 -> skip }
          fi;
          sleep(me)
     fi
  od
}

active proctype at_rest() {
  bool left;
  timeout;
  d_step {
    left = memory[0] || memory[NESTED];
#if TASKS > 1
    left = left || memory[1];
#endif
#if TASKS > 2
    left = left || memory[2];
#endif
  };
  assert(!left || wakeable == 0)
}
