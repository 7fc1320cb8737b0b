// SPDX-License-Identifier: MIT
#include <cistern/pools/detail/block_pool.hpp>

#include <cstddef>
#include <cstdint>

#include <gtest/gtest.h>

namespace {

using cistern::detail::block_map;
using cistern::detail::block_starts;

TEST(block_starts, are_the_multiples_of_the_stride_below_the_number_of_blocks) {
  constexpr std::size_t strides[] = {16, 32, 48, 80, 112, 1008, 1024, 1040, 4096, 20480, 21504, 65536, 98304};
  for (const std::size_t stride : strides)
    for (const std::size_t blocks : {std::size_t{1}, std::size_t{2}, block_map::unit / stride, std::size_t{4096}}) {
      const block_starts starts = block_starts::of(stride, blocks);
      for (std::size_t offset = 0; offset < block_map::unit; ++offset)
        ASSERT_EQ(starts.begin_at(offset), offset % stride == 0 && offset / stride < blocks)
            << "stride " << stride << ", " << blocks << " blocks, offset " << offset;
    }
}

TEST(block_starts, are_nowhere_when_nobody_has_said) { EXPECT_FALSE(block_starts{}.begin_at(std::uint64_t{0})); }

}  // namespace
