// SPDX-License-Identifier: MIT
// Brings a malloc of its own: what is preloaded never serves it.
#include <cstddef>
#include <cstring>

namespace {
alignas(16) char heap[64u << 20];
std::size_t used = 0;

std::size_t& size_of(void* block) { return *reinterpret_cast<std::size_t*>(static_cast<char*>(block) - 16); }
}  // namespace

extern "C" {
void* malloc(std::size_t bytes) {
  const std::size_t whole = 16 + ((bytes + 15) & ~std::size_t{15});
  if (whole > sizeof heap - used) return nullptr;
  void* const block = heap + used + 16;
  used += whole;
  size_of(block) = bytes;
  return block;
}

void free(void* /*block*/) {}

void* calloc(std::size_t count, std::size_t size) {
  void* const block = malloc(count * size);
  return block != nullptr ? std::memset(block, 0, count * size) : nullptr;
}

void* realloc(void* block, std::size_t bytes) {
  void* const next = malloc(bytes);
  if (block != nullptr && next != nullptr) std::memcpy(next, block, size_of(block) < bytes ? size_of(block) : bytes);
  return next;
}
}

int main() {
  void* const block = malloc(100);
  std::memset(block, 1, 100);
  free(block);
}
