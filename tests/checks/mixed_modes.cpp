// SPDX-License-Identifier: MIT
// Uses a foreign backend. Compiled for a relinked archive where the backend comes behind a shim, or the other way
// round, it must not link: it would call data, or take code for an address.
#include HEADER

int main() { BACKEND::deallocate(BACKEND::allocate(64, 16), 64, 16); }
