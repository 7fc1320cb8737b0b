// SPDX-License-Identifier: MIT
// Fails, and says why on standard error.
#include <cstdio>

int main() {
  std::fputs("first line\nthe disk is on fire\n", stderr);
  return 3;
}
