// SPDX-License-Identifier: MIT
//
// byte_buffer against std::string: the first byte chooses the memory resource, all others are operations on one of two
// buffers. After each a buffer holds what its string holds; under AddressSanitizer nothing else is touched.
#include "failing_upstream.hpp"
#include "fuzz_input.hpp"
#include <cistern/allocators/backend_resource.hpp>
#include <cistern/allocators/system_backend.hpp>
#include <cistern/pools/bucket_pool.hpp>
#include <cistern/pools/byte_buffer.hpp>
#include <cistern/pools/byte_buffer_io.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace {

using cistern::bucket_pool;
using cistern::byte_block;
using cistern::byte_buffer;
using cistern::fuzz::failing_upstream;
using cistern::fuzz::input;
using cistern::fuzz::require;

/// One of each kind that grows in its own way; its memory may end.
class memory {
 public:
  explicit memory(std::size_t kind) {
    cistern::pool_options options{
        .upstream = &upstream, .max_bytes = std::size_t{4} << 20, .clock = nullptr, .background = false};
    switch (kind % 6) {
      case 0:  // nothing comes from its upstream any more
        chosen = &lasting();
        break;
      case 1:
        chosen = &upstream;
        break;
      case 2:
        chosen = &backend;
        break;
      case 3:
        options.canaries = true;
        chosen = &pool.emplace(options);
        break;
      case 4:
        options.pass_through = true;
        chosen = &pool.emplace(options);
        break;
      default:
        chosen = &pool.emplace(options);
    }
  }

  static bucket_pool& lasting() {
    static bucket_pool one({.clock = nullptr, .background = false});
    return one;
  }

  failing_upstream upstream;
  cistern::basic_backend_resource<cistern::system_backend> backend;
  std::optional<bucket_pool> pool;
  std::pmr::memory_resource* chosen = nullptr;
};

struct pipe_ends {
  int both[2] = {-1, -1};
  pipe_ends() { require(pipe2(both, O_CLOEXEC | O_NONBLOCK) == 0, "there is a pipe"); }
  pipe_ends(const pipe_ends&) = delete;
  pipe_ends& operator=(const pipe_ends&) = delete;
  ~pipe_ends() {
    close(both[0]);
    close(both[1]);
  }
};

class session {
 public:
  explicit session(input& from) : in_(from), memory_(from.byte()) {
    for (pair& each : pairs_) each.buffer = byte_buffer(memory_.chosen);
  }
  void play() {
    while (!in_.empty()) step();
  }

 private:
  struct pair {
    byte_buffer buffer;
    std::string text;
    std::size_t most = 0;  // that it has held at once
  };

  void step();
  void read(pair& one);
  void write(pair& one);
  void take_block(pair& one);

  /// Does both, or neither when there is no memory.
  template <class Change, class Same>
  void both(pair& one, Change change, Same same) {
    try {
      change(one.buffer);
    } catch (const std::bad_alloc&) {
      return;
    }
    same(one.text);
  }
  void check(pair& one) {
    one.most = std::max(one.most, one.text.size());
    require(one.buffer.string_view() == one.text, "a buffer holds what its string holds");
    require(one.buffer.most_used() == one.most, "a buffer knows the most that it has held");
    require(one.buffer.size() + one.buffer.room() <= one.buffer.capacity(), "there is no more room than the block has");
    const std::span<std::byte> room = one.buffer.prepare(0);
    std::ranges::fill(room.first(std::min<std::size_t>(room.size(), 64)), std::byte{0xAA});
    std::ranges::fill(room.last(std::min<std::size_t>(room.size(), 64)), std::byte{0xAA});
  }

  // Often around a power of two or the room that there is.
  std::size_t size(const pair& one) {
    const std::size_t what = in_.byte(), fine = in_.below(4);
    if (what < 64) return what;
    if (what < 96) return one.buffer.room() - std::min(one.buffer.room(), std::size_t{1}) + fine;
    if (what < 128) return one.buffer.size() / (1 + fine);
    if (what < 250) return (std::size_t{1} << what % 14) + fine;
    return (std::size_t{1} << (14 + what % 3)) + fine;
  }
  std::size_t position(const pair& one) {
    const std::size_t where = in_.byte();
    return where < 64 ? std::min(where, one.text.size()) : one.text.size() * (where - 64) / 191;
  }
  std::string_view fresh(std::size_t bytes) {
    static const std::string pattern = [] {
      std::string made(2 * most_bytes, ' ');
      for (std::size_t i = 0; i < made.size(); ++i) made[i] = static_cast<char>(i * 7 + i / 251);
      return made;
    }();
    const std::size_t from = count_++ % 1000;
    return std::string_view(pattern).substr(from, std::min(bytes, most_bytes));
  }

