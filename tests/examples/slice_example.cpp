// SPDX-License-Identifier: MIT
// A request as HTTP has them, taken apart without a copy: its parts are slices of what was read, and outlive the buffer
// that it was read into.
#include <cistern/pools/byte_buffer_io.hpp>
#include <cistern/pools/byte_buffer_pool.hpp>
#include <cistern/pools/slice.hpp>

#include <algorithm>
#include <cstddef>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

namespace {

using cistern::slice;

/// Takes what comes before the mark off `text`, and the mark with it.
slice split_before(slice& text, std::string_view mark) {
  const std::size_t at = text.string_view().find(mark);
  if (at == std::string_view::npos) throw std::runtime_error("a request that is not whole");
  slice front = text.split_front(at);
  text.remove_prefix(mark.size());
  return front;
}

struct header {
  slice name, value;
};

struct request {
  slice method, target, body;
  std::vector<header> headers;

  slice value_of(std::string_view name) const {
    const auto found = std::ranges::find_if(headers, [&](const header& each) { return each.name == name; });
    return found != headers.end() ? found->value : slice();
  }
};

request parsed(slice text) {
  request result;
  slice line = split_before(text, "\r\n");
  result.method = split_before(line, " ");
  result.target = split_before(line, " ");
  for (line = split_before(text, "\r\n"); !line.empty(); line = split_before(text, "\r\n")) {
    slice name = split_before(line, ": ");
    result.headers.push_back({std::move(name), std::move(line)});
  }
  result.body = std::move(text);
  return result;
}

slice read_at_once(int socket, cistern::byte_buffer_pool& pool) {
  cistern::byte_buffer buffer = pool.get();
  if (!cistern::read_some(socket, buffer)) throw std::runtime_error("nothing can be read");
  return slice(std::move(buffer));  // the bytes stay where they are
}

}  // namespace

int main() {
  cistern::byte_buffer_pool pool({.name = "requests"});
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 1;
  const std::string form(3000, 'x');
  const std::string sent = "POST /forms/7 HTTP/1.1\r\nHost: example.org\r\nContent-Length: 3000\r\n\r\n" + form;
  if (!cistern::send_all(ends[1], std::as_bytes(std::span(sent)))) return 1;

  request one = parsed(read_at_once(ends[0], pool));
  close(ends[0]);
  close(ends[1]);
  std::cout << one.method.string_view() << ' ' << one.target.string_view() << " at "
            << one.value_of("Host").string_view() << ", " << one.body.size() << " bytes; " << one.body.use_count()
            << " slices share " << one.body.pinned() << " bytes\n";
  const bool right = one.method == "POST" && one.target == "/forms/7" && one.headers.size() == 2 && one.body == form;

  // Of it only the host is kept: eleven bytes that would keep the whole block.
  slice host = one.value_of("Host");
  one = {};
  const std::size_t pinned = host.pinned();
  const bool moved = host.compact();
  std::cout << host.string_view() << " kept " << pinned << " bytes, and " << host.pinned() << " by itself; "
            << pool.statistics().pinned << " of the pool's are pinned\n";
  return right && moved && host == "example.org" && host.use_count() == 1 && pinned > sent.size() &&
                 pool.statistics().pinned == host.pinned()
             ? 0
             : 1;
}
