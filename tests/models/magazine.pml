// SPDX-License-Identifier: MIT
//
// Top and limit of a magazine (pools/include/cistern/pools/detail/block_pool.hpp, pools/src/pool_ageing.cpp) under TSO:
// the owner gets from the top and puts there, OPS times, without a lock; a visitor takes from below VISITS times. At
// the limit, and where the magazine is full, the owner goes on under the lock: it takes what is left, fills an empty
// magazine from what visitors have taken (as from spans), or slides what a visitor has left to the bottom. Asserted: no
// item is handed out that is not idle, nor taken; in the end each idle one lies in the magazine exactly once.
//
// Mutants: NO_MEMBARRIER, NO_SECOND_LOOK (the visitor takes all that it claimed), LIMIT_FIRST (the owner loads the
// limit before it stores its top), LIMIT_LATE (the visitor raises the limit after its look), NO_LOCK (the owner does
// not wait for the visitor at the limit), TOP_FIRST (a put stores top, then the item).

#ifndef OPS
#define OPS 8
#endif
#ifndef VISITS
#define VISITS 3
#endif

#define OWNER 0
#define VISITOR 1
#define THREADS 2

// Words of memory. Places in the magazine are numbered from BOTTOM; FULL is one past the last.
#define BOTTOM 1
#define CAPACITY 2
#define FULL (BOTTOM + CAPACITY)
#define TOP 0
#define LIMIT 1
#define SLOT(place) (1 + (place))
#define ADDRESSES 4
#define DEPTH 4
#include "store_buffers.inc"

// Where an item is. Those of the owner lie in its hands, those in SPANS were taken by a visitor.
#define ITEMS 3
#define IDLE 0
#define OWNERS 1
#define SPANS 2
#define FOUND 3
byte is_in[ITEMS + 1];  // from 1 on

bool locked, owner_done, visitor_done;

init {
  d_step {
    memory[SLOT(BOTTOM)] = 1;
    memory[SLOT(BOTTOM + 1)] = 2;
    memory[TOP] = FULL;
    memory[LIMIT] = BOTTOM;
    is_in[3] = OWNERS
  };
  run owner();
  run visitor()
}

inline lock(who) { d_step { queue[who].length == 0 && !locked; locked = true } }
inline unlock(who) { d_step { queue[who].length == 0; locked = false } }
inline lock_of_owner() {
#ifdef NO_LOCK
  skip
#else
  lock(OWNER)
#endif
}
inline unlock_of_owner() {
#ifdef NO_LOCK
  skip
#else
  unlock(OWNER)
#endif
}

// `item` has been got from a place, or taken from it.
inline now_in(where) {
  d_step {
    assert(item != 0 && is_in[item] == IDLE);
    is_in[item] = where;
    item = 0
  }
}

inline get_slow() {
  lock_of_owner();
  load(OWNER, LIMIT, limit);
  if
  :: limit < top ->
       load(OWNER, SLOT(top - 1), item);
       top--;
       store(OWNER, TOP, top);
       now_in(OWNERS)
  :: else ->
       limit = 0;
       top = BOTTOM;
       item = 1;
       do
       :: item <= ITEMS && top < FULL && is_in[item] == SPANS ->
            is_in[item] = IDLE;
            store(OWNER, SLOT(top), item);
            top++
       :: item <= ITEMS && !(top < FULL && is_in[item] == SPANS) -> item++
       :: item > ITEMS -> break
       od;
       item = 0;
       store(OWNER, LIMIT, BOTTOM);
       store(OWNER, TOP, top)
  fi;
  limit = 0;
  unlock_of_owner()
}

inline get() {
#ifdef LIMIT_FIRST
  load(OWNER, LIMIT, limit);
#endif
  top--;
  store(OWNER, TOP, top);
#ifndef LIMIT_FIRST
  load(OWNER, LIMIT, limit);
#endif
  if
  :: top < limit ->
       limit = 0;
       top++;
       store(OWNER, TOP, top);
       get_slow()
  :: else ->
       limit = 0;
       load(OWNER, SLOT(top), item);
       now_in(OWNERS)
  fi
}

// What a visitor has left goes to the bottom. Nothing where it has taken nothing.
inline slide() {
  lock(OWNER);
  load(OWNER, LIMIT, limit);
  if
  :: limit > BOTTOM ->
       top = BOTTOM;
       do
       :: limit < FULL ->
            load(OWNER, SLOT(limit), moved);
            store(OWNER, SLOT(top), moved);
            moved = 0;
            top++;
            limit++
       :: else -> break
       od;
       store(OWNER, LIMIT, BOTTOM);
       store(OWNER, TOP, top)
  :: else
  fi;
  limit = 0;
  unlock(OWNER)
}

inline put() {
  if
  :: top == FULL -> slide()
  :: else
  fi;
  if
  :: top < FULL ->
       is_in[item] = IDLE;
#ifdef TOP_FIRST
       store(OWNER, TOP, top + 1);
       store(OWNER, SLOT(top), item);
#else
       store(OWNER, SLOT(top), item);
       store(OWNER, TOP, top + 1);
#endif
       top++
  :: else
  fi;
  item = 0
}

proctype owner() {
  byte top = FULL, limit, item, moved, left = OPS;
  do
  :: left > 0 ->
       left--;
       if
       :: get()
       :: is_in[1] == OWNERS -> item = 1; put()
       :: is_in[2] == OWNERS -> item = 2; put()
       :: is_in[3] == OWNERS -> item = 3; put()
       fi
  :: else -> break
  od;
  top = 0;
  owner_done = true
}

// `from` is the limit as it was. What lies from there to the top is claimed, and then taken as far as the owner has
// left it.
inline take_below() {
  load(VISITOR, TOP, end);
#ifdef NO_SECOND_LOOK
  end = claimed;
#endif
  if
  :: end > claimed -> end = claimed
  :: else
  fi;
#ifdef LIMIT_LATE
  store(VISITOR, LIMIT, claimed);
#endif
  claimed = 0;
  do
  :: from < end ->
       load(VISITOR, SLOT(from), item);
       now_in(SPANS);
       from++
  :: else -> break
  od;
  store(VISITOR, LIMIT, from)
}

inline visit() {
  lock(VISITOR);
  load(VISITOR, LIMIT, from);
  load(VISITOR, TOP, claimed);
  if
  :: from < claimed ->
#ifndef LIMIT_LATE
       store(VISITOR, LIMIT, claimed);
#endif
       if
#ifdef NO_MEMBARRIER
       :: take_below()
#else
       :: membarrier(VISITOR, passed); take_below()
#endif
       :: store(VISITOR, LIMIT, from)  // the kernel has refused
       fi
  :: else
  fi;
  from = 0; claimed = 0; end = 0;
  unlock(VISITOR)
}

proctype visitor() {
  byte from, claimed, end, item, passed, left = VISITS;
  do
  :: left > 0 -> left--; visit()
  :: else -> break
  od;
  visitor_done = true
}

active proctype at_rest() {
  byte place, item;
  timeout;
  assert(owner_done && visitor_done);
  d_step {
    place = memory[LIMIT];
    do
    :: place < memory[TOP] ->
         assert(is_in[memory[SLOT(place)]] == IDLE);
         is_in[memory[SLOT(place)]] = FOUND;
         place++
    :: else -> break
    od;
    item = 1;
    do
    :: item <= ITEMS -> assert(is_in[item] != IDLE); item++
    :: else -> break
    od
  }
}
