// SPDX-License-Identifier: MIT
// liburcu's membarrier flavour, inlined: its fastest that does not make readers announce when they are quiescent.
#define _LGPL_SOURCE  // what liburcu calls its inline form
#include "region_loop.hpp"

#include <urcu/urcu-memb.h>

namespace {

struct liburcu_memb_inlined {
  liburcu_memb_inlined() { urcu_memb_register_thread(); }
  ~liburcu_memb_inlined() { urcu_memb_unregister_thread(); }
  void operator()() {
    urcu_memb_read_lock();
    urcu_memb_read_unlock();
  }
};

[[maybe_unused]] const bool added = cistern::perf::add_regions<liburcu_memb_inlined>("liburcu_memb_inlined");

}  // namespace
