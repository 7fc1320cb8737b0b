// SPDX-License-Identifier: MIT
//
// bucket_pool against a plain model: the first byte chooses the kind of the pool, the second how it ends, all others
// are operations. The model is a list of the blocks that are out; each holds a pattern of its own, over all that its
// user may use, which must be there as it is put. Under AddressSanitizer what is idle cannot be touched.
#include "failing_upstream.hpp"
#include "fuzz_input.hpp"
#include "pattern.hpp"
#include "pool_kinds.hpp"
#include "second_thread.hpp"
#include "silence.hpp"
#include <cistern/allocators/ageing_clock.hpp>
#include <cistern/pools/allocator.hpp>
#include <cistern/pools/bucket_pool.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using cistern::bucket_pool;
using cistern::buffer;
using cistern::fuzz::all_are;
using cistern::fuzz::check_pattern;
using cistern::fuzz::end_bytes;
using cistern::fuzz::failing_upstream;
using cistern::fuzz::input;
using cistern::fuzz::pool_kind;
using cistern::fuzz::require;
using cistern::fuzz::silence;
using cistern::fuzz::write_pattern;

struct held_block {
  std::byte* data;
  std::size_t asked;
  std::size_t alignment;
  std::size_t usable;
  std::optional<std::size_t> of_class;
  std::uint64_t id;
  bool has_size;  // it may be put with its size
};

struct held_buffer {
  buffer owner;
  std::optional<std::size_t> of_class;
  std::uint64_t id;
};

struct alignas(64) cache_line {
  std::byte bytes[64];
};

class session {
 public:
  explicit session(input& from) : in_(from), kind_(from.below(cistern::fuzz::pool_kinds)), ending_(from.byte()) {
    kind_.options.name = "fuzz";
    kind_.options.upstream = &memory_;
    kind_.options.clock = &clock_;
    pool_.emplace(kind_.options);
    core_ = &pool_->core();
    own_bytes_ = memory_.live_bytes() - pool_->statistics().taken;
  }

  void play() {
    while (!in_.empty()) step();
    memory_.fail_after(0, 0);
    finish();
  }

 private:
  void step();
  void finish();

  // Operations.
  void allocate(std::size_t alignment);
  template <class T>
  void allocate_at_least();
  void get_buffer();
  void use_buffers();
  void put_one(std::size_t way);
  void put_many();
  void resize_block();
  void get_batch();
  void put_batch();
  void beside();
  void in_lock_step();
  void use_another_pool();
  void go_quiet();
  void check_statistics();

  // The model.
  std::size_t size();
  bool has_room(std::size_t bytes) const { return held_.size() < most_blocks && live_bytes_ + bytes <= most_bytes; }
  bool may_fail(std::size_t bytes) {
    return bytes > failing_upstream::largest / 2 || kind_.is_limited() || memory_.is_failing();
  }
  void take(void* block, std::size_t asked, std::size_t alignment, bool has_size = true);
  held_block let_go(std::size_t index);
  held_block any_block() { return let_go(in_.two_bytes() % held_.size()); }
  void put(const held_block& block, std::size_t way);
  void count(const void* got) { ++(got != nullptr ? gets_ : failures_); }

  static constexpr std::size_t most_blocks = 4096, most_bytes = std::size_t{8} << 20;
  static constexpr std::size_t batch_bytes = std::size_t{512} << 10;

  input& in_;
  pool_kind kind_;
  std::size_t ending_;
  failing_upstream memory_, other_memory_;
  cistern::ageing_clock clock_;
  std::optional<bucket_pool> pool_, other_;
  cistern::detail::block_pool* core_ = nullptr;
  std::size_t own_bytes_ = 0;

  std::vector<held_block> held_;
  std::vector<held_buffer> buffers_;
  std::size_t live_bytes_ = 0;
  std::size_t size_ = std::size_t{64} << 10;
  std::uint64_t next_id_ = 1;
  std::atomic<std::uint64_t> gets_ = 0, failures_ = 0;
  cistern::fuzz::second_thread second_;  // ends before all of the above goes
};

// Often the same as before: most of what can go wrong does so within one class.
std::size_t session::size() {
  const auto& classes = kind_.options.classes;
  switch (in_.below(16)) {
    case 0:
      return size_ = in_.two_bytes();
    case 1:
      return size_ = in_.two_bytes() * 4;
    case 2:
      return size_ = classes.largest() + in_.two_bytes() * 2;
    case 3:
      return SIZE_MAX - in_.two_bytes();
    case 4:
      return std::size_t{1} << in_.below(64);
    case 5:
    case 6:
    case 7:
      return size_ = classes.size_of(in_.below(classes.count())) + in_.below(3) - 1;
    case 8:
      return size_ = in_.byte();
    case 9:
      return size_ = std::size_t{16384} << in_.below(4);  // where a magazine holds few
    default:
      return size_;
  }
}

