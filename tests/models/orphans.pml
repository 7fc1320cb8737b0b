// SPDX-License-Identifier: MIT
//
// What a thread leaves behind (allocators/src/epoch_reclaim.cpp: hand_over, take_from_threads, take_expired_orphans)
// under TSO. An owner retires two objects, one bag each; it may seal and free on its own, and then it ends, or sleeps
// for ever. A collector takes what it finds in the owner's slot, through the slot's lock, advances, and frees. A reader
// reads. Asserted: no use after free, nothing freed twice, nothing lost, no visit to an open bag that is deleted.
//
// The wait in the slot's lock is simple here; biased_lock.pml has the parking.
//
// Mutants: VISIT_WITHOUT_FENCE, UNLOCKED_RELEASE (release_slot unlinks the open bag of a retire_list without the slot's
// lock), UNSEALED (an open bag is taken with no tag of its own), READ_EARLY (the owner reads its limbo before it has the
// lock).

#define READER 0
#define OWNER 1
#define COLLECTOR 2
#define THREADS 3
#define GRACE 2
#ifndef SECTIONS
#define SECTIONS 1
#endif
#ifndef COLLECTIONS
#define COLLECTIONS 2  // while the others run
#endif

// Words of memory. A state is 0 for unpinned, else the epoch + 1.
#define POINTER 0  // to object 0, 1, and at last 2, which is never retired
#define EPOCH 1
#define STATE 2         // the reader's
#define OWNER_WORD 3    // the lock of the owner's slot
#define VISITOR_WORD 4
#define OPEN 5          // the object in the open bag + 1
#define LIMBO 6         // a set of objects, as bits
#define LISTED 7        // the open bag of a retire_list is in the slot's list
#define ENDED 8         // the slot's thread_ == 0
#define ADDRESSES 9
#define DEPTH 4
#include "store_buffers.inc"

byte tag[2];   // read by whoever has found the bag, so after it was written
byte orphans;  // under a mutex, which is a fence
bool visitors_locked;
byte freed;
bool listed_is_deleted, owner_done, reader_done;

inline seal(who) {
#ifndef UNSEALED
  fence(who);
  load(who, EPOCH, now);
  tag[open - 1] = now;
  now = 0;
#endif
  limbo = limbo | open;  // objects 0 and 1 are the bits 1 and 2
  open = 0
}

inline free_one(which) {
  d_step {
    assert(!(freed & which));
    freed = freed | which
  }
}

// Moves from `set` to `expired` what may be freed.
inline take_expired(who, set, expired) {
  load(who, EPOCH, now);
  d_step {
    if
    :: (set & 1) && tag[0] + GRACE <= now -> expired = expired | 1
    :: else
    fi;
    if
    :: (set & 2) && tag[1] + GRACE <= now -> expired = expired | 2
    :: else
    fi;
    set = set & ~expired;
    now = 0
  }
}

inline run_bags(set) {
  if
  :: set & 1 -> free_one(1)
  :: else
  fi;
  if
  :: set & 2 -> free_one(2)
  :: else
  fi;
  set = 0
}

active proctype reader() {
  byte now, seen, left = SECTIONS;
  do
  :: left > 0 ->
       load(READER, EPOCH, now);
       store(READER, STATE, now + 1);
       now = 0;
       load(READER, POINTER, seen);
       assert(!(freed & (seen + 1)) || seen == 2);
       seen = 0;
       store(READER, STATE, 0);
       left--
  :: else -> break
  od;
  reader_done = true
}

inline lock() {
  store(OWNER, OWNER_WORD, 1);
  load(OWNER, VISITOR_WORD, seen);
  do
  :: seen != 0 ->
       seen = 0;
       store(OWNER, OWNER_WORD, 0);
       memory[VISITOR_WORD] == 0;
       store(OWNER, OWNER_WORD, 1);
       load(OWNER, VISITOR_WORD, seen)
  :: else -> break
  od
}

inline unlock() { store(OWNER, OWNER_WORD, 0) }

inline append_orphans(who, set) {
  d_step {
    queue[who].length == 0;
    assert(!(orphans & set));
    orphans = orphans | set;
    set = 0
  }
}

