// SPDX-License-Identifier: MIT
// One pool for the texts of a program: containers, buffers, and what it holds.
#include <cistern/pools/allocator.hpp>
#include <cistern/pools/bucket_pool.hpp>

#include <cstring>
#include <iostream>
#include <memory_resource>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

int main() {
  cistern::bucket_pool pool({.name = "texts", .max_bytes = std::size_t{64} << 20});

  {
    std::vector<int, cistern::allocator<int>> numbers(pool);  // no virtual call
    std::pmr::vector<std::pmr::string> lines(&pool);          // or as any memory resource
    for (int i = 0; i < 1000; ++i) {
      numbers.push_back(i);
      lines.emplace_back("a line that is too long to lie within its string");
    }

    cistern::buffer message = pool.get(100);  // puts itself back
    constexpr std::string_view text = "hello";
    std::memcpy(message.data(), text.data(), text.size());
    message.resize(text.size());
    const cistern::buffer sent = std::move(message);
    std::cout << sent.size() << " of " << sent.capacity() << " bytes\n" << to_string(pool.statistics()) << '\n';
  }

  pool.trim();  // what is idle would go by itself, within two ticks of the clock
  std::cout << pool.statistics().live << " bytes live\n";
  return pool.statistics().live == 0 ? 0 : 1;
}
