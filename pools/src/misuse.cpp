// SPDX-License-Identifier: MIT
#include "misuse.hpp"

#include "pool_list.hpp"
#include "pool_state.hpp"
#include <cistern/allocators/fatal.hpp>

#include <algorithm>
#include <cstdio>

namespace cistern::inline v0::detail {
namespace {

constexpr const char* into_a_block = "put of a pointer into a block, not to its beginning";

// `pool "name", class 64, 0x7f...: what` or `pool "name" of type, 0x7f...: what`, and the end. The address is the
// object's then, of which the block begins before it.
template <class... Args>
[[noreturn, gnu::format(printf, 4, 0)]] void end(const pool_state& pool, std::size_t bytes, const void* block,
                                                 const char* what, Args... args) noexcept {
  char detail[160], line[400];
  std::snprintf(detail, sizeof detail, what, args...);
  const object_type& type = pool.type();
  if (pool.is_for_objects())
    std::snprintf(line, sizeof line, "pool \"%s\" of %.*s, %p: %s", pool.name(),
                  static_cast<int>(std::min<std::size_t>(type.name.size(), 128)), type.name.data(),
                  static_cast<const void*>(static_cast<const char*>(block) + type.object_at), detail);
  else if (bytes != 0)
    std::snprintf(line, sizeof line, "pool \"%s\", class %zu, %p: %s", pool.name(), bytes, block, detail);
  else
    std::snprintf(line, sizeof line, "pool \"%s\", %p: %s", pool.name(), block, detail);
  fatal(line);
}

}  // namespace

void misuse::put_of_no_block(const pool_state& pool, const void* block, std::size_t bytes) noexcept {
  const std::uint64_t tag = block_map::find(block);
  char owner[32] = "that has ended";
  if (tag == 0 && pool.large().whereabouts_of(block) == large_blocks::whereabouts::inside)
    end(pool, bytes, block, "%s", into_a_block);
  if (tag == 0 && pool_list::name_of_large(block, owner))
    end(pool, bytes, block, "put into the wrong pool; it is one of \"%s\"", owner);
  if (tag == 0)
    end(pool, bytes, block, "%s", "put of what is no block of any pool, or of a large one that was put before");
  if (block_tag::pool_of(tag) != pool.number()) {
    const bool found = pool_list::name_of(block_tag::pool_of(tag), owner);
    end(pool, bytes, block,
        found ? "put into the wrong pool; it is one of \"%s\"" : "put into the wrong pool; it is one of a pool %s",
        owner);
  }
  const std::size_t step = pool.step_of(block);
  if (step != size_step::count && pool.is_block(block, step)) wrong_size(pool, block, pool.class_bytes(step), bytes);
  end(pool, step != size_step::count ? pool.class_bytes(step) : 0, block, "%s", into_a_block);
}

void misuse::put_twice(const pool_state& pool, const void* block, std::size_t bytes) noexcept {
  end(pool, bytes, block, "%s", "put twice");
}

void misuse::written_after_put(const pool_state& pool, const void* block, std::size_t bytes) noexcept {
  end(pool, bytes, block, "%s", "written to after it was put");
}

void misuse::wrong_size(const pool_state& pool, const void* block, std::size_t bytes, std::size_t put_as) noexcept {
  end(pool, bytes, block, "put as one of %zu bytes", put_as);
}

void misuse::overrun(const pool_state& pool, const void* block, std::size_t bytes) noexcept {
  end(pool, bytes, block, "%s", "written to behind its end");
}

void misuse::not_out(const pool_state& pool, const void* block, std::size_t bytes) noexcept {
  end(pool, bytes, block, "%s", "put of what is no object that is out");
}

void misuse::has_owners(const pool_state& pool, const void* block, std::size_t bytes) noexcept {
  end(pool, bytes, block, "%s", "put while shared handles hold it");
}

void misuse::stale_handle(const pool_state& pool, const void* block, std::size_t bytes) noexcept {
  end(pool, bytes, block, "%s", "put by a stale handle: it was put before, and has been taken anew");
}

void misuse::idle_twice(const void* block) noexcept {
  char owner[32] = "";
  pool_list::name_of(block_tag::pool_of(block_map::find(block)), owner);
  char line[160];
  std::snprintf(line, sizeof line, "pool \"%s\", %p: put twice; it was found idle as it went back into its span", owner,
                block);
  fatal(line);
}

void misuse::used_after_its_end(const pool_state& pool) noexcept {
  char line[96];
  std::snprintf(line, sizeof line, "pool \"%s\": used after its end", pool.name());
  fatal(line);
}

}  // namespace cistern::inline v0::detail
