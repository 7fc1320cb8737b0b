// SPDX-License-Identifier: MIT
// What a byte_buffer costs, beside what it stands in for: a std::string with reserved room for what is appended, and
// read() into a static array for what is read.
#define FMT_HEADER_ONLY  // so that no library of {fmt}'s is needed
#include <cistern/pools/byte_buffer.hpp>
#include <cistern/pools/byte_buffer_fmt.hpp>
#include <cistern/pools/byte_buffer_io.hpp>
#include <cistern/pools/byte_buffer_stream.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

namespace {

using cistern::byte_buffer;

constexpr std::size_t kib = 1024;
const std::string source(64 * kib, 'x');

// Both have the same room, and are cleared when it has ended; pieces of a size that the compiler does not know.

template <class Buffer>
void appending(benchmark::State& state) {
  const std::string_view piece(source.data(), static_cast<std::size_t>(state.range(0)));
  Buffer buffer;
  buffer.reserve(64 * kib);
  for (auto _ : state) {
    buffer.clear();
    for (std::size_t done = 0; done < 32 * kib; done += piece.size()) buffer.append(piece);
    benchmark::DoNotOptimize(buffer.data());
    benchmark::ClobberMemory();
  }
  const auto pieces = (32 * kib + piece.size() - 1) / piece.size();
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(pieces));
}

