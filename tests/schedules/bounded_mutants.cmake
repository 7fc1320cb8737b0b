# SPDX-License-Identifier: MIT
# Mistakes in bounded_pool that bounded_pool_test.cpp must find; see mutants.cmake.

set(bounded_mixed_up "(two hold one thing|a thing was .*|things were miscounted|gets were miscounted|fatal: .*)")

# The lock of a stripe.
schedules_mutant(bounded_owner_that_does_not_look_again FILE include/cistern/pools/detail/bounded_stripe.hpp
                 TEXT "if (bias_.load(std::memory_order_acquire) == &seat) [[likely]]"
                 BECOMES "if (true)"
                 USERS bounded_pool_test.cpp
                 TEST bounded_schedules.keep_each_thing_in_one_place_as_biases_move
                 FAILS "${bounded_mixed_up}")
schedules_mutant(bounded_visitor_that_does_not_wait FILE pools/bounded_stripe.cpp
                 TEXT [[if (where == nullptr) return;]]
                 BECOMES [[return;]]
                 TEST bounded_schedules.keep_each_thing_in_one_place_as_biases_move
                 FAILS "${bounded_mixed_up}")
schedules_mutant(bounded_visitor_that_leaves_the_bias FILE pools/bounded_stripe.cpp
                 TEXT "  bias_.store(nullptr, std::memory_order_relaxed);  // [d] before the heavy fence\n"
                 BECOMES ""
                 TEST bounded_schedules.keep_each_thing_in_one_place_as_biases_move
                 FAILS "${bounded_mixed_up}")

# Looks at all stripes.
schedules_mutant(bounded_get_that_trusts_a_look_in_passing FILE pools/bounded_pool_turns.cpp
                 TEXT "if (bounded_item* const item = pop_anywhere(seat, gated_)) {"
                 BECOMES "if (bounded_item* const item = gated_ ? pop_anywhere(seat, gated_) : nullptr) {"
                 TEST bounded_schedules.find_what_is_kept_anywhere
                 FAILS "a kept thing was not found")
schedules_mutant(bounded_put_that_trusts_a_look_in_passing FILE pools/bounded_pool_turns.cpp
                 TEXT "if (push_anywhere(seat, item, gated_)) return;"
                 BECOMES "if (gated_ && push_anywhere(seat, item, gated_)) return;"
                 TEST bounded_schedules.find_room_anywhere
                 FAILS "a thing was dropped though there was room")
schedules_mutant(bounded_total_that_is_one_too_large FILE pools/bounded_pool_turns.cpp
                 TEXT [[- extras_ < limit_;]]
                 BECOMES [[- extras_ <= limit_;]]
                 TEST bounded_schedules.have_no_more_than_the_limit_in_all
                 FAILS "there are more things than the limit")

# Those who wait.
schedules_mutant(bounded_wait_with_open_stripes FILE pools/bounded_pool_turns.cpp
                 TEXT "      set_gated(true);\n      if (bounded_item* const item = pop_anywhere(seat, true)) {"
                 BECOMES "      if (bounded_item* const item = pop_anywhere(seat, false)) {"
                 TEST bounded_schedules.let_everybody_have_the_only_thing_in_turn
                 FAILS "deadlock: .*")
schedules_mutant(bounded_wait_without_a_last_look FILE pools/bounded_pool_turns.cpp
                 TEXT "if (bounded_item* const item = pop_anywhere(seat, true)) {"
                 BECOMES "if (bounded_item* const item = nullptr) {"
                 TEST bounded_schedules.let_everybody_have_the_only_thing_in_turn
                 FAILS "deadlock: .*")
schedules_mutant(bounded_room_that_nobody_is_told_of FILE pools/bounded_pool_turns.cpp
                 TEXT "if (!was_extra && gets_.serve("
                 BECOMES "if (was_extra && gets_.serve("
                 TEST bounded_schedules.let_everybody_have_the_only_thing_in_turn
                 FAILS "deadlock: .*")
schedules_mutant(bounded_put_that_serves_who_is_gone FILE pools/bounded_pool_turns.cpp
                 TEXT "std::memory_order_relaxed))\n      continue;"
                 BECOMES "std::memory_order_relaxed)) {\n    }"
                 TEST bounded_schedules.lose_nothing_as_deadlines_pass
                 FAILS "(nothing can be got though nobody has anything|a thing was lost)")
schedules_mutant(bounded_get_that_lets_no_put_in FILE pools/bounded_pool_turns.cpp
                 TEXT "        admit_puts(seat, wakes);\n"
                 BECOMES ""
                 TEST bounded_schedules.let_puts_wait_for_room_and_lose_none
                 FAILS "not at its end after .*")

# The end.
schedules_mutant(bounded_close_with_open_stripes FILE pools/bounded_pool.cpp
                 TEXT "    set_gated(true);\n"
                 BECOMES ""
                 TEST bounded_schedules.may_end_while_others_put
                 FAILS ".*")
schedules_mutant(bounded_put_that_keeps_in_a_closed_pool FILE pools/bounded_pool_turns.cpp
                 TEXT "    if (closed_) return drop();\n"
                 BECOMES ""
                 TEST bounded_schedules.leave_nothing_in_a_pool_that_closed_while_threads_worked
                 FAILS "a thing is left in a closed pool")
schedules_mutant(bounded_last_put_that_leaves_the_pool_there FILE pools/bounded_pool_turns.cpp
                 TEXT "is_last = ended_ && total == 0;"
                 BECOMES "is_last = false;"
                 TEST bounded_schedules.may_end_while_others_put
                 FAILS "the upstream has not got all of its memory back")
schedules_mutant(bounded_tick_that_does_not_visit FILE pools/bounded_pool_stripes.cpp
                 TEXT "  visit_all();\n  spare = kept();"
                 BECOMES "  spare = kept();"
                 AND "  end_visit_of_all();\n  return chain;"
                 AND_BECOMES "  return chain;"
                 TEST bounded_schedules.destroy_only_what_is_idle_as_a_ticker_visits
                 FAILS "${bounded_mixed_up}")
