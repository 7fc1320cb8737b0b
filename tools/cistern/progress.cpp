// SPDX-License-Identifier: MIT
#include "progress.hpp"

#include "quantity.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace cistern::compare {
namespace {

constexpr std::chrono::milliseconds between_rewrites{100};
constexpr std::chrono::seconds between_lines{5};
constexpr const char* erase_line = "\r\x1b[K";

}  // namespace

progress::progress(std::FILE* to) : to_(to), terminal_(isatty(fileno(to)) == 1) {}

progress::~progress() { clear(); }

void progress::show(std::string_view what, std::size_t done, std::size_t all, double seconds_left) {
  const auto now = std::chrono::steady_clock::now();
  const auto wait = terminal_ ? std::chrono::duration_cast<std::chrono::milliseconds>(between_rewrites)
                              : std::chrono::duration_cast<std::chrono::milliseconds>(between_lines);
  if (shown_ && now - last_ < wait) return;
  shown_ = true;
  last_ = now;
  std::string line = fmt::format("{:>4} of {}, {} left  {}", done, all, duration_text(seconds_left), what);
  if (terminal_) {
    line.resize(std::min<std::size_t>(line.size(), static_cast<std::size_t>(columns(to_)) - 1));
    line.insert(0, erase_line);
  } else {
    line += '\n';
  }
  std::fputs(line.c_str(), to_);  // failing is no reason to stop
  std::fflush(to_);
}

void progress::clear() {
  if (terminal_ && shown_) {
    std::fputs(erase_line, to_);
    std::fflush(to_);
  }
  shown_ = false;
}

int columns(std::FILE* stream, int otherwise) {
  constexpr int least = 60;
  winsize size{};
  if (ioctl(fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return otherwise;
  return std::max<int>(least, size.ws_col);
}

}  // namespace cistern::compare
