// SPDX-License-Identifier: MIT
// Takes malloc's address in its code, which makes a stub of it in an executable that is not position independent.
#include <cstdlib>

int main() {
  void* (*volatile chosen)(std::size_t) = &std::malloc;
  std::free(chosen(100));
}
