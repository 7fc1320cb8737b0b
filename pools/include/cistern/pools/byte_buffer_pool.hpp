// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/source_site.hpp>
#include <cistern/pools/byte_buffer.hpp>
#include <cistern/pools/byte_buffer_pool_options.hpp>
#include <cistern/pools/detail/buffer_home.hpp>
#include <cistern/pools/learnt_sizes.hpp>
#include <cistern/pools/pool_statistics.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace cistern::inline v0 {

class bucket_pool;
namespace detail {
class buffer_pool_core;
}

/// What a byte_buffer_pool holds, and what it knows.
struct byte_buffer_pool_statistics {
  pool_statistics blocks;           ///< of its blocks, by size
  std::size_t pinned;               ///< of the live bytes, in blocks that slices hold
  std::vector<learnt_sizes> sites;  ///< the first of them is that of gets without a site
};
CISTERN_EXPORT std::string to_string(const byte_buffer_pool_statistics& statistics);
CISTERN_EXPORT std::string to_json(const byte_buffer_pool_statistics& statistics);
CISTERN_EXPORT std::string to_prometheus(const byte_buffer_pool_statistics& statistics);

/// Buffers that put themselves back, from a pool that learns which sizes a program needs: the role of valyala's
/// bytebufferpool.
///
/// Use it for requests, responses and messages whose size is not known before. Not where all sizes are known
/// (bucket_pool), nor for objects that hold a buffer and more (object_pool).
///
/// Differences from its model: a buffer that grows goes on in a block of the next class, and the smaller one is free at
/// once for others, so there are only as many large blocks as there are large uses at a time, and a rare large use
/// leaves no large buffer behind; hence no share of large uses is a cliff. Which sizes are used is learnt from a few
/// dozen uses on, from one use in about 32 where there are many, and earlier epochs count half at each tick (or after
/// 16,384 uses that counted). The cap on idle bytes holds from the first put; what lies free in the pool's chunks
/// between blocks that are out or idle comes on top, until its pages go back at the next tick. A buffer is put once,
/// for it is its own handle.
///
/// Read into its buffers with read_some(), which takes what lies ready whatever the room: a read that the capacity cuts
/// off teaches the pool that capacity.
///
/// Threads: all functions from any. Lifetime: the upstream outlives it and its buffers; buffers may outlive it, though
/// they cannot grow then (std::bad_alloc), and what release() gave may not.
///
/// Complexity: O(1); get and put as bucket_pool's, and a decrement for learning: 6 ns over the copy for a use with 1
/// KiB written (perf/pools/direct/buffer_pair.cpp). Failure: get() throws std::bad_alloc.
///
/// Example: tests/examples/byte_buffer_pool_example.cpp. Design note: pools/byte_buffer_pool.md.
class CISTERN_EXPORT byte_buffer_pool {
 public:
  /// Throws std::invalid_argument that says which option is wrong, and std::bad_alloc.
  explicit byte_buffer_pool(const byte_buffer_pool_options& options = {});
  ~byte_buffer_pool();
  byte_buffer_pool(const byte_buffer_pool&) = delete;
  byte_buffer_pool& operator=(const byte_buffer_pool&) = delete;

  /// The pool for those who do not want one of their own: "buffers", with default options. Never destroyed.
  static byte_buffer_pool& process();

  /// An empty buffer with the capacity that is usual.
  byte_buffer get() { return get_from(*home_); }
  /// With room for so many bytes, in the smallest class that has it. Teaches the pool nothing.
  byte_buffer get(std::size_t capacity) {
    const std::size_t step = detail::size_step::of(capacity);
    if (void* const block = hinted_->pool().try_get(step)) [[likely]]
      return {static_cast<std::byte*>(block), hinted_->pool().stride(step), resource_, *hinted_};
    return get_slow(*hinted_, capacity);
  }

  /// A place in the program with buffers of its own kind, which has its own usual capacity. Of all sites of a pool that
  /// are made at one place of the source (or with one name) there is one. Make it once, as a static or a member: it is
  /// looked for among all of the pool's, and the first one is allocated.
  ///
  /// Throws std::bad_alloc, and std::invalid_argument for a name that is empty or of several lines.
  ///
  /// Threads: all functions from any. Lifetime: the pool outlives it; not its buffers.
  class CISTERN_EXPORT site {
   public:
    explicit site(byte_buffer_pool& pool, source_site from = source_site::current());
    site(byte_buffer_pool& pool, std::string_view name);
    byte_buffer get() { return pool_.get_from(*home_); }
    learnt_sizes learnt() const;

   private:
    byte_buffer_pool& pool_;
    detail::buffer_home* home_;
  };

  /// What has been learnt: by gets without a site, then at each site.
  std::vector<learnt_sizes> learnt() const;
  /// Goes on from histograms that another pool, or an earlier run, had learnt; a site need not be there yet. Throws
  /// std::bad_alloc, and std::invalid_argument that says what is wrong with which site.
  void learn(const std::vector<learnt_sizes>& sites);
  /// Ends an epoch, as each tick of the clock does: what was seen counts from now on.
  void learn() noexcept;

  void trim() noexcept;  ///< gives all that is idle back
  byte_buffer_pool_statistics statistics() const;
  std::string_view name() const noexcept;
  bucket_pool& blocks() const noexcept;  ///< what the buffers' memory comes from (bucket_pool.hpp)

 private:
  [[gnu::always_inline]] byte_buffer get_from(detail::buffer_home& home) {
    const std::size_t step = home.usual_step();
    if (void* const block = home.pool().try_get(step)) [[likely]]
      return {static_cast<std::byte*>(block), home.pool().stride(step), resource_, home};
    return get_slow(home, home.usual_bytes());
  }
  byte_buffer get_slow(detail::buffer_home& home, std::size_t capacity);

  detail::buffer_pool_core* core_;
  detail::buffer_home *home_, *hinted_;  // of gets without a site; those with a hint
  std::pmr::memory_resource* resource_;
};

}  // namespace cistern::inline v0
