// SPDX-License-Identifier: MIT
// pool_under_valgrind <case>: uses a pool rightly, or touches a block that has been put.
#include <cistern/pools/bucket_pool.hpp>

#include <cstddef>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

namespace {

// On two threads, through magazines, the depot, spans and the upstream.
void use_rightly(cistern::bucket_pool& pool) {
  const auto work = [&pool] {
    std::vector<void*> blocks(500);
    for (std::size_t round = 0; round < 3; ++round) {
      for (std::size_t i = 0; i < blocks.size(); ++i) {
        blocks[i] = pool.allocate(i + 1);
        std::memset(blocks[i], 1, i + 1);
      }
      for (std::size_t i = 0; i < blocks.size(); ++i) pool.deallocate(blocks[i], i + 1);
      pool.trim();
    }
  };
  std::thread other(work);
  other.join();
  work();
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view wanted = argc > 1 ? argv[1] : "";
  cistern::bucket_pool pool;
  if (wanted == "correct_use") {
    use_rightly(pool);
    return 0;
  }
  auto* const block = static_cast<volatile unsigned char*>(pool.allocate(100));
  block[50] = 1;
  pool.deallocate(const_cast<unsigned char*>(block), 100);
  if (wanted == "read_after_put") return block[50] == 2 ? 1 : 0;
  if (wanted == "write_after_put") block[60] = 3;
  return 0;
}
