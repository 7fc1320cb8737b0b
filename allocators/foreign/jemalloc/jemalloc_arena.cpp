// SPDX-License-Identifier: MIT
#include "jemalloc_control.hpp"
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/allocators/jemalloc_arena.hpp>
#include <cistern/allocators/jemalloc_backend.hpp>

#include <bit>
#include <cstdio>
#include <stdexcept>

namespace cistern::inline v0 {
namespace {

constexpr int no_thread_cache = 1 << 8;                                                          // MALLOCX_TCACHE_NONE
constexpr int arena_flag(unsigned index) noexcept { return static_cast<int>(index + 1) << 20; }  // MALLOCX_ARENA

unsigned new_arena() {
  unsigned index = 0;
  std::size_t length = sizeof index;
  const int error = cistern_je_mallctl("arenas.create", &index, &length, nullptr, 0);
  if (error != 0)
    throw std::runtime_error("cistern: jemalloc gives no further arena (arenas.create: error " + std::to_string(error) +
                             "); destroy one");
  return index;
}

// The name of a control or a number of one arena. Not a std::string: purging is what one does when memory has run out.
struct name_of_arena {
  char text[64];

  name_of_arena(const char* before, unsigned index, const char* after) noexcept {
    std::snprintf(text, sizeof text, "%s.%u.%s", before, index, after);
  }
};

void command(unsigned index, const char* what) noexcept {
  cistern_je_mallctl(name_of_arena("arena", index, what).text, nullptr, nullptr, nullptr, 0);
}

std::optional<std::size_t> number(unsigned index, const char* what) {
  return detail::jemalloc_read<std::size_t>(name_of_arena("stats.arenas", index, what).text);
}

}  // namespace

jemalloc_arena::jemalloc_arena() : index_(new_arena()), flags_(arena_flag(index_) | no_thread_cache) {}

jemalloc_arena::~jemalloc_arena() {
  detail::given_all();
  command(index_, "destroy");
}

void jemalloc_arena::purge() noexcept { command(index_, "purge"); }

void jemalloc_arena::reset() noexcept {
  detail::given_all();
  command(index_, "reset");
}

backend_statistics jemalloc_arena::statistics() const {
  detail::jemalloc_refresh();
  const auto small = number(index_, "small.allocated"), large = number(index_, "large.allocated");
  return {.live_bytes = small && large ? std::optional(*small + *large) : std::nullopt,
          .mapped_bytes = number(index_, "mapped"),
          .resident_bytes = number(index_, "resident")};
}

std::size_t jemalloc_arena::good_size(std::size_t bytes) const noexcept { return jemalloc_backend::good_size(bytes); }

std::size_t jemalloc_arena::usable_size(void* block) const noexcept { return jemalloc_backend::usable_size(block); }

bool jemalloc_arena::try_resize(void* block, std::size_t /*old_bytes*/, std::size_t new_bytes,
                                std::size_t alignment) noexcept {
  return detail::jemalloc_resize(block, new_bytes, detail::jemalloc_alignment(alignment) | flags_);
}

std::string jemalloc_arena::version() const { return jemalloc_backend::version(); }

void* jemalloc_arena::do_allocate(std::size_t bytes, std::size_t alignment) {
  void* block = nullptr;
  if (std::has_single_bit(alignment))
    block = cistern_je_mallocx(detail::nonzero(bytes), detail::jemalloc_alignment(alignment) | flags_);
  if (block == nullptr) throw std::bad_alloc();
  return detail::taken(block);
}

void jemalloc_arena::do_deallocate(void* block, std::size_t bytes, std::size_t alignment) {
  if (block == nullptr) return;
  cistern_je_sdallocx(detail::given(block), detail::nonzero(bytes),
                      detail::jemalloc_alignment(alignment) | no_thread_cache);
}

}  // namespace cistern::inline v0
