// SPDX-License-Identifier: MIT
//
// buffer_pair <name>: nanoseconds of a use of a buffer, or of what the name says, beside what it is measured against.
#include "../../allocators/direct/pair.hpp"
#include <cistern/pools/bounded_pool.hpp>
#include <cistern/pools/byte_buffer_io.hpp>
#include <cistern/pools/byte_buffer_pool.hpp>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

namespace {

using cistern::bounded_pool;
using cistern::byte_buffer;
using cistern::byte_buffer_pool;
using cistern::perf::named_measure;
using cistern::perf::step_nanoseconds;
using cistern::perf::two_threads_nanoseconds;

constexpr std::size_t kib = 1024;
alignas(64) const char source[kib] = {};

// The compiler may not know what it is, nor that nobody uses it.
template <class Pointer>
[[gnu::always_inline]] inline Pointer seen(Pointer one) {
  asm volatile("" : "+r"(one) : : "memory");
  return one;
}

// ---- a buffer, 1 KiB written to it, and its put

double copying_1k() {
  alignas(64) static char to[kib];
  return step_nanoseconds([] {
    std::memcpy(seen(static_cast<char*>(to)), seen(static_cast<const char*>(source)), kib);
    seen(static_cast<char*>(to));
  });
}

[[gnu::always_inline]] inline void use_1k(byte_buffer_pool& pool) {
  byte_buffer buffer = pool.get();
  buffer.append(seen(static_cast<const char*>(source)), kib);
  seen(buffer.data());
}

double buffer_1k() {
  static byte_buffer_pool pool;
  return step_nanoseconds([] { use_1k(pool); });
}

double buffer_1k_two_threads() {
  static byte_buffer_pool pool;
  return two_threads_nanoseconds([] { use_1k(pool); });
}

// ---- growth, and pieces of 16 bytes

double copying_64k() {
  std::string to;
  to.reserve(64 * kib);
  return step_nanoseconds([&to] {
    to.clear();
    for (int i = 0; i < 64; ++i) to.append(seen(static_cast<const char*>(source)), kib);
    seen(to.data());
  });
}

double growing_to_64k() {
  return step_nanoseconds([] {
    byte_buffer to;
    for (int i = 0; i < 64; ++i) to.append(seen(static_cast<const char*>(source)), kib);
    seen(to.data());
  });
}

constexpr std::size_t pieces = 2048;

template <class Buffer>
double appending_16() {
  Buffer to;
  to.reserve(64 * kib);
  const auto length = *seen(&pieces) / 128;
  const double all = step_nanoseconds([&to, length] {
    to.clear();
    for (std::size_t i = 0; i < pieces; ++i) to.append(std::string_view(source, length));
    seen(to.data());
  });
  return all / pieces;
}

// ---- 64 KiB from a pipe; writing them counts for both

struct pipe_ends {
  pipe_ends() {
    if (pipe2(both, O_CLOEXEC) != 0 || fcntl(both[0], F_SETPIPE_SZ, 128 * kib) < 0) std::abort();
  }
  int both[2];
};

void fill(const pipe_ends& pipe) {
  static const std::string text(64 * kib, 'x');
  if (write(pipe.both[1], text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
}

double reading_into_array() {
  static const pipe_ends pipe;
  alignas(4096) static char array[64 * kib];
  return step_nanoseconds([] {
    fill(pipe);
    if (read(pipe.both[0], array, sizeof array) != sizeof array) std::abort();
    seen(static_cast<char*>(array));
  });
}

double reading_into_buffer() {
  static const pipe_ends pipe;
  static byte_buffer_pool pool;
  return step_nanoseconds([] {
    fill(pipe);
    byte_buffer buffer = pool.get(64 * kib);
    if (cistern::read_some(pipe.both[0], buffer, 64 * kib).bytes != 64 * kib) std::abort();
    seen(buffer.data());
  });
}

// ---- a pool with a fixed number

struct item {
  std::byte bytes[64];
};

[[gnu::always_inline]] inline void get_and_put(bounded_pool<item>& pool) {
  auto got = pool.get();
  seen(got.get());
}

double bounded() {
  static bounded_pool<item> pool(64);
  return step_nanoseconds([] { get_and_put(pool); });
}

double bounded_two_threads() {
  static bounded_pool<item> pool(64);
  return two_threads_nanoseconds([] { get_and_put(pool); });
}

constexpr named_measure entries[] = {
    {"memcpy-1k", copying_1k},
    {"buffer-1k", buffer_1k},
    {"buffer-1k-two-threads", buffer_1k_two_threads},
    {"string-64k", copying_64k},
    {"grow-64k", growing_to_64k},
    {"string-append-16", appending_16<std::string>},
    {"append-16", appending_16<byte_buffer>},
    {"read-array", reading_into_array},
    {"read-buffer", reading_into_buffer},
    {"bounded", bounded},
    {"bounded-two-threads", bounded_two_threads},
};

}  // namespace

int main(int argc, char** argv) { return cistern::perf::print_named("buffer_pair", entries, argc, argv); }