void session::take(void* block, std::size_t asked, std::size_t alignment, bool has_size) {
  auto* const data = static_cast<std::byte*>(block);
  require(reinterpret_cast<std::uintptr_t>(block) % std::max(alignment, kind_.options.alignment) == 0,
          "a block is aligned");
  const std::size_t usable = pool_->usable_size(block);
  require(usable >= asked, "a block holds what was asked for");
  if (kind_.options.guard_one_in == 0)
    require(usable == kind_.usable(asked, alignment), "a block is of the smallest class that holds it");
  if (kind_.options.zero_on_get && has_size) require(all_are(data, usable, std::byte{}), "a block is zero");
  held_.push_back({data, asked, alignment, usable, kind_.class_of(asked, alignment), next_id_++, has_size});
  live_bytes_ += usable;
  write_pattern(data, usable, held_.back().id);
}

held_block session::let_go(std::size_t index) {
  const held_block gone = held_[index];
  held_[index] = held_.back();
  held_.pop_back();
  check_pattern(gone.data, gone.usable, gone.id);
  live_bytes_ -= gone.usable;
  return gone;
}

void session::put(const held_block& block, std::size_t way) {
  if (!block.has_size || way == 0)
    cistern::detail::deallocate(*core_, block.data);
  else
    cistern::detail::deallocate(*core_, block.data, block.asked, block.alignment);
}

void session::allocate(std::size_t alignment) {
  const std::size_t bytes = size();
  if (bytes <= failing_upstream::largest && !has_room(bytes)) return;
  const bool may = may_fail(bytes), refused = memory_.is_failing();
  void* const block = pool_->try_allocate(bytes, alignment);
  count(block);
  require(block != nullptr || may, "there is memory for a block");
  require(block == nullptr || bytes <= failing_upstream::largest, "there is no block of such a size");
  // A pool that evicts fails only for what is in use.
  if (block == nullptr && kind_.options.full == cistern::when_full::evict && held_.empty() && buffers_.empty() &&
      !second_.is_busy() && !refused)
    require(bytes > 16384 || alignment > 4096, "a pool that evicts has memory when nothing is out");
  if (block != nullptr) take(block, bytes, alignment);
}

template <class T>
void session::allocate_at_least() {
  const std::size_t number = in_.two_bytes() % (16384 / sizeof(T));
  if (!has_room(number * sizeof(T))) return;
  const bool may = may_fail(number * sizeof(T));
  cistern::allocator<T> from(*pool_);
  try {
    const auto [data, got] = from.allocate_at_least(number);
    count(data);
    require(got >= number, "there are at least as many");
    const std::size_t said = number + (got - number) * in_.below(3) / 2;
    take(data, number * sizeof(T), alignof(T));
    held_.back().asked = kind_.options.canaries ? held_.back().asked : said * sizeof(T);
    held_.back().alignment = alignof(T);
  } catch (const std::bad_alloc&) {
    count(nullptr);
    require(may, "there is memory for an array");
  }
}

void session::put_one(std::size_t way) {
  if (!held_.empty()) put(any_block(), way);
}

void session::put_many() {
  const std::size_t each = 1 + in_.below(3);
  for (std::size_t i = in_.two_bytes(), left = in_.byte(); left != 0 && !held_.empty(); --left, i += each)
    put(let_go(i % held_.size()), left % 2);
}

void session::resize_block() {
  const std::size_t bytes = size();
  if (held_.empty() || (bytes <= failing_upstream::largest && !has_room(bytes))) return;
  const held_block old = any_block();
  const bool may = may_fail(bytes);
  auto* const moved = static_cast<std::byte*>(pool_->realloc(old.data, bytes));
  if (bytes == 0) return require(moved == nullptr, "realloc to nothing is free");
  if (moved != old.data) count(moved);
  if (moved == nullptr) {
    require(may, "there is memory for realloc");
    held_.push_back(old);
    live_bytes_ += old.usable;
    return;
  }
  // The first bytes came along; the rest of the pattern with it, as far as it was one run.
  const std::size_t kept = std::min({old.usable, bytes, end_bytes});
  require(std::memcmp(moved, &old.id, std::min(kept, sizeof old.id)) == 0, "realloc keeps the beginning");
  if (kept > sizeof old.id)
    require(all_are(moved + sizeof old.id, kept - sizeof old.id, static_cast<std::byte>(old.id % 251)),
            "realloc keeps the contents");
  if (moved != old.data) return take(moved, bytes, 16, false);
  held_.push_back(old);  // with the size it was allocated with
  held_.back().usable = pool_->usable_size(moved);
  held_.back().has_size = false;
  live_bytes_ += held_.back().usable;
  write_pattern(moved, held_.back().usable, old.id);
}

