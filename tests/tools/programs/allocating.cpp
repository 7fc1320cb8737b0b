// SPDX-License-Identifier: MIT
// A program that allocates by malloc and by operator new, holds 64 MiB at its peak, and ends well.
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

int main() {
  constexpr std::size_t peak = 64u << 20;
  void* const block = std::malloc(peak);
  if (block == nullptr) return EXIT_FAILURE;
  std::memset(block, 1, peak);
  std::free(block);
  std::vector<std::unique_ptr<std::string>> strings;
  for (int i = 0; i < 1000; ++i) strings.push_back(std::make_unique<std::string>(100, 'x'));
  return EXIT_SUCCESS;
}
