// SPDX-License-Identifier: MIT
//
// Design: nothing is written down about a block, so the length of its mapping must follow from its size and the policy
// alone, whether or not huge pages were to be had. Alignment and huge pages change where a block lies, not how long it
// is.
// Orders: all relaxed; the counters order nothing.
#include <cistern/allocators/pages_backend.hpp>
#include <cistern/allocators/sync.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include <sys/mman.h>
#include <unistd.h>

namespace cistern::inline v0 {
namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr int map_huge_2mb = 21 << 26;  // MAP_HUGE_2MB, which sys/mman.h does not have everywhere

struct counters {
  sync::atomic<std::size_t> mapped{0};
  sync::atomic<std::size_t> fallbacks{0};
};

constinit std::array<counters, 3> counted;  // by policy

counters& counters_of(page_policy policy) noexcept { return counted[static_cast<std::size_t>(policy)]; }

std::size_t page_size() noexcept {
  static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  return size;
}

bool wants_huge(page_policy policy, std::size_t bytes) noexcept {
  return policy != page_policy::normal && bytes >= huge_page;
}

// The length of the mapping of a block; 0 when there is no such length.
std::size_t length_of(page_policy policy, std::size_t bytes) noexcept {
  const std::size_t unit = policy == page_policy::explicit_huge && bytes >= huge_page ? huge_page : page_size();
  const std::size_t rounded = (std::max(bytes, std::size_t{1}) + unit - 1) & ~(unit - 1);
  return rounded >= bytes ? rounded : 0;
}

char* map(std::size_t length, int flags) noexcept {
  void* const address = mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  return address != MAP_FAILED ? static_cast<char*>(address) : nullptr;
}

// Often the first try is aligned as it comes; if not, a mapping is taken that has an aligned one within it.
char* map_aligned(std::size_t length, std::size_t alignment, int flags) noexcept {
  const auto misfit = [alignment](const char* at) { return reinterpret_cast<std::uintptr_t>(at) & (alignment - 1); };
  char* const first = map(length, flags);
  if (first == nullptr || misfit(first) == 0) return first;
  munmap(first, length);
  const std::size_t whole = length + alignment;
  if (whole < length) return nullptr;
  char* const start = map(whole, flags);
  if (start == nullptr) return nullptr;
  const std::size_t head = (alignment - misfit(start)) & (alignment - 1);
  if (head != 0) munmap(start, head);
  munmap(start + head + length, alignment - head);
  return start + head;
}

char* map_huge(page_policy policy, std::size_t length, std::size_t alignment) noexcept {
  counters& counter = counters_of(policy);
  if (policy == page_policy::explicit_huge) {
    char* const block = map_aligned(length, alignment, MAP_HUGETLB | map_huge_2mb);
    if (block != nullptr) return block;
  }
  char* const block = map_aligned(length, std::max(alignment, huge_page), 0);
  if (block == nullptr) return nullptr;
  const bool advised = madvise(block, length, MADV_HUGEPAGE) == 0;
  if (!advised || policy == page_policy::explicit_huge) counter.fallbacks.fetch_add(1, std::memory_order_relaxed);
  return block;
}

}  // namespace

void* pages_backend::allocate(std::size_t bytes, std::size_t alignment) const noexcept {
  const std::size_t length = length_of(policy_, bytes);
  if (length == 0 || !std::has_single_bit(alignment)) return nullptr;
  char* const block =
      wants_huge(policy_, bytes) ? map_huge(policy_, length, alignment) : map_aligned(length, alignment, 0);
  if (block != nullptr) counters_of(policy_).mapped.fetch_add(length, std::memory_order_relaxed);
  return block;
}

void pages_backend::deallocate(void* block, std::size_t bytes, std::size_t /*alignment*/) const noexcept {
  if (block == nullptr) return;
  const std::size_t length = length_of(policy_, bytes);
  // Fails when it would cut a mapping in two and the process has too many (vm.max_map_count): then the addresses are
  // lost and stay counted, but the memory goes back.
  if (munmap(block, length) == 0)
    counters_of(policy_).mapped.fetch_sub(length, std::memory_order_relaxed);
  else
    madvise(block, length, MADV_DONTNEED);
}

std::size_t pages_backend::good_size(std::size_t bytes) const noexcept {
  return std::max(bytes, length_of(policy_, bytes));
}

// The kernel refuses to lengthen explicit huge pages. It would shorten them to whole huge pages without a word, so a
// block does not change between those and ordinary ones.
bool pages_backend::try_resize(void* block, std::size_t old_bytes, std::size_t new_bytes,
                               std::size_t /*alignment*/) const noexcept {
  const std::size_t from = length_of(policy_, old_bytes), to = length_of(policy_, new_bytes);
  if (to == 0) return false;
  if (to == from) return true;
  if (policy_ == page_policy::explicit_huge && wants_huge(policy_, old_bytes) != wants_huge(policy_, new_bytes))
    return false;
  if (mremap(block, from, to, 0) == MAP_FAILED) return false;
  counters_of(policy_).mapped.fetch_add(to - from, std::memory_order_relaxed);  // modulo 2^64 also downwards
  return true;
}

backend_statistics pages_backend::statistics() const {
  const std::size_t mapped = counters_of(policy_).mapped.load(std::memory_order_relaxed);
  return {.live_bytes = mapped, .mapped_bytes = mapped, .resident_bytes = {}};
}

std::string_view pages_backend::name() const noexcept {
  constexpr std::array<std::string_view, 3> names{"pages", "pages-thp", "pages-huge"};
  return names[static_cast<std::size_t>(policy_)];
}

std::size_t pages_backend::fallbacks() const noexcept {
  return counters_of(policy_).fallbacks.load(std::memory_order_relaxed);
}

}  // namespace cistern::inline v0
