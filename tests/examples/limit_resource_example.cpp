// SPDX-License-Identifier: MIT
// Two caches may use 64 KiB together, and the limit changes while they run.
#include <cistern/allocators/limit_resource.hpp>

#include <iostream>
#include <memory_resource>
#include <new>
#include <vector>

int main() {
  cistern::memory_budget budget(64 * 1024);
  cistern::limit_resource pictures(budget), texts(budget);

  std::pmr::vector<char> picture(40 * 1024, &pictures);
  try {
    std::pmr::vector<char> text(30 * 1024, &texts);
  } catch (const std::bad_alloc&) {
    std::cout << "refused: " << budget.limit() - budget.used() << " bytes are left\n";
  }

  budget.set_limit(128 * 1024);
  const std::pmr::vector<char> text(30 * 1024, &texts);
  std::cout << budget.used() << " bytes in use, " << budget.refusals() << " refusal\n";
}
