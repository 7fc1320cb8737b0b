// SPDX-License-Identifier: MIT
//
// A domain that closes (~epoch_domain) while THREADS threads end that have retired in it (thread_registry.cpp,
// epoch_state::release_slot), and another domain that gets its index in the registry afterwards. All of it is under
// mutexes, so memory is plain here. Asserted: nothing of the domain is touched once it is deleted; a domain is not told
// about values of another one; all that was retired is freed, once.
//
// Mutants: CALLBACK_OUTSIDE (the registry's mutex is released before the callback), DELETE_BEFORE_LEAVE, SAME_GENERATION
// (leave() keeps the generation), ON_THE_WAY (visitors do not exclude each other, so the destructor may find a bag in no
// place, and miss it).

#define THREADS 3

mtype = { in_slot, on_the_way, orphan, taken, freed };

// The registry's record.
#define OLD_DOMAIN 1
#define NEW_DOMAIN 2
bool registry_locked;
byte self = OLD_DOMAIN, generation = 1;

// The old domain.
bool deleted, visitors_locked, orphans_locked, slot_locked[THREADS], owned[THREADS] = true;
mtype place[THREADS] = in_slot;  // of what each thread has retired

inline lock(mutex) { atomic { !mutex -> mutex = true } }
inline touch() { assert(!deleted) }

inline lock_visitors() {
#ifndef ON_THE_WAY
  lock(visitors_locked)
#else
  skip
#endif
}

// Takes what is in a slot to the orphans.
inline take(index) {
  touch();
  lock(slot_locked[index]);
  if
  :: place[index] == in_slot -> place[index] = on_the_way; slot_locked[index] = false; append_orphan(index)
  :: else -> slot_locked[index] = false
  fi
}

inline append_orphan(index) {
  touch();
  lock(orphans_locked);
  place[index] = orphan;
  orphans_locked = false
}

inline release_slot(index) {
  touch();
  lock_visitors();
  take(index);
  visitors_locked = false;
  touch();
  owned[index] = false
}

inline callback(which) {
  assert(which == OLD_DOMAIN);
  release_slot(me)
}

active [THREADS] proctype thread() {
  byte me, told, had_generation = 1;
  me = _pid;
  lock(registry_locked);
  if
  :: self != 0 && generation == had_generation ->
       told = self;
#ifdef CALLBACK_OUTSIDE
       registry_locked = false;
#endif
       callback(told)
  :: else
  fi;
#ifdef CALLBACK_OUTSIDE
  if
  :: told == 0 -> registry_locked = false
  :: else
  fi
#else
  registry_locked = false
#endif
}

inline take_from_threads() {
  lock_visitors();
  do
  :: index < THREADS ->
       if
       :: owned[index] -> take(index)
       :: else
       fi;
       index++
  :: else -> break
  od;
  visitors_locked = false;
  index = 0
}

inline run_orphans() {
  lock(orphans_locked);
  do
  :: index < THREADS ->
       if
       :: place[index] == orphan -> place[index] = taken
       :: else
       fi;
       index++
  :: else -> break
  od;
  orphans_locked = false;
  index = 0;
  do
  :: index < THREADS ->
       if
       :: place[index] == taken -> place[index] = freed
       :: else
       fi;
       index++
  :: else -> break
  od;
  index = 0
}

inline leave() {
  lock(registry_locked);
  self = 0;
#ifndef SAME_GENERATION
  generation++;
#endif
  registry_locked = false
}

active proctype closer() {
  byte index;
  take_from_threads();
  run_orphans();
#ifdef DELETE_BEFORE_LEAVE
  deleted = true;
  leave();
#else
  leave();
  deleted = true;
#endif
  do
  :: index < THREADS -> assert(place[index] == freed); index++
  :: else -> break
  od;
  lock(registry_locked);
  self = NEW_DOMAIN;
  registry_locked = false
}
