// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>

namespace cistern::inline v0 {

/// Which block sizes a pool keeps: an ascending list of sizes, the classes, numbered from 0.
///
/// `index_up(bytes)` is the smallest class that holds `bytes`: what to take for a request. `index_down(capacity)` is
/// the largest class that fits into `capacity`: where to keep a block of that capacity. So a block is never filed
/// under a class that is larger than it. Both return count() when there is no such class: the request is larger than
/// largest(), or the capacity smaller than smallest(). Zero bytes need the smallest class; a capacity above largest()
/// belongs to the last class, and whether to keep so large a block is the caller's decision. `size_of(index)` needs
/// an index below count().
///
/// Models are values, constant after construction and so safe to share between threads. Their lookups divide nothing
/// and allocate nothing, and all of it works in constant expressions.
template <class M>
concept size_class_map = std::copyable<M> && requires(const M& map, std::size_t number) {
  { map.count() }
  noexcept->std::same_as<std::size_t>;
  { map.smallest() }
  noexcept->std::same_as<std::size_t>;
  { map.largest() }
  noexcept->std::same_as<std::size_t>;
  { map.size_of(number) }
  noexcept->std::same_as<std::size_t>;
  { map.index_up(number) }
  noexcept->std::same_as<std::size_t>;
  { map.index_down(number) }
  noexcept->std::same_as<std::size_t>;
};

/// The first class and the last one, in bytes.
struct size_class_range {
  std::size_t smallest = 16;
  std::size_t largest = std::size_t{32} * 1024;
};

namespace detail {

/// The unbounded table behind four_per_doubling: its classes from 16 bytes up, by number.
///
/// Cut into units of 16 bytes, numbers below 8 are the classes themselves. Above, the three highest bits of the number
/// tell the class, and how far they must be shifted tells the group of four it lies in.
struct quarter_steps {
  static constexpr std::size_t unit_bits = 4;

  static constexpr std::size_t index_of_units(std::size_t units) noexcept {
    // bit_width(units | 4) - 3, written so that it is one instruction.
    const auto shift = static_cast<std::size_t>(63 ^ std::countl_zero(std::uint64_t{units | 4})) - 2;
    return 4 * shift + (units >> shift);
  }
  /// The smallest class above `bytes`.
  static constexpr std::size_t index_above(std::size_t bytes) noexcept { return index_of_units(bytes >> unit_bits); }
  /// The smallest class not below `bytes`.
  static constexpr std::size_t index_up(std::size_t bytes) noexcept {
    return index_above(bytes - static_cast<std::size_t>(bytes != 0));
  }
  static constexpr std::size_t size_of(std::size_t index) noexcept {
    const std::size_t shift = std::max<std::size_t>(index / 4, 1) - 1;
    return (index - 4 * shift + 1) << (shift + unit_bits);
  }

  static constexpr std::size_t bits = sizeof(std::size_t) * 8;
  /// The largest class whose size is a number.
  static constexpr std::size_t largest = std::size_t{1} << (bits - 1);
  /// One more than the index of SIZE_MAX.
  static constexpr std::size_t count = 4 * (bits - unit_bits - 3) + 8;
};

[[noreturn]] inline void bad_size_classes(const std::string& what) {
  throw std::invalid_argument("cistern: size classes: " + what);
}

constexpr void check_range(const size_class_range& range) {
  if (range.smallest > range.largest)
    bad_size_classes("smallest (" + std::to_string(range.smallest) + ") is above largest (" +
                     std::to_string(range.largest) + ")");
}

}  // namespace detail

/// Four classes for each doubling: 16, 32, 48, 64, 80, 96, 112, 128, then 160, 192, 224, 256, then 320 and so on.
///
/// The table of jemalloc (whose 8-byte class is left out: such a block is not aligned for every type), and what
/// mimalloc and snmalloc use too; 40 classes up to 32 KiB. Over all sizes 7.7 % of the memory is waste on average, and
/// above 128 bytes at most 20 % of a block (size_classes_test computes both). The choice for a general pool.
class four_per_doubling {
 public:
  /// Throws std::invalid_argument when an end of the range is not a class of this table.
  constexpr explicit four_per_doubling(const size_class_range& range = {})
      : smallest_(range.smallest), largest_(range.largest) {
    for (const std::size_t size : {range.smallest, range.largest}) {
      const std::size_t next = table::size_of(table::index_up(std::min(size, table::largest)));
      if (next != size)
        detail::bad_size_classes(std::to_string(size) + " is not one of four per doubling; take " +
                                 std::to_string(next));
    }
    detail::check_range(range);
    first_ = table::index_up(smallest_);
    count_ = table::index_up(largest_) - first_ + 1;
  }

  constexpr std::size_t count() const noexcept { return count_; }
  constexpr std::size_t smallest() const noexcept { return smallest_; }
  constexpr std::size_t largest() const noexcept { return largest_; }
  constexpr std::size_t size_of(std::size_t index) const noexcept { return table::size_of(index + first_); }

  constexpr std::size_t index_up(std::size_t bytes) const noexcept {
    if (bytes > largest_) return count_;
    return table::index_up(std::max(bytes, smallest_)) - first_;
  }
  constexpr std::size_t index_down(std::size_t capacity) const noexcept {
    if (capacity < smallest_) return count_;
    return table::index_above(std::min(capacity, largest_)) - 1 - first_;
  }

 private:
  using table = detail::quarter_steps;

