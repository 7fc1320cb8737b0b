// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/source_site.hpp>

#include <cstdint>

namespace cistern::inline v0::detail {

/// The file and line where a task was submitted, in one word: user addresses of 64-bit Linux have 47 bits, and the line
/// takes the 16 above. A line beyond 65535, or an address with more bits (only a program that asks the kernel for such
/// mappings has them), gives no place.
class task_site {
 public:
  constexpr task_site() noexcept = default;
  task_site(const source_site& site) noexcept {  // NOLINT(google-explicit-constructor): a shorter form of the same
    const auto file = reinterpret_cast<std::uintptr_t>(site.file);
    if (file >> address_bits == 0 && site.line >> 16 == 0) word_ = file | static_cast<std::uint64_t>(site.line) << 48;
  }

  /// Without the function's name.
  source_site get() const noexcept {
    if (word_ == 0) return {};
    return {reinterpret_cast<const char*>(word_ & ((std::uint64_t{1} << address_bits) - 1)),
            static_cast<unsigned>(word_ >> 48)};
  }

  // As a word, for an atomic one.
  static task_site of_word(std::uint64_t word) noexcept {
    task_site site;
    site.word_ = word;
    return site;
  }
  std::uint64_t word() const noexcept { return word_; }

 private:
  static constexpr unsigned address_bits = 47;  // and one that is left for others (see crew::running_mark)
  std::uint64_t word_ = 0;
};

}  // namespace cistern::inline v0::detail
