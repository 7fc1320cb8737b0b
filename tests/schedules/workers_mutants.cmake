# SPDX-License-Identifier: MIT
# Mistakes in the workers' sources that the tests beside this file must find; see mutants.cmake.

# task_deque. Memory is sequentially consistent here: what its orders are for is in tests/models/task_deque_relacy.cpp.
set(deque_mixed_up "(a task was taken twice|a task was lost|it gave something that is no task)")
set(deque_header include/cistern/workers/detail/task_deque.hpp)

schedules_mutant(deque_pop_that_looks_before_it_lowers FILE ${deque_header}
                 TEXT "    bottom_.store(last, std::memory_order_release);"
                 BECOMES "    top = top_.load();\n    bottom_.store(last, std::memory_order_release);"
                 AND "    top = sync::fence_then_load(top_);"
                 AND_BECOMES "    "
                 USERS task_deque_test.cpp
                 TEST task_deque_schedules.give_each_task_to_one_thread
                 FAILS "a task was taken twice")
schedules_mutant(deque_pop_that_just_takes_the_last FILE ${deque_header}
                 TEXT "top_.compare_exchange_strong(top, top + 1, std::memory_order_relaxed);"
                 BECOMES "(top_.store(top + 1), true);"
                 USERS task_deque_test.cpp
                 TEST task_deque_schedules.give_each_task_to_one_thread
                 FAILS "${deque_mixed_up}")
schedules_mutant(deque_pop_that_leaves_bottom_lowered FILE ${deque_header}
                 TEXT "    bottom_.store(bottom, std::memory_order_release);"
                 BECOMES "    "
                 USERS task_deque_test.cpp
                 TEST task_deque_schedules.give_each_task_to_one_thread
                 FAILS "${deque_mixed_up}")
schedules_mutant(deque_push_that_shows_the_task_first FILE ${deque_header}
                 TEXT "    own_slot(bottom).store(task, std::memory_order_relaxed);\n"
                 BECOMES ""
                 AND "    return true;"
                 AND_BECOMES "    own_slot(bottom).store(task, std::memory_order_relaxed);\n    return true;"
                 USERS task_deque_test.cpp
                 TEST task_deque_schedules.give_each_task_to_one_thread
                 FAILS "${deque_mixed_up}")
schedules_mutant(deque_steal_without_an_exchange FILE workers/task_deque.cpp
                 TEXT "      if (top_.compare_exchange_strong("
                 BECOMES "      top_.store(top + 1);\n      return task;\n      if (top_.compare_exchange_strong("
                 TEST task_deque_schedules.give_each_task_to_one_thread
                 FAILS "${deque_mixed_up}")
schedules_mutant(deque_steal_that_looks_after_it_took FILE workers/task_deque.cpp
                 TEXT "        return task;"
                 BECOMES "        return array->slot(top).load();"
                 TEST task_deque_schedules.go_round_the_array_behind_the_thieves
                 FAILS "${deque_mixed_up}")
schedules_mutant(deque_steal_that_gives_up FILE workers/task_deque.cpp
                 TEXT "        return task;"
                 BECOMES "        return task;\n      return nullptr;"
                 TEST task_deque_schedules.let_no_thief_go_away_empty_while_there_are_tasks
                 FAILS "a thief got nothing though there were tasks")
schedules_mutant(deque_steal_that_looks_at_the_array_first FILE workers/task_deque.cpp
                 TEXT "    for (;;) {\n"
                 BECOMES "    task_array* const array = array_.load();\n    for (;;) {\n"
                 AND "      task_array* const array = array_.load(std::memory_order_acquire);"
                 AND_BECOMES "    "
                 TEST task_deque_schedules.lose_nothing_as_the_array_grows
                 FAILS "${deque_mixed_up}")
schedules_mutant(deque_steal_that_is_not_pinned FILE workers/task_deque.cpp
                 TEXT "    const epoch_guard array_stays(*domain_);\n"
                 BECOMES ""
                 TEST task_deque_schedules.lose_nothing_as_the_array_grows
                 FAILS "${deque_mixed_up}")
schedules_mutant(deque_grown_array_freed_at_once FILE workers/task_deque.cpp
                 TEXT "domain_->retire(array, unmake_retired, this, array->bytes());"
                 BECOMES "unmake_retired(array, this);"
                 TEST task_deque_schedules.lose_nothing_as_the_array_grows
                 FAILS "${deque_mixed_up}")