  static constexpr std::size_t most_bytes = std::size_t{64} << 10;

  input& in_;
  memory memory_;
  std::array<pair, 2> pairs_;
  pipe_ends pipe_;
  std::string in_pipe_;
  std::size_t count_ = 0;
};

void session::step() {
  const std::size_t what = in_.byte();
  pair& one = pairs_[what / 128];
  if (one.buffer.capacity() > 4 * most_bytes) {
    one.buffer = byte_buffer(memory_.chosen);
    one.text.clear();
    one.most = 0;
  }
  switch (what % 32) {
    case 0:
    case 1:
    case 2:
    case 3: {
      const std::string_view more = fresh(size(one));
      both(
          one, [&](byte_buffer& to) { to.append(more); }, [&](std::string& to) { to.append(more); });
      break;
    }
    case 4: {
      const std::size_t from = position(one), bytes = size(one);
      both(
          one, [&](byte_buffer& to) { to.append(to.string_view().substr(from, bytes)); },
          [&](std::string& to) { to.append(std::string(to), from, bytes); });
      break;
    }
    case 5: {
      const std::size_t bytes = size(one);
      both(
          one, [&](byte_buffer& to) { to.append(bytes, 'r'); }, [&](std::string& to) { to.append(bytes, 'r'); });
      break;
    }
    case 6:
      both(
          one, [](byte_buffer& to) { to.push_back('p'); }, [](std::string& to) { to.push_back('p'); });
      break;
    case 7: {
      const auto number = static_cast<std::int64_t>(in_.two_bytes() << in_.below(48)) * (in_.below(2) != 0 ? -1 : 1);
      const int base = 2 + static_cast<int>(in_.below(35));
      char digits[70];
      const std::string written(digits, std::to_chars(digits, digits + sizeof digits, number, base).ptr);
      const std::size_t at = position(one);
      if (in_.below(2) != 0)
        both(
            one, [&](byte_buffer& to) { to.append_number(number, base); }, [&](std::string& to) { to += written; });
      else
        both(
            one, [&](byte_buffer& to) { to.insert_number(at, number, base); },
            [&](std::string& to) { to.insert(at, written); });
      break;
    }
    case 8: {
      const int digits = static_cast<int>(in_.below(200));
      const double number = static_cast<double>(in_.two_bytes()) / 7;
      char text[300];
      const std::string written(text,
                                std::to_chars(text, text + sizeof text, number, std::chars_format::fixed, digits).ptr);
      both(
          one, [&](byte_buffer& to) { to.append_number(number, std::chars_format::fixed, digits); },
          [&](std::string& to) { to += written; });
      break;
    }
    case 9:
    case 10: {
      const std::size_t at = position(one);
      const std::string_view more = fresh(size(one));
      both(
          one, [&](byte_buffer& to) { to.insert(at, more); }, [&](std::string& to) { to.insert(at, more); });
      break;
    }
    case 11: {
      const std::size_t at = position(one), from = position(one), bytes = size(one);
      both(
          one, [&](byte_buffer& to) { to.insert(at, to.string_view().substr(from, bytes)); },
          [&](std::string& to) { to.insert(at, std::string(to), from, bytes); });
      break;
    }
    case 12: {
      const std::size_t at = position(one), bytes = size(one);
      both(
          one, [&](byte_buffer& to) { to.insert(at, bytes, 'i'); },
          [&](std::string& to) { to.insert(at, bytes, 'i'); });
      break;
    }
    case 13:
    case 14: {
      const std::size_t bytes = size(one);
      one.buffer.consume(bytes);
      one.text.erase(0, bytes);
      break;
    }
    case 15: {
      const std::size_t bytes = std::min(size(one), one.text.size());
      one.buffer.pop(bytes);
      one.text.resize(one.text.size() - bytes);
      break;
    }
    case 16: {
      const std::size_t at = position(one), bytes = size(one);
      one.buffer.erase(at, bytes);
      one.text.erase(at, bytes);
      break;
    }
    case 17: {
      const std::string_view text = fresh(size(one));
      both(
          one, [&](byte_buffer& to) { to.assign(text); }, [&](std::string& to) { to.assign(text); });
      break;
    }
    case 18: {
      const std::size_t from = position(one), bytes = size(one);
      both(
          one, [&](byte_buffer& to) { to.assign(to.string_view().substr(from, bytes)); },
          [&](std::string& to) { to = to.substr(from, bytes); });
      break;
    }
    case 19: {
      const std::size_t bytes = size(one);
      both(
          one, [&](byte_buffer& to) { to.resize(bytes); }, [&](std::string& to) { to.resize(bytes); });
      break;
    }
    case 20: {
      const std::size_t bytes = size(one);
      if (one.buffer.try_reserve(bytes))
        require(one.buffer.size() + one.buffer.room() >= bytes, "there is the room that was reserved");
      break;
    }
    case 21:
      one.buffer.shrink_to_fit();
      break;
    case 22:
      one.buffer.clear();
      one.text.clear();
      break;
    case 23: {
      const std::string_view more = fresh(size(one));
      both(
          one,
          [&](byte_buffer& to) {
            const std::span<std::byte> room = to.prepare(more.size());
            require(room.size() >= more.size(), "what is prepared is enough");
            std::ranges::copy(std::as_bytes(std::span(more)), room.begin());
            to.commit(more.size());
          },
          [&](std::string& to) { to += more; });
      break;
    }
    case 24:
      std::swap(pairs_[0], pairs_[1]);
      check(pairs_[0]);
      check(pairs_[1]);
      break;
    case 25:
      take_block(one);
      break;
    case 26:
    case 27:
      read(one);
      break;
    case 28:
      write(one);
      break;
    case 29: {
      const pair& other = pairs_[1 - what / 128];
      require((one.buffer <=> other.buffer) == (one.text <=> other.text), "buffers are ordered as strings");
      require((one.buffer == other.buffer) == (one.text == other.text), "buffers are equal as strings");
      break;
    }
    default:
      memory_.upstream.fail_after(0, in_.below(4));
  }
  check(one);
}

