// SPDX-License-Identifier: MIT
#include "scratch_folder.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

namespace cistern::compare {

scratch_folder::scratch_folder() {
  const char* const wanted = std::getenv("TMPDIR");
  const std::string parent = wanted != nullptr ? wanted : "";
  const bool usable = parent.starts_with('/') && parent.find_first_of(" \t:") == std::string::npos;
  path_ = (usable ? parent : "/tmp") + "/cistern-XXXXXX";
  if (mkdtemp(path_.data()) == nullptr)
    throw std::system_error(errno, std::generic_category(), "cannot make a temporary folder " + path_);
}

scratch_folder::~scratch_folder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace cistern::compare