template <class Buffer>
void appending_16_known_bytes(benchmark::State& state) {
  constexpr std::string_view piece = "0123456789abcdef";
  Buffer buffer;
  buffer.reserve(64 * kib);
  for (auto _ : state) {
    buffer.clear();
    for (std::size_t done = 0; done < 32 * kib; done += piece.size()) buffer.append(piece);
    benchmark::DoNotOptimize(buffer.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(32 * kib / 16));
}

template <class Buffer>
void pushing(benchmark::State& state) {
  Buffer buffer;
  buffer.reserve(64 * kib);
  for (auto _ : state) {
    buffer.clear();
    for (std::size_t done = 0; done < 4 * kib; ++done) buffer.push_back('x');
    benchmark::DoNotOptimize(buffer.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(4 * kib));
}

// From nothing to 64 KiB by 1 KiB, each time a new one.

template <class Buffer, bool reserved>
void growing(benchmark::State& state) {
  for (auto _ : state) {
    Buffer buffer;
    if (reserved) buffer.reserve(64 * kib);
    for (std::size_t done = 0; done < 64; ++done) buffer.append(std::string_view(source.data(), kib));
    benchmark::DoNotOptimize(buffer.data());
    benchmark::ClobberMemory();
  }
}

// The same, into a string that is there already.
void growing_of_none(benchmark::State& state) {
  std::string buffer;
  buffer.reserve(64 * kib);
  for (auto _ : state) {
    buffer.clear();
    for (std::size_t done = 0; done < 64; ++done) buffer.append(source.data(), kib);
    benchmark::DoNotOptimize(buffer.data());
    benchmark::ClobberMemory();
  }
}

struct pipe_ends {
  int both[2] = {-1, -1};
  pipe_ends() {
    if (pipe2(both, O_CLOEXEC) != 0 || fcntl(both[0], F_SETPIPE_SZ, 128 * kib) < 0) std::abort();
  }
  pipe_ends(const pipe_ends&) = delete;
  pipe_ends& operator=(const pipe_ends&) = delete;
  ~pipe_ends() {
    close(both[0]);
    close(both[1]);
  }
  void fill(std::size_t bytes) const {
    if (write(both[1], source.data(), bytes) != static_cast<ssize_t>(bytes)) std::abort();
  }
};

// What is put into the pipe counts for both.

void reading_into_array(benchmark::State& state) {
  alignas(64) static char array[64 * kib];
  const pipe_ends pipe;
  const auto bytes = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    pipe.fill(bytes);
    if (read(pipe.both[0], array, sizeof array) != state.range(0)) std::abort();
    benchmark::DoNotOptimize(array);
  }
}

void reading(benchmark::State& state) {
  const pipe_ends pipe;
  const auto bytes = static_cast<std::size_t>(state.range(0));
  byte_buffer buffer;
  buffer.reserve(64 * kib);
  for (auto _ : state) {
    pipe.fill(bytes);
    buffer.clear();
    if (cistern::read_some(pipe.both[0], buffer).bytes != bytes) std::abort();
    benchmark::DoNotOptimize(buffer.data());
  }
}

// Into a buffer that has no block yet: through a spare one.
void reading_into_new(benchmark::State& state) {
  const pipe_ends pipe;
  const auto bytes = static_cast<std::size_t>(state.range(0));
  for (auto _ : state) {
    pipe.fill(bytes);
    byte_buffer buffer;
    if (cistern::read_some(pipe.both[0], buffer).bytes != bytes) std::abort();
    benchmark::DoNotOptimize(buffer.data());
  }
}

// A line of a log, by each way of writing it.

template <class Write>
void lines(benchmark::State& state, Write write) {
  byte_buffer buffer;
  buffer.reserve(64 * kib);
  int number = 0;
  for (auto _ : state) {
    if (buffer.size() > 60 * kib) buffer.clear();
    ++number;
    write(buffer, number, 1.5 * number);
  }
}

void line_by_append(benchmark::State& state) {
  lines(state, [](byte_buffer& buffer, int number, double value) {
    buffer.append("line ");
    buffer.append_number(number);
    buffer.append(": ");
    buffer.append_number(value);
    buffer.push_back('\n');
  });
}
void line_by_stream(benchmark::State& state) {
  byte_buffer buffer;
  cistern::byte_ostream out(buffer);
  int number = 0;
  for (auto _ : state) {
    if (buffer.size() > 60 * kib) buffer.clear();
    ++number;
    out << "line " << number << ": " << 1.5 * number << '\n';
  }
}
void line_by_stringstream(benchmark::State& state) {
  std::ostringstream out;
  int number = 0;
  for (auto _ : state) {
    if (out.tellp() > 60'000) out.str({});
    ++number;
    out << "line " << number << ": " << 1.5 * number << '\n';
  }
}
#if __has_include(<fmt/format.h>)
void line_by_fmt(benchmark::State& state) {
  lines(state, [](byte_buffer& buffer, int number, double value) {
    cistern::format_to(buffer, "line {}: {}\n", number, value);
  });
}
void line_by_fmt_back_inserter(benchmark::State& state) {
  lines(state, [](byte_buffer& buffer, int number, double value) {
    fmt::format_to(std::back_inserter(buffer), "line {}: {}\n", number, value);
  });
}
void line_by_fmt_memory_buffer(benchmark::State& state) {
  fmt::basic_memory_buffer<char, 64 * kib> buffer;
  int number = 0;
  for (auto _ : state) {
    if (buffer.size() > 60 * kib) buffer.clear();
    ++number;
    fmt::format_to(fmt::appender(buffer), "line {}: {}\n", number, 1.5 * number);
  }
}
BENCHMARK(line_by_fmt);
BENCHMARK(line_by_fmt_back_inserter);
BENCHMARK(line_by_fmt_memory_buffer);
#endif

BENCHMARK(appending<std::string>)->Name("string_append")->Arg(1)->Arg(16)->Arg(100)->Arg(1024);
BENCHMARK(appending<byte_buffer>)->Name("append")->Arg(1)->Arg(16)->Arg(100)->Arg(1024);
BENCHMARK(appending_16_known_bytes<std::string>)->Name("string_append_16_known");
BENCHMARK(appending_16_known_bytes<byte_buffer>)->Name("append_16_known");
BENCHMARK(pushing<std::string>)->Name("string_push_back");
BENCHMARK(pushing<byte_buffer>)->Name("push_back");
BENCHMARK(growing_of_none)->Name("copy_into_string_there");
BENCHMARK(growing<std::string, true>)->Name("copy_into_string_reserved");
BENCHMARK(growing<byte_buffer, true>)->Name("copy_into_buffer_reserved");
BENCHMARK(growing<std::string, false>)->Name("string_grow");
BENCHMARK(growing<byte_buffer, false>)->Name("grow");
BENCHMARK(reading_into_array)->Arg(100)->Arg(65536);
BENCHMARK(reading)->Arg(100)->Arg(65536);
BENCHMARK(reading_into_new)->Arg(100)->Arg(65536);
BENCHMARK(line_by_append);
BENCHMARK(line_by_stream);
BENCHMARK(line_by_stringstream);

}  // namespace
