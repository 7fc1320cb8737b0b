// SPDX-License-Identifier: MIT
// libcds: a region of its buffered RCU; and one hazard pointer, which protects one object only.
#include "region_loop.hpp"

#include <atomic>

#include <cds/gc/hp.h>
#include <cds/init.h>
#include <cds/urcu/general_buffered.h>

namespace {

using rcu = cds::urcu::gc<cds::urcu::general_buffered<>>;

struct library {
  library() { cds::Initialize(); }
  ~library() { cds::Terminate(); }
};

class attached {
 public:
  attached() {
    // For ever, and in the order in which the library wants it.
    static library whole;
    static rcu buffered;
    static cds::gc::HP hazards;
    cds::threading::Manager::attachThread();
  }
  ~attached() { cds::threading::Manager::detachThread(); }
  attached(const attached&) = delete;
  attached& operator=(const attached&) = delete;
};

struct rcu_region : attached {
  void operator()() { const rcu::scoped_lock region; }
};

struct hazard_pointer : attached {
  void operator()() {
    cds::gc::HP::Guard guard;
    void* protects = guard.protect(followed);
    benchmark::DoNotOptimize(protects);
  }
  std::atomic<void*> followed{nullptr};
};

[[maybe_unused]] const bool added = cistern::perf::add_regions<rcu_region>("libcds_rcu_region") &&
                                    cistern::perf::add_regions<hazard_pointer>("libcds_hazard_pointer");

}  // namespace
