// SPDX-License-Identifier: MIT
//
// A main() for fuzz targets without libFuzzer: runs each file that it is given, and each in the folders it is given.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void run(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  const std::vector<char> text{std::istreambuf_iterator<char>(in), {}};
  const std::vector<std::uint8_t> bytes(text.begin(), text.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

}  // namespace

int main(int count, char** arguments) {
  int files = 0;
  for (int i = 1; i < count; ++i) {
    const std::filesystem::path what = arguments[i];
    if (!std::filesystem::is_directory(what)) {
      run(what);
      ++files;
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(what)) {
      std::fprintf(stderr, "%s\n", entry.path().c_str());
      run(entry.path());
      ++files;
    }
  }
  std::printf("replayed %d files\n", files);
  return files != 0 ? 0 : 1;
}
