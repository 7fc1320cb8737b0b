// SPDX-License-Identifier: MIT
//
// What the kernel counts against RLIMIT_MEMLOCK it counts for io_urings of who has not CAP_IPC_LOCK. So the tests give
// that up, on a thread of their own: capabilities are a thread's.
#include "uring_things.hpp"
#include <cistern/uring/uring_buffer_pool.hpp>

#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

using cistern::uring_buffer_pool;
using cistern::uring_tests::ends;
using cistern::uring_tests::fill;
using cistern::uring_tests::new_pipe;
using cistern::uring_tests::test_ring;

using testing::AllOf;
using testing::HasSubstr;

bool give_up_locking() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets{};
  if (syscall(SYS_capget, &header, sets.data()) != 0) return false;
  sets[0].effective &= ~(1U << CAP_IPC_LOCK);
  return syscall(SYS_capset, &header, sets.data()) == 0;
}

class lowered_limit {
 public:
  explicit lowered_limit(rlim_t bytes) {
    getrlimit(RLIMIT_MEMLOCK, &before_);
    const rlimit lower{bytes, before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_MEMLOCK, &lower), 0);
  }
  ~lowered_limit() { setrlimit(RLIMIT_MEMLOCK, &before_); }
  lowered_limit(const lowered_limit&) = delete;
  lowered_limit& operator=(const lowered_limit&) = delete;

 private:
  rlimit before_{};
};

template <class F>
void without_the_right_to_lock(rlim_t bytes, F&& test) {
  bool had_ring = true, gave_up = true;
  std::thread([&] {
    gave_up = give_up_locking();
    if (!gave_up) return;
    const lowered_limit limit(bytes);
    test_ring ring;
    had_ring = !ring.why_not();
    if (had_ring) test(ring);
  }).join();
  if (!gave_up) GTEST_SKIP() << "cannot give up CAP_IPC_LOCK";
  if (!had_ring) GTEST_SKIP() << "no io_uring without CAP_IPC_LOCK here";
}

TEST(uring_limits, of_locked_memory_refuse_the_registration_and_not_the_transfer) {
  without_the_right_to_lock(64 << 10, [](test_ring& ring) {
    uring_buffer_pool pool({.name = "large", .count = 16, .bytes = std::size_t{64} << 10});
    const auto refused = pool.register_with(ring.get());
    ASSERT_FALSE(refused);
    EXPECT_TRUE(refused.error == std::errc::not_enough_memory || refused.error == std::errc::operation_not_permitted);
    EXPECT_THAT(refused.message,
                AllOf(HasSubstr("uring pool \"large\": 16 buffers of 65536 bytes are not registered: "),
                      HasSubstr("They need 1024 KiB of locked memory, and RLIMIT_MEMLOCK allows 64 KiB"),
                      HasSubstr("ulimit -l 1024"), HasSubstr("make the pool smaller"), HasSubstr("CAP_IPC_LOCK"),
                      HasSubstr("The pool works on, with ordinary reads and writes.")));
    EXPECT_FALSE(pool.is_registered());

    const ends pipe = new_pipe();
    auto buffer = pool.get();
    fill(buffer.span(), 3);
    io_uring_sqe* const write = ring.entry();
    pool.prep_write(write, pipe.out, std::move(buffer), {.bytes = 1000});
    EXPECT_EQ(write->opcode, IORING_OP_WRITE);
    EXPECT_EQ(pool.completed(ring.submit_and_await()).result, 1000);
    io_uring_sqe* const read = ring.entry();
    auto other = pool.get(), into = pool.get();
    fill(other.span(), 3);
    std::memset(into.data(), 0, 1000);
    pool.prep_read(read, pipe.in, std::move(into));
    EXPECT_EQ(read->opcode, IORING_OP_READ);
    const auto done = pool.completed(ring.submit_and_await());
    EXPECT_EQ(done.result, 1000);
    EXPECT_EQ(std::memcmp(done.buffer.data(), other.data(), 1000), 0);
  });
}

TEST(uring_limits, count_whole_pages_for_buffers_below_one) {
  without_the_right_to_lock(64 << 10, [](test_ring& ring) {
    uring_buffer_pool pool({.count = 64, .bytes = 512});  // 32 KiB, but 64 times a page
    const auto refused = pool.register_with(ring.get());
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.message, HasSubstr("They need " + std::to_string(64 * sysconf(_SC_PAGESIZE) / 1024) + " KiB"));
  });
}

TEST(uring_limits, let_a_pool_register_that_fits) {
  without_the_right_to_lock(64 << 10, [](test_ring& ring) {
    uring_buffer_pool pool({.count = 4, .bytes = 4096});
    const auto registered = pool.register_with(ring.get());
    EXPECT_TRUE(registered) << registered.message;
  });
}

}  // namespace
