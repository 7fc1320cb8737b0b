// SPDX-License-Identifier: MIT
// Does a container keep what it holds when it cannot grow?
#include <cistern/allocators/fail_nth_resource.hpp>

#include <iostream>
#include <memory_resource>
#include <new>
#include <vector>

int main() {
  cistern::fail_nth_resource failing;
  std::pmr::vector<int> numbers({1, 2, 3}, &failing);

  failing.fail_next();
  try {
    numbers.reserve(1000);
  } catch (const std::bad_alloc&) {
    std::cout << "allocation " << failing.allocations() << " failed, and " << numbers.size() << " numbers are left\n";
  }
  numbers.reserve(1000);  // only that one failed
  return numbers == std::pmr::vector<int>{1, 2, 3} ? 0 : 1;
}
