# SPDX-License-Identifier: MIT
# Mistakes in the pools that pool_test.cpp must find; see mutants.cmake.

# Top and limit.
schedules_mutant(visitor_that_takes_all_that_it_claimed FILE pools/pool_ageing.cpp
                 TEXT [[void** const top = bin.top.load(std::memory_order_acquire);]]
                 BECOMES [[void** const top = bin.limit.load(std::memory_order_acquire);]]
                 TEST pool_schedules.leave_a_block_to_its_owner_or_to_a_visitor
                 FAILS "(a block is in two hands|another wrote to a block that is out|fatal: .*)")
schedules_mutant(visitor_that_raises_the_limit_late FILE pools/pool_ageing.cpp
                 TEXT [[if (!now.empty()) bin.limit.store(now.top, std::memory_order_relaxed);]]
                 BECOMES ""
                 AND [[std::max(from, std::min(bin.limit.load(std::memory_order_relaxed), top));]]
                 AND_BECOMES [[std::max(from, top);]]
                 TEST pool_schedules.leave_a_block_to_its_owner_or_to_a_visitor
                 FAILS "(a block is in two hands|another wrote to a block that is out|fatal: .*)")
schedules_mutant(owner_that_looks_at_the_limit_first FILE include/cistern/pools/detail/block_pool.hpp
                 USERS pool_test.cpp
                 TEXT [[asymmetric_fence::store_then_light_fence(bin.top, top, true);]]
                 BECOMES [[void** const limit = bin.limit.load(std::memory_order_relaxed);
    asymmetric_fence::store_then_light_fence(bin.top, top, true);]]
                 AND [[if (top < bin.limit.load(std::memory_order_relaxed))]]
                 AND_BECOMES [[if (top < limit)]]
                 TEST pool_schedules.leave_a_block_to_its_owner_or_to_a_visitor
                 FAILS "(a block is in two hands|another wrote to a block that is out|fatal: .*)")
schedules_mutant(owner_that_leaves_its_top_too_low FILE include/cistern/pools/detail/block_pool.hpp
                 USERS pool_test.cpp
                 TEXT [[bin.top.store(top + 1, std::memory_order_relaxed);]]
                 BECOMES ""
                 TEST pool_schedules.keep_each_block_in_one_place_as_a_ticker_visits
                 FAILS ".*")
schedules_mutant(put_that_is_told_before_it_is_done FILE include/cistern/pools/detail/block_pool.hpp
                 USERS pool_test.cpp
                 TEXT "*top = block;\n"
                 BECOMES ""
                 AND [[bin.top.store(top + 1, std::memory_order_release);]]
                 AND_BECOMES [[bin.top.store(top + 1, std::memory_order_release);
    void** const limit = bin.limit.load();  // where another may run
    *top = block;]]
                 TEST pool_schedules.leave_a_block_to_its_owner_or_to_a_visitor
                 FAILS ".*")
schedules_mutant(slide_that_loses_what_it_slides FILE pools/block_pool.cpp
                 TEXT [[std::copy(now.limit, now.top, bottom)}]]
                 BECOMES [[bottom}]]
                 TEST pool_schedules.keep_each_block_in_one_place_as_a_ticker_visits
                 FAILS "a block was lost")

# Magazines on their way.
schedules_mutant(depot_that_is_looked_at_without_its_lock FILE pools/class_center.cpp
                 TEXT [[  const std::scoped_lock lock(mutex_);
  magazine* const taken = depot_.pop();]]
                 BECOMES [[  magazine* const taken = depot_.first;
  const std::scoped_lock lock(mutex_);
  depot_.pop();]]
                 TEST pool_schedules.carry_blocks_from_a_consumer_to_a_producer_through_the_depot
                 FAILS ".*")
schedules_mutant(flush_that_drops_the_spare FILE pools/block_pool.cpp
                 TEXT [[give_to_depot(*full, spare, to);]]
                 BECOMES [[give_empty(*full, to);]]
                 TEST pool_schedules.carry_blocks_from_a_consumer_to_a_producer_through_the_depot
                 FAILS "a block was lost")
schedules_mutant(refill_that_leaves_its_magazine_in_two_places FILE pools/block_pool.cpp
                 TEXT [[magazine* const into = any.has_magazine() ? magazine::of(any.top) : take_empty(from);]]
                 BECOMES [[magazine* const into = any.has_magazine() ? magazine::of(any.top) : take_empty(from);
  if (any.has_magazine()) give_empty(*into, from);]]
                 TEST pool_schedules.keep_each_block_in_one_place_as_a_ticker_visits
                 FAILS ".*")
