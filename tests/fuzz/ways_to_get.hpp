// SPDX-License-Identifier: MIT
#pragma once

#include "ledger.hpp"
#include <cistern/pools/object_pool.hpp>

#include <chrono>
#include <cstddef>
#include <new>

namespace cistern::fuzz {

enum class refusal { none, nothing_idle, closed, exhausted, no_memory, hook };

/// How it ends. Other exceptions than a pool's and its hooks' end the program.
template <class F>
refusal attempt(F f) {
  try {
    f();
    return refusal::none;
  } catch (const pool_closed&) {
    return refusal::closed;
  } catch (const pool_exhausted&) {
    return refusal::exhausted;
  } catch (const std::bad_alloc&) {
    return refusal::no_memory;
  } catch (const hook_failed&) {
    return refusal::hook;
  }
}

/// By one of the functions of an object_pool that get; a multiple of 8 is try_get().
template <class Pool>
refusal get_by(Pool& from, std::size_t way, typename Pool::handle& got) {
  const refusal why = attempt([&] {
    if (way % 8 == 0)
      got = from.try_get();
    else if (way % 8 == 1)
      got = from.get_until({});
    else if (way % 8 == 2)
      got = from.get_for(std::chrono::nanoseconds(0));
    else if (way % 8 == 3)
      got = from.adopt(from.acquire());
    else
      got = from.get();
  });
  return !got && why == refusal::none ? refusal::nothing_idle : why;
}

}  // namespace cistern::fuzz
