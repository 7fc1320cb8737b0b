// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace cistern::compare {

/// A folder of our own for temporary files, removed with all that is in it by the destructor. Its path holds no blank
/// and no colon, which LD_PRELOAD would take for separators.
class scratch_folder {
 public:
  scratch_folder();  ///< throws std::system_error
  ~scratch_folder();
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;

  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

/// The whole of a file; empty when it cannot be read.
std::string read_file(const std::string& path);

}  // namespace cistern::compare