// Seals and frees, as make_room() and flush() do.
inline flush() {
#ifdef READ_EARLY
  load(OWNER, LIMBO, limbo);
  lock();
#else
  lock();
  load(OWNER, LIMBO, limbo);
#endif
  load(OWNER, OPEN, open);
  if
  :: open != 0 ->
       seal(OWNER);
       store(OWNER, OPEN, 0)
  :: else
  fi;
  take_expired(OWNER, limbo, expired);
  store(OWNER, LIMBO, limbo);
  limbo = 0;
  unlock();
  run_bags(expired)
}

inline lock_visitors(who) { d_step { queue[who].length == 0 && !visitors_locked; visitors_locked = true } }
inline unlock_visitors(who) { d_step { queue[who].length == 0; visitors_locked = false } }

inline end() {
  lock_visitors(OWNER);
  store(OWNER, OWNER_WORD, 1);
  load(OWNER, VISITOR_WORD, seen);
  assert(seen == 0);  // so that it need not wait
  load(OWNER, LIMBO, limbo);
  load(OWNER, OPEN, open);
  if
  :: open != 0 ->
       seal(OWNER);
       store(OWNER, OPEN, 0)
  :: else
  fi;
  unlock();
  store(OWNER, LIMBO, 0);
  append_orphans(OWNER, limbo);
  unlock_visitors(OWNER);
#ifndef UNLOCKED_RELEASE
  lock();
#endif
  store(OWNER, LISTED, 0);
#ifndef UNLOCKED_RELEASE
  unlock();
#endif
  listed_is_deleted = true;
  store(OWNER, ENDED, 1)
}

active proctype owner() {
  byte object, seen, now, open, limbo, expired;
  store(OWNER, LISTED, 1);
  do
  :: object < 2 ->
       store(OWNER, POINTER, object + 1);
       lock();
       load(OWNER, OPEN, open);
       if
       :: open == 0 -> store(OWNER, OPEN, object + 1)  // room in the bag
       :: else ->
            open = 0;
            unlock();
            flush();
            lock();
            store(OWNER, OPEN, object + 1)
       fi;
       open = 0;
       unlock();
       object++
  :: else -> break
  od;
  object = 0;
  if
  :: flush()
  :: skip
  fi;
  if
  :: end()
  :: skip  // sleeps for ever
  fi;
  owner_done = true
}

inline visit() {
  load(COLLECTOR, ENDED, word);
  if
  :: word == 0 ->
       lock_visitors(COLLECTOR);
       store(COLLECTOR, VISITOR_WORD, 1);
#ifdef VISIT_WITHOUT_FENCE
       fence(COLLECTOR);
#else
       membarrier(COLLECTOR, passed);
#endif
       load(COLLECTOR, OWNER_WORD, word);
       if
       :: word == 0 ->
            load(COLLECTOR, LISTED, word);
            if
            :: word != 0 -> assert(!listed_is_deleted)
            :: else
            fi;
            load(COLLECTOR, LIMBO, limbo);
            load(COLLECTOR, OPEN, open);
            if
            :: open != 0 ->
                 seal(COLLECTOR);
                 store(COLLECTOR, OPEN, 0)
            :: else
            fi;
            store(COLLECTOR, LIMBO, 0)
       :: else  // out of patience
       fi;
       word = 0;
       append_orphans(COLLECTOR, limbo);
       exchange(COLLECTOR, VISITOR_WORD, 0, word);
       word = 0;
       unlock_visitors(COLLECTOR)
  :: else -> word = 0
  fi
}

inline advance() {
  load(COLLECTOR, EPOCH, now);
  membarrier(COLLECTOR, passed);
  load(COLLECTOR, STATE, word);
  if
  :: word == 0 || word == now + 1 -> store(COLLECTOR, EPOCH, now + 1)
  :: else
  fi;
  word = 0; now = 0
}

inline collect() {
  visit();
  advance();
  fence(COLLECTOR);
  take_expired(COLLECTOR, orphans, expired);
  run_bags(expired)
}

active proctype collector() {
  byte now, word, passed, open, limbo, expired, left = COLLECTIONS;
  do
  :: left > 0 -> collect(); left--
  :: break
  od;
  owner_done && reader_done;
  left = 3;  // one to take what is left, two for the grace
  do
  :: left > 0 -> collect(); left--
  :: else -> break
  od
}

active proctype at_rest() {
  timeout;
  assert(freed == 3)
}
