// SPDX-License-Identifier: MIT
// A buffer for output and one for input: JSON put together and sent by one end of a connection, and taken apart by
// lines at the other.
#define FMT_HEADER_ONLY  // so that no library of {fmt}'s is needed
#include <cistern/pools/byte_buffer.hpp>
#include <cistern/pools/byte_buffer_fmt.hpp>
#include <cistern/pools/byte_buffer_io.hpp>
#include <cistern/pools/byte_buffer_stream.hpp>

#include <cstddef>
#include <iomanip>
#include <iostream>
#include <string_view>

#include <sys/socket.h>
#include <unistd.h>

namespace {

using cistern::byte_buffer;

/// A JSON writer of some lines: all that it needs is the end of a buffer.
class json_object {
 public:
  explicit json_object(byte_buffer& to) : to_(to) { to_ += '{'; }
  void end() {
    if (to_.string_view().back() == ',') to_.pop(1);
    to_ += "}\n";
  }
  void add(std::string_view name, std::string_view text) {
    begin(name);
    quote(text);
    to_ += ',';
  }
  void add(std::string_view name, double number) {
    begin(name);
    to_.append_number(number);
    to_ += ',';
  }

 private:
  void begin(std::string_view name) {
    quote(name);
    to_ += ':';
  }
  void quote(std::string_view text) {
    to_ += '"';
    for (const char each : text) {
      if (each == '"' || each == '\\') to_ += '\\';
      to_ += each;
    }
    to_ += '"';
  }

  byte_buffer& to_;
};

}  // namespace

int main() {
  int ends[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 1;

  byte_buffer output;
  for (const int celsius : {-5, 20}) {
    json_object object(output);
    object.add("place", "the \"old\" town");
    object.add("celsius", celsius + 0.5);
    object.end();
  }
#if __has_include(<fmt/format.h>)
  cistern::format_to(output, "{{\"made by\":\"{:>5}\"}}\n", "fmt");
#endif
  cistern::byte_ostream(output) << "{\"made by\":" << std::quoted("a stream") << "}\n";
  std::cout << output.string_view();

  // What has gone over is consumed; had the socket been full, the rest would go later.
  const std::size_t bytes = output.size();
  const cistern::transfer sent = cistern::send_all(ends[1], output);
  output.consume(sent.bytes);
  close(ends[1]);

  // Whatever a read brings, lines are taken from the front.
  byte_buffer input;
  std::size_t lines = 0, read = 0;
  for (;;) {
    const cistern::transfer got = cistern::read_some(ends[0], input, 40);
    read += got.bytes;
    if (!got || got.end) break;
    for (std::size_t end; (end = input.string_view().find('\n')) != std::string_view::npos; input.consume(end + 1))
      ++lines;
  }
  close(ends[0]);
  std::cout << lines << " lines in a buffer of " << input.capacity() << " bytes\n";
  return sent && read == bytes && lines >= 3 && input.empty() && output.empty() ? 0 : 1;
}
