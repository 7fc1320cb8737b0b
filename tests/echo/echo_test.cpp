// SPDX-License-Identifier: MIT
#include "echo_load.hpp"
#include "echo_server.hpp"
#include <cistern/pools/bucket_pool.hpp>
#include <cistern/pools/byte_buffer_pool.hpp>

#include <cstddef>
#include <thread>

#include <gtest/gtest.h>

namespace {

using cistern::byte_buffer_pool;
using cistern::echo::array_buffers;
using cistern::echo::echo_server;
using cistern::echo::load;
using cistern::echo::load_result;
using cistern::echo::pooled_buffers;
using cistern::echo::run_load;

constexpr std::size_t kib = 1024;

std::size_t live(const byte_buffer_pool& pool) {
  const cistern::pool_statistics now = pool.blocks().statistics();
  return now.live + now.large;
}

template <class Buffers>
load_result served(Buffers& buffers, load wanted) {
  echo_server<Buffers> server(buffers);
  wanted.port = server.port();
  const load_result result = run_load(wanted);
  server.finish();
  return result;
}

// Of everything a little: pieces, ends in the middle, and connections that have said half a message.
load everything() {
  return {.port = 0,
          .connections = 64,
          .idle = 16,
          .messages = 4000,
          .smallest = 1,
          .largest = 64 * kib,
          .in_pieces = true,
          .cut_off = 0.05};
}

template <class Buffers>
void serves_everything(Buffers& buffers) {
  const load wanted = everything();
  const load_result result = served(buffers, wanted);
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.messages, wanted.messages);
  EXPECT_EQ(result.resumed, wanted.idle);
  EXPECT_GT(result.cut_off, 100u);
}

TEST(echo, returns_every_byte_by_buffers_of_a_pool) {
  byte_buffer_pool pool;
  pooled_buffers buffers(pool);
  serves_everything(buffers);
  EXPECT_EQ(live(pool), 0u);
}

TEST(echo, returns_every_byte_by_arrays) {
  array_buffers<4 * kib> small;
  serves_everything(small);
  array_buffers<64 * kib, true> large;
  serves_everything(large);
}

// More than all socket buffers hold: the server must keep what the other side does not take yet.
TEST(echo, waits_for_a_side_that_does_not_take_what_is_sent_back) {
  byte_buffer_pool pool;
  pooled_buffers buffers(pool);
  const load_result result =
      served(buffers, {.port = 0, .connections = 8, .messages = 100, .smallest = 900 * kib, .largest = 1024 * kib});
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.messages, 100u);
  EXPECT_EQ(live(pool), 0u);
}

TEST(echo, serves_several_servers_from_one_pool) {
  byte_buffer_pool pool;
  const auto serve = [&pool] {
    pooled_buffers buffers(pool);
    load wanted = everything();
    wanted.messages = 1000;
    EXPECT_EQ(served(buffers, wanted).error, "");
  };
  std::thread other(serve);
  serve();
  other.join();
  EXPECT_EQ(live(pool), 0u);
}

TEST(echo, learns_the_size_of_messages) {
  byte_buffer_pool pool({.clock = nullptr});
  pooled_buffers buffers(pool);
  EXPECT_EQ(served(buffers, {.port = 0, .messages = 2000, .smallest = 15'000, .largest = 16'000}).error, "");
  pool.learn();
  EXPECT_EQ(pool.get().capacity(), 16 * kib);
}

// The arrays take the largest message by one call, which has 64 KiB.
constexpr std::size_t tenth_of_arrays = 64 * 64 * kib / 10;

TEST(echo, takes_a_tenth_of_the_memory_of_arrays_when_nine_of_ten_connections_are_idle) {
  byte_buffer_pool pool;
  pooled_buffers buffers(pool, true);
  const load wanted{.port = 0, .connections = 64, .idle = 58, .messages = 4000};
  const load_result result = served(buffers, wanted);
  EXPECT_EQ(result.error, "");
  EXPECT_EQ(result.resumed, wanted.idle);
  EXPECT_GE(buffers.peak_out(), 4 * kib);
  EXPECT_LE(buffers.peak(), tenth_of_arrays);
}

// Of each class of blocks that is used some lie idle, which does not depend on the number of connections.
TEST(echo, has_a_tenth_of_the_memory_of_arrays_out_whatever_the_sizes_are) {
  byte_buffer_pool pool;
  pooled_buffers buffers(pool, true);
  EXPECT_EQ(served(buffers, {.port = 0, .idle = 58, .messages = 4000, .smallest = 1, .largest = 64 * kib}).error, "");
  EXPECT_GE(buffers.peak_out(), 16 * kib);
  EXPECT_LE(buffers.peak_out(), tenth_of_arrays);
}

}  // namespace
