// SPDX-License-Identifier: MIT
#include "mimalloc_aligned.hpp"
#include <cistern/allocators/detail/sanitizer.hpp>
#include <cistern/allocators/fatal.hpp>
#include <cistern/allocators/mimalloc_backend.hpp>
#include <cistern/allocators/mimalloc_heap.hpp>
#include <cistern/allocators/sync.hpp>

#include <algorithm>

namespace cistern::inline v0 {
namespace {

// A number that no other thread has or has had. The address of a thread-local object would not do: threads that
// follow one another get the same. Relaxed: it orders nothing.
std::uint64_t this_thread_number() noexcept {
  static constinit sync::atomic<std::uint64_t> last{0};
  thread_local constinit std::uint64_t number = 0;
  if (number == 0) [[unlikely]]
    number = last.fetch_add(1, std::memory_order_relaxed) + 1;
  return number;
}

void* new_heap() {
  void* const heap = cistern_mi_heap_new();
  if (heap == nullptr) throw std::bad_alloc();
  return heap;
}

struct totals {
  std::size_t live = 0;
  std::size_t mapped = 0;
};

bool add_area(const void* /*heap*/, const cistern_mi_heap_area* area, void* /*block*/, std::size_t /*block_size*/,
              void* sums) noexcept {
  static_cast<totals*>(sums)->live += area->used * area->block_size;
  static_cast<totals*>(sums)->mapped += area->reserved;
  return true;
}

}  // namespace

mimalloc_heap::mimalloc_heap() : heap_(new_heap()), owner_(this_thread_number()) {}

mimalloc_heap::~mimalloc_heap() {
  check_thread("a mimalloc_heap was destroyed by a thread that did not make it; only its maker may, before it ends");
  detail::given_all();
  cistern_mi_heap_destroy(heap_);
}

void mimalloc_heap::reset() {
  check_thread("mimalloc_heap::reset() was called by a thread that did not make the heap; only its maker may");
  void* const fresh = new_heap();
  detail::given_all();
  cistern_mi_heap_destroy(heap_);
  heap_ = fresh;
}

backend_statistics mimalloc_heap::statistics() const {
  check_thread("mimalloc_heap::statistics() was called by a thread that did not make the heap; only its maker may");
  cistern_mi_heap_collect(heap_, false);  // takes in what other threads have freed
  totals sums;
  cistern_mi_heap_visit_blocks(heap_, false, &add_area, &sums);
  return {.live_bytes = sums.live, .mapped_bytes = sums.mapped, .resident_bytes = {}};
}

std::size_t mimalloc_heap::good_size(std::size_t bytes) const noexcept { return mimalloc_backend::good_size(bytes); }

std::size_t mimalloc_heap::usable_size(void* block) const noexcept { return mimalloc_backend::usable_size(block); }

bool mimalloc_heap::try_resize(void* block, std::size_t old_bytes, std::size_t new_bytes,
                               std::size_t alignment) noexcept {
  return mimalloc_backend::try_resize(block, old_bytes, new_bytes, alignment);
}

void mimalloc_heap::trim() noexcept {
  check_thread("mimalloc_heap::trim() was called by a thread that did not make the heap; only its maker may");
  cistern_mi_heap_collect(heap_, true);
}

std::string mimalloc_heap::version() const { return mimalloc_backend::version(); }

void* mimalloc_heap::do_allocate(std::size_t bytes, std::size_t alignment) {
  check_thread(
      "mimalloc_heap::allocate() was called by a thread that did not make the heap; only its maker may (any thread may "
      "deallocate)");
  void* block = nullptr;
  if (alignment <= alignof(std::max_align_t))
    block = cistern_mi_heap_malloc(heap_, std::max(bytes, alignment));  // mimalloc aligns to 16 from 16 bytes on
  else
    block = detail::mimalloc_aligned(
        [this](std::size_t size, std::size_t to) { return cistern_mi_heap_malloc_aligned(heap_, size, to); }, bytes,
        alignment);
  if (block == nullptr) throw std::bad_alloc();
  return detail::taken(block);
}

void mimalloc_heap::do_deallocate(void* block, std::size_t bytes, std::size_t alignment) {
  mimalloc_backend::deallocate(block, bytes, alignment);
}

void mimalloc_heap::check_thread(const char* message) const noexcept {
  if (this_thread_number() != owner_) [[unlikely]]
    detail::fatal(message);
}

}  // namespace cistern::inline v0
