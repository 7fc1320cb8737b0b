// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/pools/bounded_pool.hpp>
#include <cistern/pools/bucket_pool.hpp>

#include <cstddef>
#include <memory_resource>
#include <string>

namespace cistern::inline v0 {

namespace detail {

inline std::pmr::memory_resource& upstream_of(const bounded_pool_options& options) {
  return options.upstream != nullptr ? *options.upstream : bucket_pool::process();
}

}  // namespace detail

/// Makes strings that take their memory from one resource, and clears them as they are put.
struct text_pool_hooks {
  std::pmr::memory_resource* upstream = std::pmr::get_default_resource();

  std::pmr::string make() const { return std::pmr::string(upstream); }
  static void reset(std::pmr::string& text) noexcept { text.clear(); }
};

/// Growable byte strings, of which at most `limit` are kept: cleared, and with the room that they have grown to. The
/// role of bpool's BufferPool. Everything else is bounded_pool's; strings take their memory from the options' upstream,
/// too.
///
///     text_pool texts(64);
///     auto text = texts.get();
///     text->append("...");  // puts itself back
///
/// Not where one large use in a while may leave its memory in each of them: that is what sized_text_pool is for.
class text_pool : public bounded_pool<std::pmr::string, text_pool_hooks> {
 public:
  explicit text_pool(std::size_t limit, const bounded_pool_options& options = {})
      : bounded_pool(limit, text_pool_hooks{&detail::upstream_of(options)}, options) {}
};

}  // namespace cistern::inline v0
