// SPDX-License-Identifier: MIT
#include <cistern/pools/bucket_pool.hpp>
#include <cistern/pools/object_pool.hpp>
#include <contracts/pool_contract.hpp>

#include <cstddef>
#include <memory>
#include <memory_resource>
#include <string>

namespace cistern::contracts {
namespace {

struct buffers {
  using pool = bucket_pool;
  using handle = buffer;
  static std::unique_ptr<pool> make(std::pmr::memory_resource& upstream, ageing_clock& clock) {
    return std::make_unique<pool>(
        pool_options{.name = "contract", .upstream = &upstream, .clock = &clock, .background = false});
  }
  static handle get(pool& from) { return from.get(1000); }
  static const void* thing(const handle& held) { return held.data(); }
  static std::size_t live(pool& of) {
    std::size_t live = 0;
    for (const class_statistics& each : of.statistics().classes) live += each.live;
    return live;
  }
};

struct by_itself {
  static constexpr object_ageing ageing = object_ageing::two_ticks;
};
struct by_working_set {
  static constexpr object_ageing ageing = object_ageing::working_set;
};

template <class How>
struct objects {
  using pool = object_pool<std::string>;
  using handle = pool::handle;
  static std::unique_ptr<pool> make(std::pmr::memory_resource& upstream, ageing_clock& clock) {
    return std::make_unique<pool>(object_pool_options{
        .name = "contract", .upstream = &upstream, .ageing = How::ageing, .clock = &clock, .background = false});
  }
  static handle get(pool& from) { return from.get(); }
  static const void* thing(const handle& held) { return held.get(); }
  static std::size_t live(pool& of) { return of.statistics().live; }
};

INSTANTIATE_TYPED_TEST_SUITE_P(bucket_pool, pool_contract, buffers);
INSTANTIATE_TYPED_TEST_SUITE_P(object_pool, pool_contract, objects<by_working_set>);
INSTANTIATE_TYPED_TEST_SUITE_P(object_pool_by_ticks, pool_contract, objects<by_itself>);

}  // namespace
}  // namespace cistern::contracts
