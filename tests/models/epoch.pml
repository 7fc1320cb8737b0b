// SPDX-License-Identifier: MIT
//
// The epoch protocol of allocators/src/epoch_advance.cpp and epoch_reclaim.cpp under TSO: READERS threads with SECTIONS
// regions each, a retirer that unlinks one object, seals it and frees it, and another thread that advances. Asserted:
// no reader uses the object after it is freed.
//
//   RETIRER_PINNED  the retirer is pinned until it has sealed
//   FENCE_MODE      fences in pin() and in advance() instead of membarrier
//
// Mutants: NO_SEAL_FENCE, OWN_TAG (the tag is the epoch that the retirer is pinned in), NO_MEMBARRIER, GRACE=1.

#ifndef READERS
#define READERS 1
#endif
#ifndef SECTIONS
#define SECTIONS 2
#endif
#ifndef GRACE
#define GRACE 2
#endif
#ifndef LAST_EPOCH
#define LAST_EPOCH 3
#endif

#define RETIRER READERS
#define ADVANCER (READERS + 1)
#define THREADS (READERS + 2)

// Words of memory. A state is 0 for unpinned, else the epoch + 1.
#define POINTER 0  // to object 0, later to object 1
#define EPOCH 1
#define ADVANCING 2
#define STATE(thread) (3 + (thread))
#ifdef RETIRER_PINNED
#define SLOTS (READERS + 1)
#else
#define SLOTS READERS
#endif
#define ADDRESSES (3 + SLOTS)
#ifndef DEPTH
#define DEPTH 2
#endif
#include "store_buffers.inc"

bool freed;  // object 0

inline light_fence(who) {
#ifdef FENCE_MODE
  fence(who)
#else
  skip
#endif
}

inline heavy_fence(who) {
#if defined(FENCE_MODE) || defined(NO_MEMBARRIER)
  fence(who)
#else
  membarrier(who, passed)
#endif
}

inline pin(who) {
  load(who, EPOCH, now);
  store(who, STATE(who), now + 1);
  light_fence(who)
}

inline advance(who) {
  exchange(who, ADVANCING, 1, word);
  if
  :: word != 0
  :: else ->
       load(who, EPOCH, now);
       heavy_fence(who);
       slot = 0;
       do
       :: slot < SLOTS ->
            load(who, STATE(slot), word);
            if
            :: word == 0 || word == now + 1 -> slot++
            :: else -> break
            fi
       :: else ->
            if
            :: now < LAST_EPOCH -> store(who, EPOCH, now + 1)
            :: else
            fi;
            break
       od;
       store(who, ADVANCING, 0)
  fi;
  word = 0; slot = 0; now = 0
}

active [READERS] proctype reader() {
  byte me, now, seen, left = SECTIONS;
  me = _pid - THREADS;
  do
  :: left > 0 ->
       pin(me);
       now = 0;
       load(me, POINTER, seen);
       assert(seen == 1 || !freed);
       seen = 0;
       store(me, STATE(me), 0);
       left--
  :: else -> break
  od
}

active proctype retirer() {
  byte now, word, slot, passed, tag;
#ifdef RETIRER_PINNED
  pin(RETIRER);
#ifdef OWN_TAG
  tag = now;
#endif
  now = 0;
#endif
  store(RETIRER, POINTER, 1);
#ifndef OWN_TAG
#ifndef NO_SEAL_FENCE
  fence(RETIRER);
#endif
  load(RETIRER, EPOCH, tag);
#endif
#ifdef RETIRER_PINNED
  store(RETIRER, STATE(RETIRER), 0);
#endif
  do
  :: load(RETIRER, EPOCH, now);
     if
     :: now >= tag + GRACE -> break
     :: else -> now = 0; advance(RETIRER)
     fi
  :: now = 0; tag = 0; goto gone  // and never looks again
  od;
  now = 0; tag = 0;
  freed = true;
gone:
  skip
}

active proctype advancer() {
  byte now, word, slot, passed;
  do
  :: advance(ADVANCER)
  :: break
  od
}
