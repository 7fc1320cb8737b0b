// SPDX-License-Identifier: MIT
#include <atomic>
#include <cstdlib>
#include <new>

#include <failures/failing_new.hpp>
#include <gtest/gtest.h>

namespace {

enum class mode : std::uint8_t { off, transient, persistent };

std::atomic<mode> failing = mode::off;
std::atomic<std::int64_t> until_failure = 0;
std::atomic<std::uint64_t> failed = 0;
std::atomic<int> sparing = 0;

bool fails() {
  const mode now = failing.load();
  if (now == mode::off || sparing.load() != 0) return false;
  const std::int64_t left = until_failure.fetch_sub(1);
  const bool hit = now == mode::transient ? left == 1 : left <= 1;
  if (hit) ++failed;
  return hit;
}

void* take(std::size_t bytes) noexcept { return fails() ? nullptr : std::malloc(bytes != 0 ? bytes : 1); }

void* take_aligned(std::size_t bytes, std::align_val_t alignment) noexcept {
  const auto wanted = static_cast<std::size_t>(alignment);
  return fails() ? nullptr : std::aligned_alloc(wanted, (bytes + wanted - 1) / wanted * wanted);
}

void* or_throw(void* block) {
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

}  // namespace

void* operator new(std::size_t bytes) { return or_throw(take(bytes)); }
void* operator new[](std::size_t bytes) { return or_throw(take(bytes)); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return take(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept { return take(bytes); }
void* operator new(std::size_t bytes, std::align_val_t alignment) { return or_throw(take_aligned(bytes, alignment)); }
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return take_aligned(bytes, alignment);
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete[](void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }
void operator delete[](void* block, std::size_t) noexcept { std::free(block); }
void operator delete(void* block, std::align_val_t) noexcept { std::free(block); }
void operator delete(void* block, std::size_t, std::align_val_t) noexcept { std::free(block); }

namespace cistern::failures {

spared::spared() { ++sparing; }
spared::~spared() { --sparing; }

std::uint64_t every_new(const std::function<void()>& workload) {
  std::uint64_t points = 0;
  for (const mode how : {mode::transient, mode::persistent})
    for (std::int64_t nth = 1;; ++nth) {
      failed = 0;
      until_failure = nth;
      failing = how;
      try {
        workload();
      } catch (const std::bad_alloc&) {
      }
      failing = mode::off;
      if (failed == 0) break;
      ++points;
      if (testing::Test::HasFailure()) return points;
    }
  return points;
}

}  // namespace cistern::failures
