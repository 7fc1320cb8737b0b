// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/pools/bounded_pool.hpp>
#include <cistern/pools/text_pool.hpp>

#include <cstddef>
#include <limits>
#include <memory_resource>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace cistern::inline v0 {

/// Bytes of a fixed width, with room before them for a header that is written once its contents are known.
class fixed_block {
 public:
  /// Throws std::bad_alloc, and std::invalid_argument for what no vector holds.
  fixed_block(std::size_t width, std::size_t header, std::pmr::memory_resource& upstream)
      : bytes_(bytes_for(width, header), &upstream), header_(header) {}

  /// What is after the room for the header: as many bytes as the pool's width, in a block that was just got.
  std::span<std::byte> payload() noexcept { return std::span(bytes_).subspan(header_); }
  std::size_t header_room() const noexcept { return header_; }
  /// The last `bytes` of the room for the header, which must not be less, and with them the payload: what is sent.
  std::span<std::byte> with_header(std::size_t bytes) noexcept { return std::span(bytes_).subspan(header_ - bytes); }

  /// Cuts the payload to its first bytes, or lets it grow, with zeroes.
  void resize(std::size_t payload) { bytes_.resize(bytes_for(payload, header_)); }
  /// Exchanges all of its bytes, those for the header too, for others. They must be of the same memory resource and not
  /// fewer than the room for the header.
  void swap(std::pmr::vector<std::byte>& other) noexcept { bytes_.swap(other); }

 private:
  friend struct fixed_block_pool_hooks;
  friend class fixed_block_pool;
  static std::size_t bytes_for(std::size_t width, std::size_t header) {
    constexpr std::size_t most = std::numeric_limits<std::ptrdiff_t>::max();
    if (width > most || header > most - width)
      throw std::invalid_argument("cistern::fixed_block: no block has a width of " + std::to_string(width) +
                                  " bytes behind a header of " + std::to_string(header));
    return header + width;
  }

  std::pmr::vector<std::byte> bytes_;
  std::size_t header_;
};

/// Makes blocks of one width, and keeps what has not become narrower.
struct fixed_block_pool_hooks {
  std::size_t width = 0;
  std::size_t header = 0;
  std::pmr::memory_resource* upstream = std::pmr::get_default_resource();

  fixed_block make() const { return fixed_block(width, header, *upstream); }
  bool keep(fixed_block& block) const noexcept { return block.bytes_.capacity() >= header + width; }
  /// Allocates nothing, for the capacity suffices.
  void reset(fixed_block& block) const noexcept { block.bytes_.resize(header + width); }
};

/// Byte blocks of a fixed width, of which at most `limit` are kept. The role of bpool's BytePool and, with room for a
/// header, of its ByteSlicePool. Everything else is bounded_pool's.
///
///     fixed_block_pool blocks(64, 1500, 14);
///     auto block = blocks.get();
///     read(fd, block->payload());             // 1500 bytes
///     write(fd, block->with_header(14));      // and the header before them; puts itself back
///
/// A block has the pool's width at each get. As it is put, one whose capacity has become less (swap) is destroyed, and
/// one that is wider is cut to the width. New blocks are zeroed, others hold what their last user left.
class fixed_block_pool : public bounded_pool<fixed_block, fixed_block_pool_hooks> {
 public:
  fixed_block_pool(std::size_t limit, std::size_t width, std::size_t header = 0,
                   const bounded_pool_options& options = {})
      : bounded_pool((static_cast<void>(fixed_block::bytes_for(width, header)), limit),
                     fixed_block_pool_hooks{width, header, &detail::upstream_of(options)}, options) {}

  std::size_t width() const noexcept { return hooks().width; }
  std::size_t header_room() const noexcept { return hooks().header; }
};

}  // namespace cistern::inline v0
