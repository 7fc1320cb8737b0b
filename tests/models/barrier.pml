// SPDX-License-Identifier: MIT
//
// barrier() (allocators/src/epoch_reclaim.cpp) against those who have bags in their hands: a thread that retires one
// object, and then flushes or ends, and a collector. Locks are plain here (biased_lock.pml has the slot's), and whether a
// bag has expired is left open. Asserted: when a barrier returns that began after the object was retired, and that was
// not out of time, the object has been deleted; nothing is deleted twice.
//
// Mutants: ON_THE_WAY (visitors do not exclude each other, so a bag may be in no place between the slot's lock and the
// orphans' mutex), NO_WAIT (for those who are running what they took), ONE_TURN (of the two phases).

mtype = { unretired, in_slot, on_the_way, orphan, running, deleted };

mtype place = unretired;  // of the object's bag
bool visitors_locked, slot_locked, orphans_locked, barrier_locked;
byte phase, reclaiming[2];

inline lock(mutex) { atomic { !mutex -> mutex = true } }

inline begin_reclaiming() {
  mine = phase;
  reclaiming[mine]++
}
inline end_reclaiming() {
  reclaiming[mine]--;
  mine = 0
}

inline append_orphan() {
  lock(orphans_locked);
  place = orphan;
  orphans_locked = false
}

// hand_over() and take_from_threads()
inline take_from_slot() {
#ifndef ON_THE_WAY
  lock(visitors_locked);
#endif
  lock(slot_locked);
  if
  :: place == in_slot -> place = on_the_way; slot_locked = false; append_orphan()
  :: else -> slot_locked = false
  fi;
  visitors_locked = false
}

inline run_it() {
  assert(place == running);
  place = deleted
}

inline flush() {
  begin_reclaiming();
  lock(slot_locked);
  if
  :: place == in_slot -> place = running; slot_locked = false; run_it()
  :: slot_locked = false
  fi;
  end_reclaiming()
}

inline take_orphan_and_run() {
  begin_reclaiming();
  lock(orphans_locked);
  if
  :: place == orphan -> place = running; orphans_locked = false; run_it()
  :: orphans_locked = false
  fi;
  end_reclaiming()
}

active proctype retirer() {
  byte mine;
  lock(slot_locked);
  place = in_slot;
  slot_locked = false;
  if
  :: flush()
  :: skip
  fi;
  if
  :: take_from_slot()
  :: skip  // sleeps for ever
  fi
}

active proctype collector() {
  byte mine;
  take_from_slot();
  take_orphan_and_run()
}

inline wait_for_reclaimers() {
#ifndef NO_WAIT
  d_step { old = phase; phase = 1 - phase };
  reclaiming[old] == 0;
#ifndef ONE_TURN
  d_step { old = phase; phase = 1 - phase };
  reclaiming[old] == 0;
#endif
#endif
  old = 0
}

active [2] proctype barrier() {
  byte old;
  bool must_be_deleted, has_it;
  must_be_deleted = place != unretired;
  lock(barrier_locked);
  take_from_slot();
  lock(orphans_locked);
  if
  :: place == orphan -> place = running; has_it = true
  :: else
  fi;
  orphans_locked = false;
  wait_for_reclaimers();
  if
  :: has_it -> run_it()
  :: has_it -> assert(place == running); place = orphan; must_be_deleted = false  // out of time
  :: !has_it
  fi;
  barrier_locked = false;
  assert(!must_be_deleted || place == deleted)
}
