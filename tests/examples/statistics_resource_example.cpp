// SPDX-License-Identifier: MIT
// What does it take to build this map?
#include <cistern/allocators/statistics_resource.hpp>

#include <iostream>
#include <memory_resource>
#include <string>
#include <unordered_map>

int main() {
  cistern::statistics_resource counted;
  {
    std::pmr::unordered_map<int, std::pmr::string> names(&counted);
    for (int i = 0; i < 1000; ++i) names.emplace(i, "a name that is too long for the string itself");
    std::cout << to_string(counted.snapshot()) << '\n';
  }
  std::cout << to_string(counted.snapshot()) << '\n';
  return counted.snapshot().live_bytes == 0 ? 0 : 1;
}
