// SPDX-License-Identifier: MIT
#include "misuse.hpp"

#include "pool_list.hpp"
#include "pool_state.hpp"
#include <cistern/allocators/fatal.hpp>

#include <cstdio>

namespace cistern::inline v0::detail {
namespace {

// "pool "name", class 64, 0x7f...: what", and the end.
template <class... Args>
[[noreturn, gnu::format(printf, 4, 0)]] void end(const char* pool, std::size_t bytes, const void* block,
                                                 const char* what, Args... args) noexcept {
  char detail[160], line[320];
  std::snprintf(detail, sizeof detail, what, args...);
  if (bytes != 0)
    std::snprintf(line, sizeof line, "pool \"%s\", class %zu, %p: %s", pool, bytes, block, detail);
  else
    std::snprintf(line, sizeof line, "pool \"%s\", %p: %s", pool, block, detail);
  fatal(line);
}

}  // namespace

void misuse::put_of_no_block(const pool_state& pool, const void* block, std::size_t bytes) noexcept {
  const std::uint64_t tag = block_map::find(block);
  if (tag == 0) end(pool.name(), bytes, block, "%s", "put of what is no block of any pool");
  if (block_tag::pool_of(tag) != pool.number()) {
    char owner[32] = "that has ended";
    const bool found = pool_list::name_of(block_tag::pool_of(tag), owner);
    end(pool.name(), bytes, block,
        found ? "put into the wrong pool; it is one of \"%s\"" : "put into the wrong pool; it is one of a pool %s",
        owner);
  }
  const std::size_t step = pool.step_of(block);
  if (step != size_step::count && pool.is_block(block, step)) wrong_size(pool, block, pool.class_bytes(step), bytes);
  end(pool.name(), step != size_step::count ? pool.class_bytes(step) : 0, block, "%s",
      "put of a pointer into a block, not to its beginning");
}

void misuse::put_twice(const pool_state& pool, const void* block, std::size_t bytes) noexcept {
  end(pool.name(), bytes, block, "%s", "put twice");
}

void misuse::written_after_put(const pool_state& pool, const void* block, std::size_t bytes) noexcept {
  end(pool.name(), bytes, block, "%s", "written to after it was put");
}

void misuse::wrong_size(const pool_state& pool, const void* block, std::size_t bytes, std::size_t put_as) noexcept {
  end(pool.name(), bytes, block, "put as one of %zu bytes", put_as);
}

void misuse::overrun(const pool_state& pool, const void* block, std::size_t bytes) noexcept {
  end(pool.name(), bytes, block, "%s", "written to behind its end");
}

void misuse::idle_twice(const void* block) noexcept {
  char owner[32] = "";
  pool_list::name_of(block_tag::pool_of(block_map::find(block)), owner);
  end(owner, 0, block, "%s", "put twice; it was found idle as it went back into its span");
}

void misuse::used_after_its_end(const void* pool) noexcept {
  char line[96];
  std::snprintf(line, sizeof line, "pool %p: used after its end", pool);
  fatal(line);
}

}  // namespace cistern::inline v0::detail
