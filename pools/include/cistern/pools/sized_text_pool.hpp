// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/pools/bounded_pool.hpp>
#include <cistern/pools/text_pool.hpp>

#include <algorithm>
#include <cstddef>
#include <memory_resource>
#include <stdexcept>
#include <string>

namespace cistern::inline v0 {

namespace detail {

/// A memory resource for one string: its own block while that is free and large enough, else the upstream's memory.
class text_block : public std::pmr::memory_resource {
 public:
  /// A string that reserves room for more than it has, but for less than twice that, takes twice that.
  static std::size_t bytes_for(std::size_t room) {
    if (room > std::string().max_size() / 2)
      throw std::invalid_argument("cistern::sized_text: no text has room for " + std::to_string(room) + " bytes");
    return (std::max(room, 2 * std::string().capacity()) + 16) & ~std::size_t{15};
  }

 protected:
  text_block(std::size_t room, std::pmr::memory_resource& upstream)
      : upstream_(upstream), bytes_(bytes_for(room)), block_(upstream.allocate(bytes_, alignment)) {}
  ~text_block() override { upstream_.deallocate(block_, bytes_, alignment); }

  bool is_free() const noexcept { return !is_in_use_; }

 private:
  static constexpr std::size_t alignment = alignof(std::max_align_t);

  void* do_allocate(std::size_t bytes, std::size_t align) override {
    if (is_in_use_ || bytes > bytes_ || align > alignment) return upstream_.allocate(bytes, align);
    is_in_use_ = true;
    return block_;
  }
  void do_deallocate(void* memory, std::size_t bytes, std::size_t align) override {
    if (memory != block_) return upstream_.deallocate(memory, bytes, align);
    is_in_use_ = false;
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  std::pmr::memory_resource& upstream_;
  const std::size_t bytes_;
  void* const block_;
  bool is_in_use_ = false;
};

}  // namespace detail

/// A byte string that has a block of its own, of a fixed size, and lies in it until it grows out of it.
///
/// What it grows into is the upstream's; the block waits meanwhile. So going back is no allocation: what was grown
/// goes, and the string lies in its block again. Do not move out of it: what was moved would have its block.
class sized_text : private detail::text_block, public std::pmr::string {
 public:
  /// With capacity `room`, or a little more. Throws std::bad_alloc, and std::invalid_argument for what no text holds.
  sized_text(std::size_t room, std::pmr::memory_resource& upstream)
      : text_block(room, upstream), std::pmr::string(static_cast<memory_resource*>(this)), room_(room) {
    reserve(room_);
  }
  sized_text(const sized_text&) = delete;
  sized_text& operator=(const sized_text&) = delete;
  using std::pmr::string::operator=;

  /// Empty, and with the capacity that it was made with. Allocates nothing.
  void reset() noexcept {
    clear();
    if (!is_free()) return;  // it lies there
    std::pmr::string(static_cast<memory_resource*>(this)).swap(*this);
    reserve(room_);
  }

 private:
  const std::size_t room_;
};

/// Makes texts of one size, and trims them as they are put.
struct sized_text_pool_hooks {
  std::size_t room = 0;
  std::pmr::memory_resource* upstream = std::pmr::get_default_resource();

  sized_text make() const { return sized_text(room, *upstream); }
  static void reset(sized_text& text) noexcept { text.reset(); }
};

/// Byte strings that begin with room for `room` characters, of which at most `limit` are kept, and never with more room
/// than that: what one has grown beyond it goes as it is put. The role of bpool's SizedBufferPool, which makes a new
/// buffer in the place of each that has grown; here none is made (see sized_text), so a put never allocates, and what
/// is kept takes limit * room bytes and a little more, whatever the use. Everything else is bounded_pool's.
///
///     sized_text_pool texts(64, 1024);
///     auto text = texts.get();
///     text->append("...");  // puts itself back
///
/// A text that grows takes its block's and the grown memory until it is put.
class sized_text_pool : public bounded_pool<sized_text, sized_text_pool_hooks> {
 public:
  sized_text_pool(std::size_t limit, std::size_t room, const bounded_pool_options& options = {})
      : bounded_pool((static_cast<void>(detail::text_block::bytes_for(room)), limit),
                     sized_text_pool_hooks{room, &detail::upstream_of(options)}, options) {}

  std::size_t room() const noexcept { return hooks().room; }
};

}  // namespace cistern::inline v0