void session::get_batch() {
  std::array<void*, 512> blocks;
  const std::size_t bytes = size();
  const std::size_t wanted = std::min(in_.batch(), batch_bytes / std::max<std::size_t>(bytes, 1) + 1);
  if (bytes > batch_bytes || !has_room(wanted * std::max(bytes, kind_.usable(bytes, 16)))) return;
  const bool may = may_fail(bytes);
  const std::size_t got = pool_->allocate_batch(bytes, std::span(blocks).first(wanted));
  require(got == wanted || may, "there is memory for a batch");
  gets_ += got;
  failures_ += got != wanted;
  for (std::size_t i = 0; i < got; ++i) take(blocks[i], bytes, 16);
}

void session::put_batch() {
  if (held_.empty()) return;
  const std::size_t bytes = held_[in_.two_bytes() % held_.size()].asked;
  std::vector<void*> blocks;
  for (std::size_t i = held_.size(), most = in_.batch(); i-- > 0 && blocks.size() < most;)
    if (i < held_.size() && held_[i].asked == bytes && held_[i].alignment <= 16 && held_[i].has_size)
      blocks.push_back(let_go(i).data);
  pool_->deallocate_batch(bytes, blocks);
}

void session::get_buffer() {
  const std::size_t bytes = size();
  if (buffers_.size() >= 64 || (bytes <= failing_upstream::largest && !has_room(bytes))) return;
  const bool may = may_fail(bytes);
  buffer got = pool_->try_get(bytes);
  count(got.data());
  if (!got) return require(may, "there is memory for a buffer");
  require(got.size() == bytes, "a buffer has the size that was asked for");
  require(!got.resize(got.capacity() + 1) && got.resize(got.capacity()), "a buffer may use its capacity, not more");
  require(got.capacity() == pool_->usable_size(got.data()), "a buffer's capacity is its block's");
  if (kind_.options.guard_one_in == 0)
    require(got.capacity() == kind_.usable(bytes, 16), "a buffer is of the smallest class that holds it");
  if (kind_.options.zero_on_get) require(all_are(got.data(), got.capacity(), std::byte{}), "a buffer is zero");
  write_pattern(got.data(), got.capacity(), next_id_);
  live_bytes_ += got.capacity();
  buffers_.push_back({std::move(got), kind_.class_of(bytes, 16), next_id_++});
  require(!got && got.empty() && got.capacity() == 0, "a buffer that was moved from is empty");
}

void session::use_buffers() {
  if (buffers_.empty()) return;
  held_buffer& one = buffers_[in_.below(buffers_.size())];
  held_buffer& two = buffers_[in_.below(buffers_.size())];
  for (held_buffer* const each : {&one, &two}) check_pattern(each->owner.data(), each->owner.capacity(), each->id);
  switch (in_.below(3)) {
    case 0:
      std::swap(one, two);
      break;
    case 1:
      if (&one != &two) live_bytes_ -= one.owner.capacity();
      one = std::move(two);
      break;
    default:
      live_bytes_ -= one.owner.capacity();
      one.owner.reset();
      break;
  }
  std::erase_if(buffers_, [](const held_buffer& each) { return !each.owner; });
}

// While this thread goes on.
void session::beside() {
  const std::size_t what = in_.below(4), times = 1 + in_.below(4);
  second_.start([this, what, times] {
    for (std::size_t i = 0; i < times; ++i) {
      if (what == 0) clock_.tick();
      if (what == 1) clock_.tick(cistern::age_level::pressure);
      if (what == 2) static_cast<void>(pool_->statistics());
      if (what != 3) continue;
      std::array<void*, 70> blocks;
      const std::size_t got = pool_->allocate_batch(8 * times, blocks);
      gets_ += got;
      failures_ += got != blocks.size();
      for (std::size_t k = 0; k < got; ++k) write_pattern(static_cast<std::byte*>(blocks[k]), 8 * times, k);
      for (std::size_t k = 0; k < got; ++k) check_pattern(static_cast<std::byte*>(blocks[k]), 8 * times, k);
      pool_->deallocate_batch(8 * times, std::span(blocks).first(got));
    }
  });
}

