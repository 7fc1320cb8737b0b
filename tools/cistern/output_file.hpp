// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace cistern::compare {

/// A file that is there whole or not at all: written beside its place and then renamed into it. The constructor finds
/// out whether that can be done, so that a long run does not end with nowhere to put its result. What is not a regular
/// file (/dev/stdout) is written directly.
class output_file {
 public:
  /// `option` is what the path was given to, for the error. Throws bad_input when it cannot be written.
  output_file(std::string option, std::string path);
  ~output_file();  ///< removes what was not written in full
  output_file(output_file&& other) noexcept;
  output_file& operator=(output_file&&) = delete;

  const std::string& path() const noexcept { return path_; }

  /// Once. Throws std::system_error.
  void write(const std::string& text);

 private:
  std::string path_;
  std::string temporary_;  ///< empty when written directly, or when done
  int descriptor_ = -1;
};

}  // namespace cistern::compare
