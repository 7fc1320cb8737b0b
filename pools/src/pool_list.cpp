// SPDX-License-Identifier: MIT
#include "pool_list.hpp"

#include "pool_state.hpp"
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/allocators/fork_handlers.hpp>
#include <cistern/allocators/immortal.hpp>
#include <cistern/allocators/mutex.hpp>

#include <cstring>
#include <limits>
#include <mutex>

namespace cistern::inline v0::detail {
namespace {

constinit mutex list_mutex;
constinit pool_state* first = nullptr;  // guarded by list_mutex

constinit fork_handler at_fork{
    .rank = fork_rank::pool_list,
    .prepare = [](void*) noexcept { list_mutex.lock(); },
    .parent = [](void*) noexcept { list_mutex.unlock(); },
    .child = [](void*) noexcept { list_mutex.unlock(); },
};

}  // namespace

void pool_list::add(pool_state& pool) noexcept {
  install(at_fork);
  const std::scoped_lock lock(list_mutex);
  pool.next_pool = first;
  first = &pool;
}

void pool_list::remove(pool_state& pool) noexcept {
  const std::scoped_lock lock(list_mutex);
  pool_state** place = &first;
  while (*place != &pool) place = &(*place)->next_pool;
  *place = pool.next_pool;
}

void pool_list::set_face(pool_state& pool, void* face) noexcept {
  const std::scoped_lock lock(list_mutex);
  pool.face = face;
}

namespace {

// The caller ends the program and may hold any lock: it must not wait for long.
template <class Is>
bool name_of_first(Is is, char (&name)[32]) noexcept {
  constexpr int patience = 1000;
  std::unique_lock lock(list_mutex, std::defer_lock);
  for (int i = 0; i < patience && !lock.try_lock(); ++i) sync::yield();
  if (!lock.owns_lock()) return false;
  const pool_state* at = first;
  while (at != nullptr && !is(*at)) at = at->next_pool;
  if (at != nullptr) std::memcpy(name, at->name(), sizeof name);
  return at != nullptr;
}

}  // namespace

bool pool_list::name_of(std::uint32_t number, char (&name)[32]) noexcept {
  return name_of_first([number](const pool_state& pool) { return pool.number() == number; }, name);
}

bool pool_list::name_of_large(const void* block, char (&name)[32]) noexcept {
  return name_of_first(
      [block](const pool_state& pool) { return pool.large().whereabouts_of(block) != large_blocks::whereabouts::none; },
      name);
}

namespace {

// Before main, and never destroyed.
struct visitor final : ager {
  visitor() noexcept { ageing_clock::process().add(*this); }
  bool age(age_level) noexcept override { return pool_list::visit_ended(); }
};
[[gnu::init_priority(104), maybe_unused]] const immortal<visitor> visits;

// The one with the highest number below this.
pool_state* next_to_visit(std::uint32_t below) noexcept {
  const std::scoped_lock lock(list_mutex);
  for (;;) {
    pool_state* found = nullptr;
    for (pool_state* at = first; at != nullptr; at = at->next_pool)
      if (at->is_left() && at->number() < below && (found == nullptr || at->number() > found->number())) found = at;
    if (found == nullptr || found->prepare_visit()) return found;
    below = found->number();
  }
}

}  // namespace

bool pool_list::visit_ended() noexcept {
  bool more = false;
  std::uint32_t below = std::numeric_limits<std::uint32_t>::max();
  while (pool_state* const next = next_to_visit(below)) {
    below = next->number();
    more |= next->visit();
  }
  return more;
}

void pool_list::for_each(void (*f)(pool_state& pool, void* context), void* context) {
  const std::scoped_lock lock(list_mutex);
  for (pool_state* at = first; at != nullptr; at = at->next_pool) f(*at, context);
}

}  // namespace cistern::inline v0::detail
