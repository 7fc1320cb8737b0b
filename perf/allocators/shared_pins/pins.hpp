// SPDX-License-Identifier: MIT
#pragma once

/// Pins and unpins so many times, each pair in a call of its own, as it stands in a user's function. In the program and
/// in a shared library, from the same source.
extern "C" [[gnu::visibility("default")]] void cistern_pins(long count);
