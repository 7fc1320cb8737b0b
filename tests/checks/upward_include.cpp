// SPDX-License-Identifier: MIT
// Must not compile: cistern::allocators is all that this file depends on, and WHICH is of a module above it.
// With WHICH a header of allocators it must compile, so that the test does not pass for another reason.
#include WHICH

int main() {}