void session::read(pair& one) {
  const std::size_t held = one.text.size(), most = 1 + size(one);
  const bool all = in_.below(4) == 0;
  const cistern::transfer got =
      all ? cistern::read_all(pipe_.both[0], one.buffer) : cistern::read_some(pipe_.both[0], one.buffer, most);
  require(!got.end, "a pipe does not end that is open");
  require(one.buffer.size() == held + got.bytes, "what was read is in the buffer");
  require(got.bytes <= in_pipe_.size() && (all || got.bytes <= most), "no more is read than there is, and is wanted");
  require(got.error != std::errc::resource_unavailable_try_again || all || in_pipe_.empty(), "what there is, is read");
  one.text.append(in_pipe_, 0, got.bytes);
  in_pipe_.erase(0, got.bytes);
}

void session::write(pair& one) {
  const std::size_t middle = position(one);
  const std::array pieces = {iovec{one.buffer.data(), middle},
                             iovec{one.buffer.data() + middle, one.text.size() - middle}};
  const cistern::transfer done =
      in_.below(2) != 0 ? cistern::write_all(pipe_.both[1], pieces) : cistern::write_all(pipe_.both[1], one.buffer);
  require(done ? done.bytes == one.text.size() : done.bytes < one.text.size(), "all is written, or it is said");
  in_pipe_.append(one.text, 0, done.bytes);
  one.buffer.consume(done.bytes);
  one.text.erase(0, done.bytes);
}

void session::take_block(pair& one) {
  byte_block block = one.buffer.release();
  require(one.buffer.empty() && one.buffer.capacity() == 0, "nothing is left behind");
  require(block.size() == one.text.size(), "a block holds what the buffer held");
  one.most = 0;
  if (in_.below(2) != 0) {
    one.buffer = byte_buffer(std::move(block));
  } else {
    one.text.clear();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  input bytes({data, size});
  session(bytes).play();
  return 0;
}
