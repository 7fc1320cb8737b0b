// SPDX-License-Identifier: MIT
// Dies under every malloc but the C library's.
#include <cstdlib>
#include <string>

#include <dlfcn.h>

int main() {
  Dl_info info{};
  if (dladdr(dlsym(RTLD_DEFAULT, "malloc"), &info) == 0) return EXIT_FAILURE;
  if (std::string(info.dli_fname).find("libc.so") == std::string::npos) std::abort();
  return EXIT_SUCCESS;
}