  std::size_t smallest_, largest_;
  std::size_t first_ = 0;  // the smallest class's number in the unbounded table
  std::size_t count_ = 0;
};

/// Powers of two from smallest to largest, as in the bucket pool of vitess.
///
/// Half as many classes at most, and so fewer idle blocks, for 25 % of waste on average and 50 % at worst
/// (size_classes_test computes both). Good for byte buffers that grow by doubling.
class powers_of_two {
 public:
  /// Throws std::invalid_argument when an end of the range is not a power of two.
  constexpr explicit powers_of_two(const size_class_range& range = {})
      : smallest_(range.smallest), largest_(range.largest) {
    for (const std::size_t size : {range.smallest, range.largest})
      if (!std::has_single_bit(size)) detail::bad_size_classes(std::to_string(size) + " is not a power of two");
    detail::check_range(range);
    first_ = width(smallest_ - 1);
    count_ = width(largest_ - 1) - first_ + 1;
  }

  constexpr std::size_t count() const noexcept { return count_; }
  constexpr std::size_t smallest() const noexcept { return smallest_; }
  constexpr std::size_t largest() const noexcept { return largest_; }
  constexpr std::size_t size_of(std::size_t index) const noexcept { return smallest_ << index; }

  constexpr std::size_t index_up(std::size_t bytes) const noexcept {
    if (bytes > largest_) return count_;
    return width(std::max(bytes, smallest_) - 1) - first_;
  }
  constexpr std::size_t index_down(std::size_t capacity) const noexcept {
    if (capacity < smallest_) return count_;
    return width(std::min(capacity, largest_)) - 1 - first_;
  }

 private:
  static constexpr std::size_t width(std::size_t bytes) noexcept {
    return static_cast<std::size_t>(std::bit_width(bytes));
  }

  std::size_t smallest_, largest_;
  std::size_t first_ = 0;  // the smallest class's logarithm
  std::size_t count_ = 0;
};

/// Classes of one's own: `constexpr size_class_table sizes{{24, 64, 1500, 9000}};`
///
/// For programs that know their sizes (network frames, pages of a file format). A lookup takes four_per_doubling's
/// class of the size as a first guess and steps up from there, once or twice unless many classes lie close together.
/// About 1.3 KiB: share one, do not copy it into every block.
class size_class_table {
 public:
  static constexpr std::size_t max_count = 128;

  /// Throws std::invalid_argument when the list is empty or longer than max_count, when it holds a zero, or when it
  /// does not ascend.
  constexpr explicit size_class_table(std::span<const std::size_t> sizes) : count_(sizes.size()) {
    check(sizes);
    std::ranges::copy(sizes, sizes_.begin());
    // Class 0 of the guesses begins at 0 bytes; every other one begins after the size of the one before it.
    std::size_t index = 0;
    for (std::size_t guess = 0; guess < first_.size(); ++guess) {
      const std::size_t below = guess == 0 ? 0 : guesses::size_of(guess - 1);
      while (index + 1 < count_ && sizes_[index] <= below) ++index;
      first_[guess] = static_cast<std::uint8_t>(index);
    }
  }
  template <std::size_t N>
  constexpr explicit size_class_table(const std::size_t (&sizes)[N])
      : size_class_table(std::span<const std::size_t>(sizes)) {}

  /// The same classes as those of a map of another kind. Throws std::invalid_argument when they are more than
  /// max_count.
  template <class Map>
  requires(!std::same_as<Map, size_class_table> && size_class_map<Map>) constexpr size_class_table(
      const Map& map)  // NOLINT(google-explicit-constructor): where a table is asked for
      : size_class_table(list(map), map.count()) {}

  constexpr std::size_t count() const noexcept { return count_; }
  constexpr std::size_t smallest() const noexcept { return sizes_[0]; }
  constexpr std::size_t largest() const noexcept { return sizes_[count_ - 1]; }
  constexpr std::size_t size_of(std::size_t index) const noexcept { return sizes_[index]; }

  constexpr std::size_t index_up(std::size_t bytes) const noexcept {
    if (bytes > largest()) return count_;
    std::size_t index = first_[guesses::index_up(bytes)];
    while (sizes_[index] < bytes) ++index;
    return index;
  }
  constexpr std::size_t index_down(std::size_t capacity) const noexcept {
    if (capacity < smallest()) return count_;
    if (capacity >= largest()) return count_ - 1;
    return index_up(capacity + 1) - 1;
  }

 private:
  using guesses = detail::quarter_steps;

  constexpr size_class_table(const std::array<std::size_t, max_count>& sizes, std::size_t count)
      : size_class_table(std::span<const std::size_t>(sizes).first(count)) {}

  template <class Map>
  static constexpr std::array<std::size_t, max_count> list(const Map& map) {
    if (map.count() > max_count)
      detail::bad_size_classes(std::to_string(map.count()) + " sizes are too many; at most " +
                               std::to_string(max_count));
    std::array<std::size_t, max_count> sizes{};
    for (std::size_t i = 0; i < map.count(); ++i) sizes[i] = map.size_of(i);
    return sizes;
  }

  static constexpr void check(std::span<const std::size_t> sizes) {
    if (sizes.empty()) detail::bad_size_classes("the list is empty");
    if (sizes.size() > max_count)
      detail::bad_size_classes(std::to_string(sizes.size()) + " sizes are too many; at most " +
                               std::to_string(max_count));
    if (sizes.front() == 0) detail::bad_size_classes("0 is not a size");
    for (std::size_t i = 1; i < sizes.size(); ++i)
      if (sizes[i] <= sizes[i - 1])
        detail::bad_size_classes("the sizes must ascend, but " + std::to_string(sizes[i]) + " follows " +
                                 std::to_string(sizes[i - 1]));
  }

  std::size_t count_;
  std::array<std::size_t, max_count> sizes_{};
  std::array<std::uint8_t, guesses::count> first_{};  // for each guess, the smallest class that it may be
};

static_assert(size_class_map<four_per_doubling>);
static_assert(size_class_map<powers_of_two>);
static_assert(size_class_map<size_class_table>);

}  // namespace cistern::inline v0
