// SPDX-License-Identifier: MIT
//
// The depot's exchange (pools/src/class_center.cpp): THREADS threads pop magazines and push what they hold, OPS times
// each, and a tick takes all that lies there. Asserted: no magazine is in two hands; in the end each is in one place.
//
// The depot is a stack under a mutex. Its alternative is here as well, to say what it would need: LOCK_FREE is
// Treiber's stack with a tag beside the head, changed together with it.
//
// Mutants: LOOK_BEFORE_LOCK (the first one is read before the lock is taken); LOCK_FREE UNTAGGED (a head that came back
// is taken for one that never went: ABA).
//
// All steps are locked instructions or reads of what one of them has published, so TSO adds nothing.

#ifndef THREADS
#define THREADS 2
#endif
#ifndef OPS
#define OPS 4
#endif
#define MAGAZINES 3
#define NONE 0

// Who has a magazine. A thread's number, or one of these.
#define DEPOT 10
#define TICK 11
#define FOUND 12

byte first = MAGAZINES, tag;
byte next[MAGAZINES + 1];
byte is_with[MAGAZINES + 1];
bool locked;
byte done;

inline lock() { d_step { !locked; locked = true } }
inline unlock() { locked = false }

// One locked instruction: `to` becomes the head if it is still `expected`, with the tag `expected_tag`.
inline exchange_head(to) {
  d_step {
    if
#ifdef UNTAGGED
    :: first == expected ->
#else
    :: first == expected && tag == expected_tag ->
#endif
         first = to;
         tag++;
         swapped = true
    :: else -> swapped = false
    fi
  }
}
inline read_head() { d_step { expected = first; expected_tag = tag } }

// `expected` becomes what was popped, or NONE.
inline pop() {
#ifdef LOCK_FREE
  do
  :: read_head();
     if
     :: expected == NONE -> break
     :: else
     fi;
     after = next[expected];
     exchange_head(after);
     if
     :: swapped -> break
     :: else
     fi
  od;
#else
#ifdef LOOK_BEFORE_LOCK
  expected = first;
  lock();
#else
  lock();
  expected = first;
#endif
  if
  :: expected != NONE -> first = next[expected]
  :: else
  fi;
  unlock();
#endif
  expected_tag = 0; after = 0; swapped = false
}

inline push(added) {
#ifdef LOCK_FREE
  do
  :: read_head();
     next[added] = expected;
     exchange_head(added);
     if
     :: swapped -> break
     :: else
     fi
  od;
#else
  lock();
  next[added] = first;
  first = added;
  unlock();
#endif
  expected = 0; expected_tag = 0; swapped = false
}

inline take(who) {
  d_step {
    assert(is_with[expected] == DEPOT);
    is_with[expected] = who;
    expected = 0
  }
}

inline give() {
  d_step { is_with[held] = DEPOT };
  push(held);
  held = 0
}

proctype user(byte self) {
  byte expected, expected_tag, after, held, left = OPS;
  bool swapped;
  do
  :: left > 0 ->
       left--;
       if
       :: pop();
          if
          :: expected != NONE -> take(self)
          :: else
          fi
       :: is_with[1] == self -> held = 1; give()
       :: is_with[2] == self -> held = 2; give()
       :: is_with[3] == self -> held = 3; give()
       fi
  :: else -> break
  od;
  done++
}

// Takes all at once, and then goes along them.
proctype tick() {
  byte expected, expected_tag, after;
  bool swapped;
#ifdef LOCK_FREE
  do
  :: read_head();
     exchange_head(NONE);
     if
     :: swapped -> break
     :: else
     fi
  od;
  expected_tag = 0; swapped = false;
#else
  lock();
  expected = first;
  first = NONE;
  unlock();
#endif
  do
  :: expected != NONE -> after = next[expected]; take(TICK); expected = after; after = 0
  :: else -> break
  od;
  done++
}

init {
  byte i = 1;
  d_step {
    do
    :: i <= MAGAZINES -> next[i] = i - 1; is_with[i] = DEPOT; i++
    :: else -> break
    od;
    i = 0
  };
  atomic {
    do
    :: i < THREADS -> i++; run user(i)
    :: else -> break
    od;
    run tick()
  };
  timeout;
  assert(done == THREADS + 1);
  d_step {
    i = first;
    do
    :: i != NONE -> assert(is_with[i] == DEPOT); is_with[i] = FOUND; i = next[i]
    :: else -> break
    od;
    i = 1;
    do
    :: i <= MAGAZINES -> assert(is_with[i] != DEPOT); i++
    :: else -> break
    od
  }
}