schedules_mutant(deque_trimmed_array_freed_at_once FILE workers/task_deque.cpp
                 TEXT "domain_->retire(array, unmake_retired, this, array->bytes());"
                 BECOMES "unmake_retired(array, this);"
                 TEST task_deque_schedules.lose_nothing_as_the_array_shrinks
                 FAILS "${deque_mixed_up}")
schedules_mutant(deque_end_without_a_barrier FILE workers/task_deque.cpp
                 TEXT "domain_->barrier();"
                 BECOMES "retired_.store(0);"
                 TEST task_deque_schedules.leave_nothing_to_a_domain_when_the_deque_has_gone
                 FAILS "the upstream has not got all of its memory back")

# task_queue.
set(queue_mixed_up
    "(a task was (taken twice|lost|not found)|a task is not whole|one producer's .*|tasks were miscounted|not at its .*|.*finds a task where there is none.*)")
set(queue_header include/cistern/workers/detail/task_queue.hpp)

schedules_mutant(queue_consumer_that_says_nothing FILE ${queue_header}
                 TEXT "      by.within_.store(first, std::memory_order_release);"
                 BECOMES "      "
                 USERS task_queue_test.cpp
                 TEST task_queue_schedules.go_round_behind_slow_consumers
                 FAILS "${queue_mixed_up}")
schedules_mutant(queue_claim_whatever_the_lap FILE ${queue_header}
                 TEXT "      if (!first->claims.compare_exchange_strong("
                 BECOMES "      claims = first->claims.load();\n      if ((claims & index_mask) != index || !first->claims.compare_exchange_strong("
                 USERS task_queue_test.cpp
                 TEST task_queue_schedules.go_round_behind_slow_consumers
                 FAILS "${queue_mixed_up}")
schedules_mutant(queue_pop_that_trusts_an_old_first_chunk FILE ${queue_header}
                 TEXT "      if (first_.load(std::memory_order_relaxed) != first) [[unlikely]]\n        continue;\n"
                 BECOMES ""
                 USERS task_queue_test.cpp
                 TEST task_queue_schedules.look_again_when_a_chunk_is_used_again
                 FAILS "${queue_mixed_up}")
schedules_mutant(queue_look_that_trusts_an_old_first_chunk FILE ${queue_header}
                 TEXT "      if (first_.load(std::memory_order_relaxed) != first) [[unlikely]]            // as in pop()\n"
                 BECOMES "      if (false)\n"
                 USERS task_queue_test.cpp
                 TEST task_queue_schedules.look_again_when_a_chunk_is_used_again
                 FAILS "${queue_mixed_up}")
schedules_mutant(queue_look_that_takes_a_claimed_task_for_the_last FILE ${queue_header}
                 TEXT "      if (first->claims.load(std::memory_order_relaxed) == claims) return true;  // else"
                 BECOMES "      return true;  // else"
                 USERS task_queue_test.cpp
                 TEST task_queue_schedules.look_again_when_a_chunk_is_used_again
                 FAILS "a task was not found")
schedules_mutant(queue_that_adds_to_a_chunk_with_room FILE workers/task_queue.cpp
                 TEXT " || (taken & index_mask) < chunk_cells) return"
                 BECOMES ") return"
                 TEST task_queue_schedules.use_chunks_again_behind_a_slow_producer
                 FAILS "${queue_mixed_up}")
schedules_mutant(queue_that_leaves_a_chunk_with_tasks FILE workers/task_queue.cpp
                 TEXT " || (first->claims.load(std::memory_order_relaxed) & index_mask) != chunk_cells) return"
                 BECOMES ") return"
                 TEST task_queue_schedules.look_again_when_a_chunk_is_used_again
                 FAILS "${queue_mixed_up}")
schedules_mutant(queue_consumer_that_leaves_early FILE ${queue_header}
                 TEXT "      into.take(flag, place.body);"
                 BECOMES "      by.within_.store(nullptr);\n      into.take(flag, place.body);"
                 USERS task_queue_test.cpp
                 TEST task_queue_schedules.go_round_behind_slow_consumers
                 FAILS "${queue_mixed_up}")
schedules_mutant(queue_that_waits_for_a_stopped_consumer FILE workers/task_queue.cpp
                 TEXT "    before = free;"
                 BECOMES "    sync::yield();"
                 TEST task_queue_schedules.go_round_past_a_consumer_that_never_goes_on
                 FAILS "not at its .*")
