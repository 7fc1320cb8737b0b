// SPDX-License-Identifier: MIT
// Tiers by exact size, as net/http has them for its writers (2 and 4 KiB) and for copying (32 KiB): a bucket_pool whose
// classes are these. What is larger comes from the upstream, and is counted.
#include <cistern/allocators/size_classes.hpp>
#include <cistern/pools/bucket_pool.hpp>

#include <cstddef>
#include <iostream>

int main() {
  cistern::bucket_pool tiers({.name = "http", .classes = cistern::size_class_table({2048, 4096, 32768})});
  for (const std::size_t wanted : {1500u, 2048u, 3000u, 32768u}) {
    const cistern::buffer got = tiers.get(wanted);
    std::cout << wanted << " bytes in a block of " << got.capacity() << '\n';
  }
  const cistern::buffer large = tiers.get(100'000);
  return tiers.statistics().large_gets == 1 ? 0 : 1;
}
