// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>

namespace cistern::perf {

/// The size that the pools of std::pmr are asked for: a multiple of 16, as of any type that is aligned to 16. For 17 to
/// 24 bytes aligned to 16, libstdc++ 12 hands out blocks of its class of 24, which are aligned to 8 only.
constexpr std::size_t pmr_bytes(std::size_t bytes) noexcept { return (bytes + 15) & ~std::size_t{15}; }

inline std::string pmr_version() { return "libstdc++ " + std::to_string(_GLIBCXX_RELEASE); }

}  // namespace cistern::perf
