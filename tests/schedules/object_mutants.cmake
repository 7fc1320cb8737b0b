# SPDX-License-Identifier: MIT
# Mistakes in the pools of objects that object_pool_test.cpp must find; see mutants.cmake.

# Thieves.
schedules_mutant(thief_that_takes_all_that_it_claimed FILE pools/pool_objects.cpp
                 TEXT [[std::max(now.limit, std::min(half, top));]]
                 BECOMES [[half;]]
                 TEST object_schedules.leave_an_object_to_its_owner_or_to_a_thief
                 FAILS "(two hold one object|an object was .*|another wrote to an object|fatal: .*)")
schedules_mutant(thief_that_raises_the_limit_late FILE pools/pool_objects.cpp
                 TEXT "  bin.limit.store(half, std::memory_order_relaxed);  // [b] before the heavy fence\n"
                 BECOMES ""
                 TEST object_schedules.leave_an_object_to_its_owner_or_to_a_thief
                 FAILS "(two hold one object|an object was .*|another wrote to an object|fatal: .*)")
schedules_mutant(thief_that_looks_at_the_top_before_it_claims FILE pools/pool_objects.cpp
                 TEXT [[  bin.limit.store(half, std::memory_order_relaxed);  // [b] before the heavy fence]]
                 BECOMES [[  void** const top = bin.top.load(std::memory_order_acquire);
  bin.limit.store(half, std::memory_order_relaxed);]]
                 AND [[  void** const top = bin.top.load(std::memory_order_acquire);  // [d] pairs with [c]
]]
                 AND_BECOMES ""
                 TEST object_schedules.leave_an_object_to_its_owner_or_to_a_thief
                 FAILS "(two hold one object|an object was .*|another wrote to an object|fatal: .*)")
schedules_mutant(thief_that_leaves_what_it_took FILE pools/pool_objects.cpp
                 TEXT [[  bin.limit.store(end, std::memory_order_relaxed);
  if (stolen.empty())]]
                 BECOMES [[  bin.limit.store(now.limit, std::memory_order_relaxed);
  if (stolen.empty())]]
                 TEST object_schedules.leave_an_object_to_its_owner_or_to_a_thief
                 FAILS "(two hold one object|an object was .*|another wrote to an object|fatal: .*)")
schedules_mutant(thief_that_leaves_the_spare_it_took FILE pools/pool_objects.cpp
                 TEXT [[return shelf.spare.empty() ? loaded::nothing() : std::exchange(shelf.spare, loaded::nothing());]]
                 BECOMES [[if (shelf.spare.empty()) return loaded::nothing();
    void** const bottom = take_empty(to)->bottom(to.geometry().capacity);
    return {bottom, std::copy(shelf.spare.limit, shelf.spare.top, bottom)};]]
                 TEST object_schedules.keep_each_object_in_one_place_as_two_thieves_come_to_an_owner
                 FAILS "(two hold one object|an object was .*|another wrote to an object|fatal: .*)")
schedules_mutant(thief_that_loses_what_it_does_not_want FILE pools/pool_objects.cpp
                 TEXT [[      set(bin, stolen);]]
                 BECOMES ""
                 TEST object_schedules.keep_each_object_in_one_place_as_two_thieves_come_to_an_owner
                 FAILS "an object was lost")

# Ageing.
schedules_mutant(tick_that_destroys_the_young FILE pools/pool_objects.cpp
                 TEXT [[age_of(*from) >= 2]]
                 BECOMES [[age_of(*from) >= 1]]
                 TEST object_schedules.destroy_only_what_two_ticks_have_seen_idle
                 FAILS "an object was destroyed before it was two ticks old")
schedules_mutant(visitor_that_takes_objects_it_only_claimed FILE pools/pool_ageing.cpp
                 TEXT [[void** const top = bin.top.load(std::memory_order_acquire);]]
                 BECOMES [[void** const top = bin.limit.load(std::memory_order_acquire);]]
                 TEST object_schedules.destroy_only_what_is_idle_as_a_ticker_visits
                 FAILS "(an object was destroyed while it was held|another wrote to an object|fatal: .*)")
schedules_mutant(visitor_that_leaves_what_it_destroys FILE pools/pool_ageing.cpp
                 TEXT [[  bin.limit.store(end, std::memory_order_relaxed);
  return end != claimed_end;]]
                 BECOMES [[  bin.limit.store(from, std::memory_order_relaxed);
  return end != claimed_end;]]
                 TEST object_schedules.destroy_only_what_is_idle_as_a_ticker_visits
                 FAILS "(an object was .*|another wrote to an object|fatal: .*)")
schedules_mutant(two_that_destroy_the_same_magazine FILE pools/pool_objects.cpp
                 TEXT [[    magazine* gone = nullptr;
    {
      const std::scoped_lock lock(caches_mutex_);
      gone = objects_.leaving.pop();
    }]]
                 BECOMES [[    magazine* const gone = objects_.leaving.first;
    {
      const std::scoped_lock lock(caches_mutex_);
      objects_.leaving.pop();
    }]]
                 TEST object_schedules.destroy_each_object_once_though_two_empty_the_pool
                 FAILS "(an object was destroyed twice|fatal: .*)")
schedules_mutant(tick_that_keeps_too_few FILE pools/pool_objects.cpp
                 TEXT [[  if (least != 0) keep_least(least);]]
                 BECOMES ""
                 TEST object_schedules.keep_min_idle_through_all_ticks
                 FAILS "fewer are idle than min_idle")
# Not here, for one schedule in two million shows it: a tick that looks at the depot before it has locked all threads, and
# so counts an object twice.

# The end of a pool.
schedules_mutant(close_that_keeps_what_is_idle FILE pools/pool_objects.cpp
                 TEXT "  evict();\n  if (waiting_"
                 BECOMES "  if (waiting_"
                 TEST object_schedules.destroy_in_a_close_what_was_idle_though_others_put
                 FAILS "an object that was idle is left after a close")
schedules_mutant(closed_pool_that_ages_as_before FILE pools/pool_ageing.cpp
                 TEXT [[ || objects_.closed.load(std::memory_order_relaxed)]]
                 BECOMES ""
                 TEST object_schedules.leave_nothing_in_a_pool_that_closed_while_threads_worked
                 FAILS "an object is left in a closed pool after a tick")

# Limits.
schedules_mutant(limit_that_is_looked_at_first FILE pools/pool_objects.cpp
                 TEXT [[const std::size_t before = objects_.total.fetch_add(1, std::memory_order_relaxed);
  if (before >= objects_.max_total) {
    objects_.total.fetch_sub(1, std::memory_order_relaxed);
    return {nullptr, false, refusal::exhausted};
  }]]
                 BECOMES [[const std::size_t before = objects_.total.load(std::memory_order_relaxed);
  if (before >= objects_.max_total) return {nullptr, false, refusal::exhausted};
  objects_.total.fetch_add(1, std::memory_order_relaxed);]]
                 TEST object_schedules.let_everybody_have_the_only_object_in_turn
                 FAILS "there are more objects than max_total")
schedules_mutant(room_that_does_not_come_back FILE pools/pool_objects.cpp
                 TEXT [[  objects_.total.fetch_sub(1, std::memory_order_relaxed);
  center(0).give_block(cell, !ended_.load(std::memory_order_relaxed));]]
                 BECOMES [[  center(0).give_block(cell, !ended_.load(std::memory_order_relaxed));]]
                 TEST object_schedules.let_everybody_have_the_only_object_in_turn
                 FAILS "a waiter got nothing")
schedules_mutant(idle_count_that_knows_no_end_of_threads FILE pools/pool_objects.cpp
                 TEXT [[  if (cache == nullptr) return put_uncached(cell, 0);]]
                 BECOMES ""
                 AND [[  put_cached(*cache, cell, 0);
  tell_waiters();]]
                 AND_BECOMES [[  if (cache != nullptr) put_cached(*cache, cell, 0); else put_uncached(cell, 0);]]
                 TEST object_schedules.count_as_idle_what_is_idle_where_a_thread_puts_after_its_end
                 FAILS "idle ones were miscounted")

# Several owners.
schedules_mutant(owners_that_go_in_two_steps FILE include/cistern/pools/pooled.hpp
                 USERS object_pool_test.cpp
                 TEXT [[owners(object).fetch_sub(one, std::memory_order_acq_rel) / one != 1]]
                 BECOMES [[(owners(object).store(owners(object).load() - one), owners(object).load() / one != 0)]]
                 TEST object_schedules.put_an_object_of_several_owners_exactly_once
                 FAILS "(two hold one object|an object was lost|fatal: .*)")
schedules_mutant(owner_that_is_added_in_two_steps FILE include/cistern/pools/pooled.hpp
                 USERS object_pool_test.cpp
                 TEXT [[owners(object_).fetch_add(one, std::memory_order_relaxed)]]
                 BECOMES [[owners(object_).store(owners(object_).load() + one)]]
                 TEST object_schedules.put_an_object_of_several_owners_exactly_once
                 FAILS "(two hold one object|an object was .*|fatal: .*)")
