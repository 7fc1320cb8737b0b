// SPDX-License-Identifier: MIT
//
// The ways of bytes that do not lie ready: other alignments, large blocks, pools with something special, misuse.
#include "misuse.hpp"
#include "pool_list.hpp"
#include "pool_state.hpp"
#include <cistern/allocators/immortal.hpp>
#include <cistern/pools/bucket_pool.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>

namespace cistern::inline v0 {
namespace detail {
namespace {

// The step of a block that may be any pointer; ends the program if it is no block's beginning.
std::size_t checked_step(const pool_state& self, const void* block, std::size_t as_bytes) noexcept {
  const std::size_t step = self.step_of(block);
  if (step == size_step::count || !self.is_block(block, step)) misuse::put_of_no_block(self, block, as_bytes);
  return step;
}

}  // namespace

void* allocate_slow(block_pool& pool, std::size_t bytes, std::size_t alignment) noexcept {
  pool_state& self = pool_state::of(pool);
  if (!std::has_single_bit(alignment)) return nullptr;
  if (self.options().pass_through) return self.get_large(bytes, alignment);
  if (!self.is_plain()) return self.get_special(bytes, alignment);
  const std::size_t step = self.step_for(bytes, alignment);
  return step != size_step::count ? self.get(step) : self.get_large(bytes, alignment);
}

void deallocate_slow(block_pool& pool, void* block, std::size_t bytes, std::size_t alignment) noexcept {
  if (block == nullptr) return;
  pool_state& self = pool_state::of(pool);
  if (self.step_of(block) == size_step::count && self.put_large(block, bytes, true)) return;
  const std::size_t step = checked_step(self, block, bytes);
  // With canaries the very size is known.
  const std::size_t asked = self.options().canaries ? step : self.step_for(bytes, alignment);
  if (!self.same_class(asked, step)) misuse::wrong_size(self, block, self.class_bytes(step), bytes);
  if (self.is_plain())
    self.put_checked(block, asked);
  else
    self.put_special(block, bytes, true, step);
}

void deallocate_unsized_slow(block_pool& pool, void* block) noexcept {
  if (block == nullptr) return;
  pool_state& self = pool_state::of(pool);
  if (self.step_of(block) == size_step::count && self.put_large(block, 0, false)) return;
  const std::size_t step = checked_step(self, block, 0);
  if (self.is_plain())
    self.put_checked(block, step);
  else
    self.put_special(block, 0, false, step);
}

std::size_t usable_bytes(block_pool& pool, const void* block) noexcept {
  if (block == nullptr) return 0;
  pool_state& self = pool_state::of(pool);
  std::size_t bytes = 0;
  if (self.step_of(block) == size_step::count && self.find_large(block, bytes)) return bytes;
  const std::size_t step = checked_step(self, block, 0);
  return self.is_plain() ? self.class_bytes(step) : self.special_bytes(block, step);
}

}  // namespace detail

void buffer::put_slow() noexcept { detail::deallocate(*pool_, data_); }

bucket_pool::bucket_pool(const pool_options& options) {
  detail::pool_state* const made = detail::pool_state::make(options);
  core_ = made;
  detail::pool_list::set_face(*made, this);
}

bucket_pool::~bucket_pool() {
  detail::pool_state& core = detail::pool_state::of(*core_);
  detail::pool_list::set_face(core, nullptr);
  core.close();
}

bucket_pool& bucket_pool::process() {
  static const detail::immortal<bucket_pool> pool(pool_options{.name = "default"});
  return *pool;
}

bucket_pool::got_block bucket_pool::try_get_slow(std::size_t bytes) noexcept {
  void* const block = detail::allocate_slow(*core_, bytes, default_alignment);
  if (block == nullptr) return {};
  const detail::pool_state& self = detail::pool_state::of(*core_);
  const std::size_t step = self.is_plain() ? self.step_of(block) : detail::size_step::count;
  return {block, std::max(bytes, detail::usable_bytes(*core_, block)), step};
}

void bucket_pool::no_memory(std::size_t alignment) {
  if (!std::has_single_bit(alignment))
    throw std::invalid_argument("cistern: alignment (" + std::to_string(alignment) + ") is not a power of two");
  throw std::bad_alloc();
}

std::size_t bucket_pool::usable_size(const void* block) const noexcept { return detail::usable_bytes(*core_, block); }

void* bucket_pool::realloc(void* block, std::size_t bytes) noexcept {
  if (block == nullptr) return try_allocate(bytes);
  if (bytes == 0) {
    free(block);
    return nullptr;
  }
  detail::pool_state& self = detail::pool_state::of(*core_);
  const std::size_t usable = usable_size(block);
  // Where it stays, its class is the new size's, too: it may be put with that.
  const std::size_t step = self.step_of(block);
  if (self.is_plain() && step != detail::size_step::count && self.same_class(self.step_for(bytes, 1), step))
    return block;
  if (self.resize_large(block, bytes)) {
    if (self.options().zero_on_get && bytes > usable)
      std::memset(static_cast<char*>(block) + usable, 0, bytes - usable);
    return block;
  }
  void* const moved = try_allocate(bytes);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, block, std::min(usable, bytes));
  free(block);
  return moved;
}

std::size_t bucket_pool::allocate_batch(std::size_t bytes, std::span<void*> blocks) noexcept {
  std::size_t got = 0;
  for (void* block; got < blocks.size() && (block = try_allocate(bytes)) != nullptr; ++got) blocks[got] = block;
  return got;
}

void bucket_pool::deallocate_batch(std::size_t bytes, std::span<void* const> blocks) noexcept {
  for (void* const block : blocks) deallocate(block, bytes);
}

void bucket_pool::trim() noexcept { detail::pool_state::of(*core_).trim(); }
pool_statistics bucket_pool::statistics() const { return detail::pool_state::of(*core_).statistics(); }
std::string_view bucket_pool::name() const noexcept { return detail::pool_state::of(*core_).name(); }
const pool_options& bucket_pool::options() const noexcept { return detail::pool_state::of(*core_).options(); }

bucket_pool* find_pool(std::string_view name) noexcept {
  if (name.empty()) return nullptr;
  struct search {
    std::string_view name;
    bucket_pool* found = nullptr;
  } wanted{name};
  detail::pool_list::for_each(
      [](detail::pool_state& pool, void* context) {
        auto& search_for = *static_cast<search*>(context);
        if (pool.face != nullptr && search_for.name == pool.name())
          search_for.found = static_cast<bucket_pool*>(pool.face);
      },
      &wanted);
  return wanted.found;
}

std::vector<pool_statistics> all_pool_statistics() {
  std::vector<pool_statistics> all;
  detail::pool_list::for_each(
      [](detail::pool_state& pool, void* context) {
        static_cast<std::vector<pool_statistics>*>(context)->push_back(pool.statistics());
      },
      &all);
  return all;
}

}  // namespace cistern::inline v0
