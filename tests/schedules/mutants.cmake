# SPDX-License-Identifier: MIT
# Mistakes that the tests beside this file must find: in the epoch's sources, and in what they are made of. Those in the
# pools are in pool_mutants.cmake.

add_custom_target(schedules_mutants)

# schedules_mutant(<name> FILE <source> TEXT <text> BECOMES <text> [AND <text> AND_BECOMES <text>] [USERS <source>]
#                  TEST <test> FAILS <message>)
#
# The same program with a mistake in one source: the test must find it, and fail with this message. A source of the
# pools is given as pools/<name>, one of the workers as workers/<name>; a header as include/<path>, with the one source
# that is compiled with it: a name beside this file, or likewise workers/<name>.
function(schedules_mutant name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "FILE;TEXT;BECOMES;AND;AND_BECOMES;USERS;TEST;FAILS" "")
  set(folder ${CMAKE_CURRENT_BINARY_DIR}/mutants/${name})
  set(copy ${folder}/${arg_FILE})
  set(source ${core}/${arg_FILE})
  if(arg_FILE MATCHES "^(pools|workers|include)/")
    set(source ${small}/${arg_FILE})
  endif()
  if(DEFINED arg_AND)
    schedules_copy(${source} ${copy} "${arg_TEXT}" "${arg_BECOMES}" "${arg_AND}" "${arg_AND_BECOMES}")
  else()
    schedules_copy(${source} ${copy} "${arg_TEXT}" "${arg_BECOMES}")
  endif()
  set(compiled ${copy})
  if(DEFINED arg_USERS)
    set(compiled ${CMAKE_CURRENT_SOURCE_DIR}/${arg_USERS})
    if(arg_USERS MATCHES "/")
      set(compiled ${small}/${arg_USERS})
    endif()
  endif()
  get_filename_component(replaced ${compiled} NAME)
  set(target schedules_mutant_${name})
  add_executable(${target} ${compiled} $<FILTER:$<TARGET_OBJECTS:schedules_objects>,EXCLUDE,/${replaced}\\.o$>)
  cistern_target_options(${target})
  target_compile_options(${target} PRIVATE -Wno-unused -Wno-stringop-overflow)  # what the mistake leaves over
  target_include_directories(${target} BEFORE PRIVATE ${folder}/include ${small})
  target_link_libraries(${target} PRIVATE schedules_options)
  add_test(NAME schedules.finds_mutant_${name} COMMAND ${target} --gtest_filter=${arg_TEST})
  set_tests_properties(schedules.finds_mutant_${name} PROPERTIES TIMEOUT 300
                       PASS_REGULAR_EXPRESSION "schedules, [0-9]+ steps. failed: ${arg_FAILS}\n")
  add_dependencies(schedules_mutants ${target})
endfunction()

schedules_mutant(grace_of_one_epoch FILE epoch_reclaim.cpp
                 TEXT [[epoch_word::expired(bag->tag, now);]]
                 BECOMES [[now - bag->tag >= epoch_word::step;]]
                 TEST epoch_domain_schedules.delete_nothing_that_a_reader_can_see
                 FAILS "a reader saw what was deleted")
schedules_mutant(tag_of_the_own_pin FILE epoch_reclaim.cpp
                 TEXT [[bag->tag = sync::fence_then_load(epoch_);]]
                 BECOMES [[const auto own = slot.state_.load(std::memory_order_relaxed);
  bag->tag = epoch_word::pinned(own) ? epoch_word::epoch_of(own) : sync::fence_then_load(epoch_);]]
                 TEST epoch_domain_schedules.delete_nothing_too_early_that_was_retired_within_an_old_pin
                 FAILS "a reader saw what was deleted")
schedules_mutant(advance_past_new_pins FILE epoch_advance.cpp
                 TEXT [[if (!epoch_word::pinned(word) ||]]
                 BECOMES [[if ((word & epoch_word::nest_mask) != 1 ||]]
                 TEST epoch_domain_schedules.keep_nested_and_moved_pins
                 FAILS "a reader saw what was deleted")
schedules_mutant(bags_on_their_way FILE epoch_reclaim.cpp
                 TEXT [[  slot.lock_.unlock();
  const std::scoped_lock lock(orphans_mutex_);
  take_over(slot.limbo_);]]
                 BECOMES [[  bag_queue left = std::exchange(slot.limbo_, {});
  slot.lock_.unlock();
  visitors_.unlock();
  visitors_.lock();
  const std::scoped_lock lock(orphans_mutex_);
  take_over(left);]]
                 TEST epoch_domain_schedules.delete_all_that_was_retired_before_a_barrier
                 FAILS "a barrier returned before a deletion")
schedules_mutant(barrier_that_waits_for_no_reclaimer FILE epoch_barrier.cpp
                 TEXT [[&& wait_for_reclaimers(deadline) &&]]
                 BECOMES [[&&]]
                 TEST epoch_domain_schedules.delete_all_that_was_retired_before_a_barrier
                 FAILS "a barrier returned before a deletion")
schedules_mutant(exit_that_keeps_its_bags FILE epoch_slots.cpp
                 TEXT "  hand_over(slot);\n"
                 BECOMES ""
                 TEST epoch_domain_schedules.lose_nothing_that_a_thread_leaves_behind
                 FAILS "the count of the pending is wrong")
schedules_mutant(holds_that_nobody_looks_at FILE epoch_reclaim.cpp
                 TEXT [[if (is_held(bag.entries[i])) continue;]]
                 BECOMES ""
                 TEST epoch_hold_schedules.keep_one_object_and_no_other
                 FAILS "what was held was deleted")
schedules_mutant(list_that_closes_without_a_barrier FILE epoch_barrier.cpp
                 TEXT "    barrier(no_deadline);\n    const std::scoped_lock lock(orphans_mutex_);\n"
                 BECOMES "    if (true) break;\n    const std::scoped_lock lock(orphans_mutex_);\n"
                 TEST retire_list_schedules.leave_nothing_behind_though_bags_are_open
                 FAILS "not deleted exactly once")
schedules_mutant(owner_that_does_not_look_again FILE biased_lock.cpp
                 TEXT [[while (visitor_.load(std::memory_order_acquire) != nobody);]]
                 BECOMES [[while (false);]]
                 TEST biased_lock_schedules.*
                 FAILS "two are inside")
schedules_mutant(visitor_that_does_not_wake FILE biased_lock.cpp
                 TEXT [[sync::unpark_all(visitor_);]]
                 BECOMES [[return;]]
                 TEST biased_lock_schedules.*
                 FAILS "deadlock: .*")
schedules_mutant(exit_told_without_the_lock FILE thread_registry.cpp
                 TEXT "  const std::scoped_lock lock(registry_mutex);\n  tell_instances"
                 BECOMES "  tell_instances"
                 TEST thread_registry_schedules.*
                 FAILS "left while it was told")
schedules_mutant(remove_that_does_not_wait FILE ageing_clock.cpp
                 TEXT [[while (told_ == &what)]]
                 BECOMES [[while (false)]]
                 TEST ageing_clock_schedules.*
                 FAILS "removed while it was told")
schedules_mutant(tick_that_does_not_wake FILE ageing_clock.cpp
                 TEXT [[if (waiting_ != 0) sync::unpark_all(tellings_);]]
                 BECOMES ""
                 TEST ageing_clock_schedules.*
                 FAILS "deadlock: .*")
