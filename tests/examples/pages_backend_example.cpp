// SPDX-License-Identifier: MIT
//
// A large buffer of huge pages, whose tail goes back to the system when it is not needed.
#include <cistern/allocators/pages_backend.hpp>

#include <cstdio>
#include <cstring>

int main() {
  constexpr std::size_t whole = std::size_t{64} << 20, part = std::size_t{8} << 20;
  const cistern::pages_backend pages(cistern::page_policy::transparent_huge);

  void* const buffer = pages.allocate(whole, 64);
  if (buffer == nullptr) return 1;
  std::memset(buffer, 1, part);
  std::size_t size = whole;
  if (pages.try_resize(buffer, size, part, 64)) size = part;
  std::printf("%zu bytes mapped, %zu blocks without huge pages\n", *pages.statistics().mapped_bytes, pages.fallbacks());
  pages.deallocate(buffer, size, 64);
}
