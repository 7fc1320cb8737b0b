// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/pools/bucket_pool.hpp>
#include <schedules/arena_upstream.hpp>
#include <schedules/scheduler.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

namespace cistern::schedules {

/// One class of this size, and nothing that would tick or print.
inline pool_options small_pool(std::size_t block_bytes = 16) {
  static const size_class_table of_16{{16}}, of_32{{32}};
  pool_options options;
  options.classes = block_bytes == 16 ? of_16 : of_32;
  options.clock = nullptr;
  options.background = false;
  options.at_end = blocks_out::abort;
  return options;
}

/// The block map's leaves stay. They are made before there is a fibre, else the first schedule would have steps that no
/// later one has.
inline void make_leaves(scheduler& s, const arena_upstream& upstream) {
  using cistern::detail::block_map;
  char* const begin = upstream.arena_begin();
  for (char* const unit : {begin, begin + arena_upstream::arena_bytes - block_map::unit}) {
    s.require(block_map::set(unit, 1, 1, nullptr), "no memory for the block map");
    block_map::clear(unit, 1);
  }
}

/// A pool with all that belongs to it, and an account of who holds which of its blocks: a holder's number in the
/// account, and in the block itself.
class pool_scene {
 public:
  explicit pool_scene(scheduler& with, const pool_options& options = small_pool())
      : s(with), upstream_(with, with.choose(2) == 0), bytes_(options.classes.largest()) {
    make_leaves(s, upstream_);
    pool_options own = options;
    own.upstream = &upstream_;
    own.clock = &clock;
    core_ = &pool.emplace(own).core();
  }

  /// nullptr when the pool is full.
  void* get(std::uint8_t holder) {
    void* const block = pool->try_allocate(bytes_);
    if (block == nullptr) return nullptr;
    ++gets_;
    std::uint8_t& now = holder_of(block);
    s.require(now == nobody, "a block is in two hands");
    now = holder;
    const std::uint64_t cookie = cookie_of(block, holder);
    std::memcpy(block, &cookie, sizeof cookie);
    return block;
  }
  /// Also after the pool's end, which waits for its blocks.
  void put(void* block, std::uint8_t holder) {
    std::uint64_t cookie = 0;
    std::memcpy(&cookie, block, sizeof cookie);
    s.require(holder_of(block) == holder && cookie == cookie_of(block, holder), "another wrote to a block that is out");
    holder_of(block) = nobody;
    cistern::detail::deallocate(*core_, block, bytes_, alignof(std::max_align_t));
  }
  /// From one holder's hands into another's.
  void hand_over(void* block, std::uint8_t from, std::uint8_t to) {
    s.require(holder_of(block) == from, "a block is in two hands");
    holder_of(block) = to;
    const std::uint64_t cookie = cookie_of(block, to);
    std::memcpy(block, &cookie, sizeof cookie);
  }

  /// Gets and puts `turns` times, in any order, with up to three blocks in hand, and puts what is left.
  void work(std::uint8_t holder, int turns) {
    void* held[3];
    std::size_t count = 0;
    for (; turns > 0; --turns) {
      if (count == 0 || (count < std::size(held) && s.choose(2) == 0)) {
        held[count] = get(holder);
        s.require(held[count++] != nullptr, "no memory, it says");
      } else {
        put(held[--count], holder);
      }
    }
    while (count > 0) put(held[--count], holder);
  }
  void tick() { clock.tick(s.choose(2) == 0 ? age_level::tick : age_level::pressure); }

  /// With every thread ended and every block put: all comes back, nothing is miscounted.
  void require_all_back() {
    pool->trim();
    const pool_statistics now = pool->statistics();
    s.require(now.live == 0, "a block was lost");
    s.require(now.cached_threads == 0 && now.threads == 0, "a thread that has ended keeps something");
    s.require(now.cached_depot == 0 && now.retained == 0, "something is left after a trim");
    s.require(now.gets == gets_, "gets were miscounted");
    end();
    require_upstream_has_all();
  }
  void end() { pool.reset(); }
  bool upstream_has_all() const noexcept { return upstream_.has_all_back(); }
  void require_upstream_has_all() const { upstream_.require_all_back(); }

  scheduler& s;
  ageing_clock clock;

 private:
  static constexpr std::uint8_t nobody = 0xff;

  std::uint8_t& holder_of(const void* block) { return holders_[upstream_.offset_of(block) / 16]; }
  std::uint64_t cookie_of(const void* block, std::uint8_t holder) const {
    return (std::uint64_t{upstream_.offset_of(block)} << 8 | holder) * 0x9e3779b97f4a7c15;
  }
  static std::array<std::uint8_t, arena_upstream::arena_bytes / 16> all_nobodys() {
    std::array<std::uint8_t, arena_upstream::arena_bytes / 16> all;
    all.fill(nobody);
    return all;
  }

  arena_upstream upstream_;
  const std::size_t bytes_;
  cistern::detail::block_pool* core_;
  std::uint64_t gets_ = 0;
  std::array<std::uint8_t, arena_upstream::arena_bytes / 16> holders_ = all_nobodys();

 public:
  std::optional<bucket_pool> pool;  // goes before its upstream
};

}  // namespace cistern::schedules