// The second thread does what this one would.
void session::in_lock_step() {
  const std::size_t what = in_.below(8);
  second_.run([this, what] {
    switch (what) {
      case 0:
      case 6:
        return get_batch();
      case 1:
      case 7:
        return put_batch();
      case 2:
        return put_many();
      case 3:
        return get_buffer();
      case 4:
        return use_buffers();
      default:
        return resize_block();
    }
  });
}

void session::use_another_pool() {
  if (!other_) other_.emplace(cistern::pool_options{.upstream = &other_memory_, .clock = &clock_});
  const std::size_t bytes = in_.byte();
  const buffer one = other_->get(bytes);
  other_->deallocate(other_->allocate(bytes), bytes);
}

// Two ticks after its last use everything idle is back in its span.
void session::go_quiet() {
  second_.wait();
  clock_.tick();
  clock_.tick();
  const cistern::pool_statistics now = pool_->statistics();
  require(now.cached_depot == 0, "nothing lies in the depot after two ticks");
  require(now.cached_threads == 0, "nothing lies in magazines after two ticks");
}

void session::check_statistics() {
  second_.wait();
  const cistern::pool_statistics now = pool_->statistics();
  require(now.gets == gets_, "gets are counted");
  require(now.failures == failures_, "failures are counted");
  if (kind_.options.guard_one_in == 0)  // guarded blocks are the system's
    require(now.taken + own_bytes_ == memory_.live_bytes(), "what is taken is counted");
  require(now.taken <= kind_.options.max_bytes, "max_bytes is kept");
  require(now.high_water >= now.taken, "the high water is no lower");
  require(now.cached_threads + now.cached_depot <= kind_.options.max_idle_bytes, "max_idle_bytes is kept");
  if (!kind_.counts_exactly()) return;
  std::map<std::size_t, std::size_t> live;
  std::size_t large = 0;
  const auto add = [&](const std::optional<std::size_t>& of_class, std::size_t bytes) {
    of_class.has_value() ? static_cast<void>(++live[*of_class]) : static_cast<void>(large += bytes);
  };
  for (const held_block& each : held_) add(each.of_class, each.usable);
  for (const held_buffer& each : buffers_) add(each.of_class, each.owner.capacity());
  require(now.large == large, "large blocks are counted");
  for (const auto& each : now.classes) require(each.live == live[each.bytes], "blocks of a class are counted");
}

void session::step() {
  switch (in_.below(36)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return allocate(16);
    case 32:
    case 33:
    case 34:
    case 35:
      return in_lock_step();
    case 4:
      return allocate(std::size_t{1} << in_.below(18));
    case 5:
      return allocate_at_least<std::byte>();
    case 6:
      return allocate_at_least<std::uint64_t>();
    case 7:
      return allocate_at_least<cache_line>();
    case 8:
    case 9:
      return put_one(1);
    case 10:
      return put_one(0);
    case 11:
      return put_many();
    case 12:
    case 13:
      return resize_block();
    case 14:
    case 15:
    case 16:
      return get_batch();
    case 17:
    case 18:
      return put_batch();
    case 19:
      return get_buffer();
    case 20:
      return use_buffers();
    case 21:
      return pool_->trim();
    case 22:
      return static_cast<void>(clock_.tick());
    case 23:
      return static_cast<void>(clock_.tick(cistern::age_level::pressure));
    case 24:
      return beside();
    case 25:
    case 26:
      return in_lock_step();
    case 27:
      return second_.end();
    case 28:
      return use_another_pool();
    case 29:
      return go_quiet();
    case 30:
      return memory_.fail_after(0, in_.below(8));
    default:
      if (in_.below(8) == 0) static_cast<void>(to_string(pool_->statistics()) + to_json(pool_->statistics()));
      return check_statistics();
  }
}

// By the bits of ending_: the second thread lives longer than the pool, and so do some blocks.
void session::finish() {
  second_.wait();
  if ((ending_ & 1) == 0) second_.end();
  const std::size_t stays = (ending_ & 2) != 0 ? 3 : 0;
  while (held_.size() > stays) put(let_go(held_.size() - 1), held_.size() % 2);
  while (buffers_.size() > stays) buffers_.pop_back();
  pool_->trim();
  check_statistics();
  {
    const std::optional<silence> quiet = stays != 0 ? std::optional<silence>(std::in_place) : std::nullopt;
    pool_.reset();
  }
  while (!held_.empty()) put(let_go(held_.size() - 1), ending_ & 4);
  buffers_.clear();
  require(memory_.live_bytes() == 0, "all memory is back after the pool's end");
  other_.reset();
  require(other_memory_.live_bytes() == 0, "all memory of the other pool is back");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  input in({data, size});
  session(in).play();
  return 0;
}