schedules_mutant(queue_chunk_freed_at_once FILE workers/task_queue.cpp
                 TEXT "    return !domain.slot().pinned() && domain.synchronize(std::chrono::milliseconds(1));"
                 BECOMES "    return !domain.slot().pinned();"
                 TEST task_queue_schedules.trim_away_no_chunk_that_is_read
                 FAILS "(${queue_mixed_up}|memory was written to after it was given back)")
schedules_mutant(queue_closed_without_an_exchange FILE workers/task_queue.cpp
                 TEXT "last->tickets.exchange(lap | no_tickets, std::memory_order_relaxed);"
                 BECOMES "last->tickets.load();\n  last->tickets.store(lap | no_tickets);"
                 TEST task_queue_schedules.close_between_two_pushes
                 FAILS "${queue_mixed_up}")

schedules_mutant(crew_tick_that_does_not_look_after_searchers FILE workers/crew_control.cpp
                 TEXT "  if (waits) wake_one();\n"
                 BECOMES ""
                 TEST crew_schedules.go_on_when_a_worker_never_does
                 FAILS "all stand still.*")
schedules_mutant(crew_tick_that_goes_on_counting_on_who_stands_still FILE workers/crew_control.cpp
                 TEXT "      count_searchers_off();\n"
                 BECOMES ""
                 TEST crew_schedules.go_on_when_a_worker_never_does
                 FAILS "all stand still.*")
schedules_mutant(crew_searcher_that_ends_in_another_era FILE workers/crew.cpp
                 TEXT "    if (idle_word(before).era() != mine.search_era) [[unlikely]]\n      return;\n"
                 BECOMES ""
                 TEST crew_schedules.go_on_when_a_worker_never_does
                 FAILS "deadlock: .*")

# crew and permits. That a fence is missing does not show here, but in tests/models/parking.pml.
schedules_mutant(crew_sleeper_that_does_not_look_again FILE workers/crew.cpp
                 TEXT "if ((nobody_was_wakeable || no_searcher) && sees_work(mine)) {"
                 BECOMES "if (nobody_was_wakeable && no_searcher && false) {"
                 TEST crew_schedules.leave_no_task_lying_while_a_worker_sleeps
                 FAILS "deadlock: .*")
schedules_mutant(crew_last_searcher_that_does_not_look_again FILE workers/crew.cpp
                 TEXT "if (idle_word(before).searchers() == 1 && idle_word(before).wakeable() != 0 && sees_work(mine)) wake_one();"
                 BECOMES ""
                 TEST crew_schedules.hand_the_search_on_until_all_work
                 FAILS "deadlock: .*")
schedules_mutant(crew_waker_that_counts_no_searcher FILE workers/crew.cpp
                 TEXT "idle_word::one_wakeable - (as_searcher ? idle_word::one_searcher : 0);"
                 BECOMES "idle_word::one_wakeable;"
                 TEST crew_schedules.leave_no_task_lying_while_a_worker_sleeps
                 FAILS "deadlock: .*")
schedules_mutant(crew_sleeper_that_obeys_no_orders FILE workers/crew.cpp
                 TEXT "    if (draining_) {\n"
                 BECOMES "    if (false) {\n"
                 AND "    if (orders() != order::none && !paused_) return true;"
                 AND_BECOMES ""
                 TEST crew_schedules.stop_twice_at_a_time
                 FAILS "deadlock: .*")
schedules_mutant(crew_drain_that_spins_for_a_slow_producer FILE workers/crew.cpp
                 TEXT "      sync::yield();  // a task is still being put into its cell\n"
                 BECOMES ""
                 TEST crew_schedules.account_for_all_that_is_submitted_around_a_stop
                 FAILS "not at its end .*")
schedules_mutant(crew_thread_that_ends_without_a_look FILE workers/crew_threads.cpp
                 TEXT "  if (nobody_was_wakeable) check_after_room_for_wakes();"
                 BECOMES "  if (nobody_was_wakeable) return;"
                 TEST crew_schedules.start_a_worker_for_what_comes_as_an_idle_one_ends
                 FAILS "deadlock: .*")
schedules_mutant(crew_thread_that_nobody_joins FILE workers/crew_threads.cpp
                 TEXT "    found->left_to_join = true;"
                 BECOMES "    pthread_detach(found->left);"
                 TEST crew_schedules.start_a_worker_for_what_comes_as_an_idle_one_ends
                 FAILS "a thread is left behind that nobody waits for")
