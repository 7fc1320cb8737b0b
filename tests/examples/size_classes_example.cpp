// SPDX-License-Identifier: MIT
// A block is taken from the class above and kept under the class below, so that it always fits.
#include <cistern/allocators/size_classes.hpp>

#include <iostream>

int main() {
  constexpr cistern::four_per_doubling general;
  constexpr cistern::powers_of_two buffers({.smallest = 1024, .largest = 16384});
  constexpr cistern::size_class_table frames{{64, 1500, 9000}};  // checked by the compiler

  std::cout << "1300 bytes come from a block of " << general.size_of(general.index_up(1300)) << ", "
            << buffers.size_of(buffers.index_up(1300)) << " or " << frames.size_of(frames.index_up(1300)) << '\n'
            << "a block of 1300 bytes is kept as one of " << general.size_of(general.index_down(1300)) << ", "
            << buffers.size_of(buffers.index_down(1300)) << " or " << frames.size_of(frames.index_down(1300)) << '\n';
  return general.index_up(40'000) == general.count() ? 0 : 1;  // none is so large
}
