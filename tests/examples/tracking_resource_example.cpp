// SPDX-License-Identifier: MIT
// Who holds the memory, by the line that it was handed out for.
#include <cistern/allocators/tracking_resource.hpp>

#include <iostream>
#include <memory_resource>
#include <vector>

int main() {
  cistern::tracking_resource tracking(std::pmr::get_default_resource(), {.name = "server"});
  {
    std::pmr::vector<char> receive_buffer(4096, tracking.at());
    std::pmr::vector<int> sessions(10, tracking.at());
    std::cout << to_string(tracking.report());
  }
  return tracking.report().blocks == 0 ? 0 : 1;
}
