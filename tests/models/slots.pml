// SPDX-License-Identifier: MIT
//
// Slots that change hands (allocators/src/epoch_slots.cpp) under TSO: a thread reads, perhaps leaves a guard behind, and
// ends; another comes and gets its slot, or the first of a new chunk if it is not free yet; a third retires one object,
// advances and frees it. Asserted: no reader uses the object after it is freed.
//
// Mutants: RESET_AFTER_RELEASE (the slot is given back before its state is reset), PUBLISH_AFTER_PIN (the new chunk is
// linked when its owner has pinned and has read the pointer), CHUNKS_SEEN_BEFORE (the advancer takes the chunks that it saw as it started).

#define ENDING 0
#define COMING 1
#define RETIRER 2
#define THREADS 3
#define LAST_EPOCH 3

// Words of memory. A state is 0 for unpinned, else the epoch + 1.
#define POINTER 0  // to object 0, later to object 1
#define EPOCH 1
#define STATE(slot) (2 + (slot))
#define OWNED 4  // the first slot's thread_, as 1 - OWNED: it has an owner at the start
#define CHUNKS 5  // beyond the first
#define ADDRESSES 6
#define DEPTH 3
#include "store_buffers.inc"

bool slots_locked, freed;

inline lock_slots(who) { d_step { queue[who].length == 0 && !slots_locked; slots_locked = true } }
inline unlock_slots(who) { d_step { queue[who].length == 0; slots_locked = false } }

inline pin(who, mine) {
  load(who, EPOCH, now);
  store(who, STATE(mine), now + 1);
  now = 0
}

inline use() {
  assert(seen == 1 || !freed);
  seen = 0
}

active proctype ending() {
  byte now, seen;
  pin(ENDING, 0);
  load(ENDING, POINTER, seen);
  use();
  if
  :: store(ENDING, STATE(0), 0)
  :: skip  // a guard that is never destroyed
  fi;
  lock_slots(ENDING);
#ifndef RESET_AFTER_RELEASE
  store(ENDING, STATE(0), 0);
#endif
  store(ENDING, OWNED, 1);
  unlock_slots(ENDING);
#ifdef RESET_AFTER_RELEASE
  store(ENDING, STATE(0), 0);
#endif
  skip
}

active proctype coming() {
  byte now, seen, mine, left = 2;
  lock_slots(COMING);
  load(COMING, OWNED, seen);
  if
  :: seen == 1 -> store(COMING, OWNED, 0)
  :: else ->
       mine = 1;
#ifndef PUBLISH_AFTER_PIN
       store(COMING, CHUNKS, 1)
#endif
  fi;
  seen = 0;
  unlock_slots(COMING);
  do
  :: left > 0 ->
       pin(COMING, mine);
       load(COMING, POINTER, seen);
#ifdef PUBLISH_AFTER_PIN
       store(COMING, CHUNKS, mine);
#endif
       use();
       store(COMING, STATE(mine), 0);
       left--
  :: else -> break
  od
}

inline advance() {
  load(RETIRER, EPOCH, now);
  membarrier(RETIRER, passed);
#ifndef CHUNKS_SEEN_BEFORE
  load(RETIRER, CHUNKS, chunks);
#endif
  slot = chunks;  // a new chunk is the first in the list
  do
  :: load(RETIRER, STATE(slot), word);
     if
     :: word != 0 && word != now + 1 -> break
     :: (word == 0 || word == now + 1) && slot > 0 -> slot--
     :: (word == 0 || word == now + 1) && slot == 0 ->
          store(RETIRER, EPOCH, now + 1);
          break
     fi
  od;
  word = 0; slot = 0; now = 0
#ifndef CHUNKS_SEEN_BEFORE
  ; chunks = 0
#endif
}

active proctype retirer() {
  byte now, word, slot, passed, tag, chunks;
  do
  :: load(RETIRER, EPOCH, now);
     if
     :: now < LAST_EPOCH - 2 -> now = 0; advance()  // before it retires
     :: else -> break
     fi
  :: break
  od;
  now = 0;
#ifdef CHUNKS_SEEN_BEFORE
  load(RETIRER, CHUNKS, chunks);
#endif
  store(RETIRER, POINTER, 1);
  fence(RETIRER);
  load(RETIRER, EPOCH, tag);
  do
  :: load(RETIRER, EPOCH, now);
     if
     :: now == tag + 2 -> break
     :: else -> now = 0; advance()
     fi
  :: now = 0; tag = 0; goto gone  // and never looks again
  od;
  now = 0; tag = 0;
  freed = true;
gone:
  skip
}
