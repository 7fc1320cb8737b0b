// SPDX-License-Identifier: MIT
// The same as functions of the shared library, through the PLT.
#include "region_loop.hpp"

#include <urcu/urcu-memb.h>

namespace {

struct liburcu_memb_called {
  liburcu_memb_called() { urcu_memb_register_thread(); }
  ~liburcu_memb_called() { urcu_memb_unregister_thread(); }
  void operator()() {
    urcu_memb_read_lock();
    urcu_memb_read_unlock();
  }
};

[[maybe_unused]] const bool added = cistern::perf::add_regions<liburcu_memb_called>("liburcu_memb_called");

}  // namespace
