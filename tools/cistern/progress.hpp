// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdio>
#include <string_view>

namespace cistern::compare {

/// Says on a stream (standard error) how far a run is and how long it will take: on a terminal one line that is
/// rewritten, elsewhere a line every few seconds. The destructor leaves the cursor on an empty line.
class progress {
 public:
  explicit progress(std::FILE* to = stderr);
  ~progress();
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;

  /// `what` runs now, `done` of `all` steps are behind it, and `seconds_left` are expected to follow.
  void show(std::string_view what, std::size_t done, std::size_t all, double seconds_left);

  /// Takes the line off a terminal, so that other text can be written.
  void clear();

 private:
  std::FILE* to_;
  bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_{};
};

/// Columns of the terminal that a stream is on, at least 60; `otherwise` where it is none.
int columns(std::FILE* stream, int otherwise = 100);

}  // namespace cistern::compare