schedules_mutant(crew_failed_start_without_a_look FILE workers/crew_threads.cpp
                 TEXT "  check_after_room_for_wakes();  // it has been a searcher"
                 BECOMES "  // it has been a searcher"
                 TEST crew_schedules.leave_no_task_lying_when_a_thread_cannot_be_started
                 FAILS "deadlock: .*")
schedules_mutant(crew_resume_without_a_look FILE workers/crew_control.cpp
                 TEXT "    rouse_all();\n  }\n  check_after_room_for_wakes();"
                 BECOMES "    rouse_all();\n  }"
                 TEST crew_schedules.start_nothing_while_paused_and_lose_nothing
                 FAILS "deadlock: .*")
schedules_mutant(crew_pause_that_waits_for_nobody FILE workers/crew_control.cpp
                 TEXT "if (threads_ != sleeping_ || guests_ != nullptr) return false;"
                 BECOMES ""
                 TEST crew_schedules.start_nothing_while_paused_and_lose_nothing
                 FAILS "a task runs in a paused pool")
schedules_mutant(crew_stop_that_leaves_the_queue_open FILE workers/crew_control.cpp
                 TEXT "    queue_.close();\n"
                 BECOMES ""
                 TEST crew_schedules.account_for_all_that_is_submitted_around_a_stop
                 FAILS "(a task .*|deadlock: .*|discarded tasks were miscounted)")
schedules_mutant(crew_stop_that_leaves_those_who_wait FILE workers/crew_control.cpp
                 TEXT "  room_.wake_all();\n"
                 BECOMES ""
                 TEST crew_schedules.send_those_who_wait_for_room_away_at_a_stop
                 FAILS "deadlock: .*")
schedules_mutant(permits_that_pass_on_no_wake FILE include/cistern/workers/detail/permits.hpp
                 TEXT "    if (free_.load(std::memory_order_seq_cst) > 0 && sleepers_.load(std::memory_order_seq_cst) != 0) wake_one();\n"
                 BECOMES ""
                 USERS workers/crew_submissions.cpp
                 TEST crew_schedules.give_room_to_others_when_one_gives_up
                 FAILS "deadlock: .*")
schedules_mutant(permits_whose_waiters_do_not_look_again FILE include/cistern/workers/detail/permits.hpp
                 TEXT "      acquired = try_acquire();\n      if (!acquired) gives_up"
                 BECOMES "      if (!acquired) gives_up"
                 USERS workers/crew_submissions.cpp
                 TEST crew_schedules.give_room_to_each_who_waits
                 FAILS "deadlock: .*")

# phase_word.
schedules_mutant(phase_that_forgets_who_has_let_go FILE include/cistern/workers/detail/phase_word.hpp
                 TEXT "word_.fetch_add(how - last_open + one_gone, std::memory_order_acq_rel)"
                 BECOMES "word_.exchange(how | one_gone, std::memory_order_acq_rel) & waited"
                 USERS phase_word_test.cpp
                 TEST phase_word_schedules.leave_what_two_hold_to_the_last_one
                 FAILS "destroyed not once")
schedules_mutant(phase_that_lets_go_in_two_steps FILE include/cistern/workers/detail/phase_word.hpp
                 TEXT "(word_.fetch_add(one_gone, std::memory_order_acq_rel) & one_gone) != 0;"
                 BECOMES "(word_.fetch_add(one_gone, std::memory_order_acq_rel) & 0) != 0;"
                 USERS phase_word_test.cpp
                 TEST phase_word_schedules.leave_what_two_hold_to_the_last_one
                 FAILS "destroyed not once")
schedules_mutant(phase_whose_end_forgets_who_sleeps FILE include/cistern/workers/detail/phase_word.hpp
                 TEXT "    if ((before & waited) != 0) sync::unpark_all(word_);  // the address"
                 BECOMES "    // the address"
                 USERS phase_word_test.cpp
                 TEST phase_word_schedules.leave_what_two_hold_to_the_last_one
                 FAILS "deadlock: .*")
schedules_mutant(phase_that_begins_what_is_borrowed FILE include/cistern/workers/detail/phase_word.hpp
                 TEXT "      if ((seen & borrowed) != 0) {  // for some instructions"
                 BECOMES "      if (false) {"
                 USERS phase_word_test.cpp
                 TEST phase_word_schedules.begin_nothing_that_is_borrowed
                 FAILS "what was borrowed has begun, and ended")
