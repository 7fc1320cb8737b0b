// SPDX-License-Identifier: MIT
#include "output_file.hpp"

#include "bad_input.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cistern::compare {
namespace {

mode_t usual_mode() {
  const mode_t mask = umask(0);
  umask(mask);
  return 0666 & ~mask;
}

void write_all(int file, const std::string& text, const std::string& path) {
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t written = ::write(file, text.data() + at, text.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw std::system_error(errno, std::generic_category(), "cannot write " + path);
    at += static_cast<std::size_t>(written);
  }
}

}  // namespace

output_file::output_file(std::string option, std::string path) : path_(std::move(path)) {
  const auto refuse = [&](const char* why) {
    throw bad_input(
        fmt::format("cannot write {} {}: {}; name a file in a folder that you can write", option, path_, why));
  };
  struct stat info {};
  const bool exists = stat(path_.c_str(), &info) == 0;
  if (path_.empty()) refuse("the name is empty");
  if (exists && S_ISDIR(info.st_mode)) refuse("it is a folder");
  if (exists && access(path_.c_str(), W_OK) != 0) refuse(std::strerror(errno));
  if (exists && !S_ISREG(info.st_mode)) {
    descriptor_ = open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    temporary_ = path_ + ".XXXXXX";
    descriptor_ = mkostemp(temporary_.data(), O_CLOEXEC);
    if (descriptor_ < 0) temporary_.clear();
  }
  if (descriptor_ < 0) refuse(std::strerror(errno));
}

output_file::output_file(output_file&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

output_file::~output_file() {
  if (descriptor_ >= 0) close(descriptor_);
  if (!temporary_.empty()) unlink(temporary_.c_str());
}

void output_file::write(const std::string& text) {
  write_all(descriptor_, text, path_);
  if (temporary_.empty()) return;
  if (fchmod(descriptor_, usual_mode()) != 0 || rename(temporary_.c_str(), path_.c_str()) != 0)
    throw std::system_error(errno, std::generic_category(), "cannot write " + path_);
  temporary_.clear();
}

}  // namespace cistern::compare
