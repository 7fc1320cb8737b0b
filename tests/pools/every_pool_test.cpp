// SPDX-License-Identifier: MIT
#include <cistern/pools/bounded_pool.hpp>
#include <cistern/pools/bucket_pool.hpp>
#include <cistern/pools/byte_buffer_pool.hpp>
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

template <bound by>
struct bounded_objects {
  using pool = bounded_pool<std::string>;
  using handle = pool::handle;
  static std::unique_ptr<pool> make(std::pmr::memory_resource& upstream, ageing_clock& clock) {
    return std::make_unique<pool>(
        5000, bounded_pool_options{
                  .name = "contract", .by = by, .upstream = &upstream, .clock = &clock, .background = false});
  }
  static handle get(pool& from) { return from.get(); }
  static const void* thing(const handle& held) { return held.get(); }
  static std::size_t live(pool& of) { return of.statistics().out; }
};

struct growing_buffers {
  using pool = byte_buffer_pool;
  using handle = byte_buffer;
  static std::unique_ptr<pool> make(std::pmr::memory_resource& upstream, ageing_clock& clock) {
    return std::make_unique<pool>(
        byte_buffer_pool_options{.name = "contract", .upstream = &upstream, .clock = &clock, .background = false});
  }
  static handle get(pool& from) { return from.get(); }
  static const void* thing(const handle& held) { return held.data(); }
  static std::size_t live(pool& of) {
    std::size_t live = 0;
    for (const class_statistics& each : of.statistics().blocks.classes) live += each.live;
    return live;
  }
};

INSTANTIATE_TYPED_TEST_SUITE_P(byte_buffer_pool, pool_contract, growing_buffers);
INSTANTIATE_TYPED_TEST_SUITE_P(bounded_pool, pool_contract, bounded_objects<bound::kept>);
INSTANTIATE_TYPED_TEST_SUITE_P(bounded_pool_by_total, pool_contract, bounded_objects<bound::total>);
INSTANTIATE_TYPED_TEST_SUITE_P(bucket_pool, pool_contract, buffers);
INSTANTIATE_TYPED_TEST_SUITE_P(object_pool, pool_contract, objects<by_working_set>);
INSTANTIATE_TYPED_TEST_SUITE_P(object_pool_by_ticks, pool_contract, objects<by_itself>);

}  // namespace
}  // namespace cistern::contracts