schedules_mutant(dissolve_that_forgets_a_block FILE pools/class_center.cpp
                 TEXT [[each != blocks.top; ++each) give_to_span]]
                 BECOMES [[each < blocks.top; each += 2) give_to_span]]
                 TEST pool_schedules.keep_each_block_in_one_place_as_a_ticker_visits
                 FAILS "a block was lost")

# Caches.
schedules_mutant(hot_pool_with_the_cache_of_another FILE pools/pool_caches.cpp
                 TEXT [[  words.hot_cache = cache;
  words.hot_pool = id;
  return true;]]
                 BECOMES [[  words.hot_pool = id;
  return true;]]
                 TEST pool_schedules.keep_each_block_in_one_place_as_threads_turn_between_two_pools
                 FAILS ".*")
schedules_mutant(exit_that_forgets_its_cache FILE pools/pool_caches.cpp
                 TEXT [[  pool.disown(*static_cast<thread_cache*>(value));]]
                 BECOMES ""
                 TEST pool_schedules.hand_a_cache_on_or_free_it_as_threads_end
                 FAILS "a thread that has ended keeps something")
schedules_mutant(late_thread_that_keeps_a_cache FILE pools/pool_caches.cpp
                 TEXT [[      disown(*cache);
      return nullptr;]]
                 BECOMES [[      return nullptr;]]
                 TEST pool_schedules.serve_a_thread_that_comes_after_its_end
                 FAILS "a thread that has ended keeps something")

# The end, and waiting.
schedules_mutant(end_that_does_not_evict FILE pools/pool_state.cpp
                 TEXT "  evict();\n"
                 BECOMES ""
                 TEST pool_schedules.end_while_threads_end_that_have_used_the_pool
                 FAILS "fatal: pool .* ended with [0-9]+ blocks .*")
schedules_mutant(end_that_does_not_leave FILE pools/pool_state.cpp
                 TEXT "  thread_registry::leave(instance_);\n"
                 BECOMES ""
                 TEST pool_schedules.end_while_threads_end_that_have_used_the_pool
                 FAILS ".*")
schedules_mutant(waiter_that_does_not_evict FILE pools/block_pool.cpp
                 TEXT "    evict();\n    block = once(*this, what, more);\n  }\n  waiting_"
                 BECOMES "    block = once(*this, what, more);\n  }\n  waiting_"
                 TEST pool_schedules.let_a_waiter_have_what_another_thread_puts
                 FAILS "a waiter got nothing")
schedules_mutant(waiter_that_sleeps_to_its_deadline FILE pools/block_pool.cpp
                 TEXT [[std::min(deadline, now + std::chrono::milliseconds(1))]]
                 BECOMES [[deadline]]
                 TEST pool_schedules.let_a_waiter_have_what_another_thread_puts
                 FAILS "a waiter got nothing")
schedules_mutant(last_block_that_leaves_the_pool_there FILE pools/pool_state.cpp
                 TEXT [[shares_.fetch_sub(1, std::memory_order_acq_rel) == over + 1]]
                 BECOMES [[shares_.fetch_sub(1, std::memory_order_acq_rel) == over]]
                 TEST pool_schedules.end_with_the_last_block_that_is_put
                 FAILS "the upstream has not got all of its memory back")
schedules_mutant(end_that_takes_no_share FILE pools/pool_state.cpp
                 TEXT "  const share held(*this);\n  if (options_.clock"
                 BECOMES "  if (options_.clock"
                 TEST pool_schedules.end_while_the_last_blocks_are_put
                 FAILS ".*")
schedules_mutant(put_that_takes_no_share FILE pools/block_pool.cpp
                 TEXT "  const share held(*this);\n"
                 BECOMES ""
                 TEST pool_schedules.end_while_the_last_blocks_are_put
                 FAILS ".*")
schedules_mutant(put_that_leaves_its_block_in_a_pool_that_has_ended FILE pools/block_pool.cpp
                 TEXT "  if (has_ended()) evict();          // meanwhile\n"
                 BECOMES ""
                 TEST pool_schedules.end_while_a_slow_put_is_under_way
                 FAILS "the upstream has not got all of its memory back")
schedules_mutant(visitor_of_a_pool_on_its_way_out FILE pools/pool_state.cpp
                 TEXT "  shares_.fetch_sub(1, std::memory_order_relaxed);\n  return false;"
                 BECOMES "  return false;"
                 TEST pool_schedules.end_while_the_last_blocks_are_put
                 FAILS ".*")
schedules_mutant(visitor_of_a_pool_that_is_about_to_be_freed FILE pools/pool_list.cpp
                 TEXT [[at->is_left()]]
                 BECOMES [[at->has_ended()]]
                 TEST pool_schedules.end_while_threads_end_that_have_used_the_pool
                 FAILS ".*")
