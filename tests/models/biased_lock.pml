// SPDX-License-Identifier: MIT
//
// biased_lock (allocators/src/biased_lock.cpp) under TSO: the owner enters ENTRIES times while a visitor comes VISITS
// times, which may give up. Asserted: never both inside; each sees what the other wrote inside; nobody sleeps for ever.
// Parking has no spurious wakes here, so that a lost one shows.
//
//   FENCE_MODE  fences on both sides instead of membarrier
//
// Mutants: NO_HEAVY_FENCE, NO_LIGHT_FENCE (the compiler moves the owner's load before its store), NO_SECOND_LOOK (the
// owner does not look again after it has given way), NO_EXCHANGE (leave() loads the word, then stores it).

#ifndef ENTRIES
#define ENTRIES 3
#endif
#ifndef VISITS
#define VISITS 3
#endif

#define OWNER 0
#define VISITOR 1
#define THREADS 2

// Words of memory.
#define OWNER_WORD 0
#define VISITOR_WORD 1
#define COUNT 2
#define ADDRESSES 3
#define DEPTH 4
#include "store_buffers.inc"

#define NOBODY 0
#define INSIDE 1
#define OWNER_WAITS 2

bool owner_inside, visitor_inside, parked, owner_done, visitor_done;
byte entered;  // how often anybody was inside

inline park(expected) {
  d_step {
    if
    :: memory[VISITOR_WORD] == expected -> parked = true
    :: else
    fi
  };
  !parked
}

// `seen` becomes the visitor's word.
inline enter() {
#ifdef NO_LIGHT_FENCE
  load(OWNER, VISITOR_WORD, seen);
  store(OWNER, OWNER_WORD, INSIDE)
#else
  store(OWNER, OWNER_WORD, INSIDE);
#ifdef FENCE_MODE
  fence(OWNER);
#endif
  load(OWNER, VISITOR_WORD, seen)
#endif
}

// CAS from `seen`, which is INSIDE, to OWNER_WAITS; or it is OWNER_WAITS already.
inline mark() {
  d_step {
    queue[OWNER].length == 0;
    if
    :: seen == OWNER_WAITS -> marked = true
    :: seen != OWNER_WAITS && memory[VISITOR_WORD] == seen -> memory[VISITOR_WORD] = OWNER_WAITS; marked = true
    :: else -> marked = false
    fi
  }
}

inline give_way() {
  store(OWNER, OWNER_WORD, NOBODY);
  load(OWNER, VISITOR_WORD, seen);
  do
  :: seen != NOBODY ->
       mark();
       if
       :: marked -> marked = false; park(OWNER_WAITS)
       :: else
       fi;
       load(OWNER, VISITOR_WORD, seen)
  :: else -> break
  od
}

inline count_one(who, inside, other_inside) {
  d_step { inside = true; entered++ };
  assert(!other_inside);
  load(who, COUNT, count);
  store(who, COUNT, count + 1);
  count = 0;
  inside = false
}

active proctype owner() {
  byte seen, count, left = ENTRIES;
  bool marked;
  do
  :: left > 0 ->
       enter();
       do
       :: seen != NOBODY ->
            give_way();
#ifdef NO_SECOND_LOOK
            store(OWNER, OWNER_WORD, INSIDE)
#else
            enter()
#endif
       :: else -> break
       od;
       count_one(OWNER, owner_inside, visitor_inside);
       store(OWNER, OWNER_WORD, NOBODY);
       left--
  :: else -> break
  od;
  owner_done = true
}

inline leave() {
#ifdef NO_EXCHANGE
  load(VISITOR, VISITOR_WORD, seen);
  store(VISITOR, VISITOR_WORD, NOBODY);
#else
  exchange(VISITOR, VISITOR_WORD, NOBODY, seen);
#endif
  if
  :: seen == OWNER_WAITS -> parked = false
  :: else
  fi;
  seen = 0
}

active proctype visitor() {
  byte seen, count, passed, left = VISITS;
  do
  :: left > 0 ->
       store(VISITOR, VISITOR_WORD, INSIDE);
#if defined(FENCE_MODE)
       fence(VISITOR);
#elif !defined(NO_HEAVY_FENCE)
       membarrier(VISITOR, passed);
#endif
       do
       :: load(VISITOR, OWNER_WORD, seen);
          if
          :: seen == NOBODY -> count_one(VISITOR, visitor_inside, owner_inside); break
          :: else -> seen = 0
          fi
       :: break  // out of patience
       od;
       leave();
       left--
  :: else -> break
  od;
  visitor_done = true
}

active proctype at_rest() {
  timeout;
  assert(owner_done && visitor_done);
  assert(memory[COUNT] == entered)
}
