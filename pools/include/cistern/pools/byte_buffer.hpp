// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/pools/byte_block.hpp>
#include <cistern/pools/detail/buffer_home.hpp>

#include <algorithm>
#include <charconv>
#include <compare>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <iterator>
#include <limits>
#include <memory_resource>
#include <ranges>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

namespace cistern::inline v0 {

class byte_buffer_pool;
class slice;

namespace detail {

struct byte_buffer_io;

template <class T>
concept byte_like =
    std::same_as<T, std::byte> || std::same_as<T, char> || std::same_as<T, unsigned char> || std::same_as<T, char8_t>;
/// What std::to_chars writes in digits: not characters, nor bool.
template <class T>
concept written_number = std::floating_point<T> ||
    (std::integral<T> && !std::same_as<T, char> && !std::same_as<T, bool> && !std::same_as<T, char8_t> &&
     !std::same_as<T, wchar_t> && !std::same_as<T, char16_t> && !std::same_as<T, char32_t>);

}  // namespace detail

/// Bytes that are written at the end and read from the front, in one piece of memory that grows: the role of valyala's
/// ByteBuffer, of Asio's flat buffer and of a std::string for output.
///
/// Use it for what is read from and written to descriptors, and for texts that are put together. Not for many small
/// texts that stay (56 bytes, and nothing lies inside of them: std::string), nor where a block must not move (buffer).
///
/// Differences from its models: consumed bytes cost nothing until the room ends, and then what is left moves to the
/// front if that pays for itself; memory comes from a pool, and all of the pool's block is used; growing is checked for
/// overflow.
///
/// Threads: one at a time; any may destroy it. Lifetime: the memory resource outlives it, but for buffers of a
/// byte_buffer_pool. What changes the buffer, but
/// for consume(), pop() and commit(), may move its bytes: views, pointers and iterators end, as with std::vector. Move
/// assignment takes the block with its resource; a moved-from buffer is empty, and may be used.
///
/// Complexity: appending n bytes is amortised O(n), consuming O(1). Failure: what grows throws std::bad_alloc (or what
/// the resource throws), and std::length_error beyond max_size(); nothing has changed then. What is appended, inserted
/// or assigned may be a part of the buffer itself.
///
/// Example: tests/examples/byte_buffer_example.cpp. Descriptors: byte_buffer_io.hpp; streams: byte_buffer_stream.hpp;
/// {fmt}: byte_buffer_fmt.hpp; Asio: byte_buffer_asio.hpp.
class CISTERN_EXPORT byte_buffer {
 public:
  using value_type = std::byte;
  using size_type = std::size_t;
  using difference_type = std::ptrdiff_t;
  using reference = std::byte&;
  using const_reference = const std::byte&;
  using iterator = std::byte*;
  using const_iterator = const std::byte*;

  constexpr byte_buffer() noexcept = default;  ///< with memory of bucket_pool::process(); takes none yet
  constexpr explicit byte_buffer(std::pmr::memory_resource* resource) noexcept : resource_(resource) {}
  explicit byte_buffer(byte_block&& block) noexcept;  ///< goes on with what is in the block
  byte_buffer(byte_buffer&& other) noexcept { take(other); }
  byte_buffer& operator=(byte_buffer&& other) noexcept {
    if (this != &other) {
      give_back();
      take(other);
    }
    return *this;
  }
  ~byte_buffer() { give_back(); }

  std::byte* data() noexcept { return begin_; }
  const std::byte* data() const noexcept { return begin_; }
  std::size_t size() const noexcept { return static_cast<std::size_t>(end_ - begin_); }
  bool empty() const noexcept { return begin_ == end_; }
  std::byte* begin() noexcept { return begin_; }
  const std::byte* begin() const noexcept { return begin_; }
  std::byte* end() noexcept { return end_; }
  const std::byte* end() const noexcept { return end_; }
  std::byte& operator[](std::size_t index) noexcept { return begin_[index]; }
  const std::byte& operator[](std::size_t index) const noexcept { return begin_[index]; }
  std::span<std::byte> span() noexcept { return {begin_, size()}; }
  std::span<const std::byte> span() const noexcept { return {begin_, size()}; }
  std::string_view string_view() const noexcept { return {reinterpret_cast<const char*>(begin_), size()}; }

  /// Bytes of the block. What is consumed makes room only where moving the rest pays for itself.
  std::size_t capacity() const noexcept { return static_cast<std::size_t>(limit_ - block_); }
  /// Bytes that can be appended without moving anything.
  std::size_t room() const noexcept { return static_cast<std::size_t>(limit_ - end_); }
  static constexpr std::size_t max_size() noexcept { return std::numeric_limits<std::ptrdiff_t>::max(); }
  /// The most bytes that it has held at once, since it was made.
  std::size_t most_used() const noexcept { return std::max(most_used_, size()); }
  std::pmr::memory_resource* resource() const noexcept;

  // At the end.

  void append(std::span<const std::byte> bytes) { append(bytes.data(), bytes.size()); }
  void append(std::string_view text) { append(text.data(), text.size()); }
  /// Any others in a row: of a std::vector<char>, a std::array<std::uint8_t, 16>.
  template <std::ranges::contiguous_range Range>
  requires detail::byte_like<std::ranges::range_value_t<Range>> &&
      (!std::convertible_to<const Range&, std::string_view> &&
       !std::convertible_to<const Range&, std::span<const std::byte>>)void append(const Range& bytes) {
    append(std::ranges::data(bytes), std::ranges::size(bytes));
  }
  [[gnu::always_inline]] void append(const void* bytes, std::size_t count) {
    if (count > room()) [[unlikely]]
      return append_slow(bytes, count);
    std::byte* const at = end_;
    end_ = at + count;  // before the bytes, which could be its own for all that the compiler knows
    if (count > 1) [[likely]]
      std::memcpy(at, bytes, count);
    else if (count != 0)  // a call would cost more than the byte
      *at = *static_cast<const std::byte*>(bytes);
  }
  template <detail::byte_like Byte>
  void append(std::size_t count, Byte byte) {
    if (count > room()) [[unlikely]]
      grow(count);
    if (count != 0) std::memset(end_, static_cast<int>(byte), count);
    end_ += count;
  }
  template <detail::byte_like Byte>
  void append(Byte byte) {
    push_back(byte);
  }
  template <detail::byte_like Byte>
  void push_back(Byte byte) {
    if (end_ == limit_) [[unlikely]]
      grow(1);
    *end_++ = static_cast<std::byte>(byte);
  }

  /// In digits, as std::to_chars writes it; what else that takes may follow: a base, or a std::chars_format and a
  /// precision.
  template <detail::written_number Number, class... Format>
  void append_number(Number number, Format... format) {
    std::to_chars_result written = std::to_chars(chars(end_), chars(limit_), number, format...);
    for (std::size_t more = 32; written.ec != std::errc(); more *= 2) [[unlikely]] {
        grow(room() + more);
        written = std::to_chars(chars(end_), chars(limit_), number, format...);
      }
    end_ = reinterpret_cast<std::byte*>(written.ptr);
  }

  std::byte& front() noexcept { return *begin_; }
  const std::byte& front() const noexcept { return *begin_; }
  std::byte& back() noexcept { return *(end_ - 1); }
  const std::byte& back() const noexcept { return *(end_ - 1); }

  byte_buffer& operator+=(std::span<const std::byte> bytes) { return append(bytes), *this; }
  byte_buffer& operator+=(std::string_view text) { return append(text), *this; }
  template <detail::byte_like Byte>
  byte_buffer& operator+=(Byte byte) {
    return push_back(byte), *this;
  }

  /// Room for at least so many bytes behind the end, to be written to and then committed. What is in it is undefined;
  /// it is valid until the buffer changes.
  [[nodiscard]] std::span<std::byte> prepare(std::size_t count) {
    if (count > room()) [[unlikely]]
      grow(count);
    return {end_, room()};
  }
  /// Takes so many bytes that were written to what prepare() gave. More than there is room for ends the program.
  void commit(std::size_t count) noexcept {
    if (count > room()) [[unlikely]]
      committed_too_much();
    end_ += count;
  }

  // At the front, in between, and all of it.

  /// Takes so many from the front, or all there are.
  void consume(std::size_t count) noexcept {
    if (count >= size()) return clear();
    note_use();
    begin_ += count;
  }
  /// Takes so many from the end, or all there are.
  void pop(std::size_t count) noexcept {
    if (count >= size()) return clear();
    note_use();
    end_ -= count;
  }
  void clear() noexcept {
    note_use();
    begin_ = end_ = block_;
  }

  // Before the byte at `position`; std::out_of_range beyond the end. O(size() - position), and before the first byte
  // O(1) where so many are consumed.
  void insert(std::size_t position, std::span<const std::byte> bytes);
  void insert(std::size_t position, std::string_view text) { insert(position, std::as_bytes(std::span(text))); }
  template <detail::byte_like Byte>
  void insert(std::size_t position, std::size_t count, Byte byte) {
    std::byte* const gap = open_gap(position, count);
    if (count != 0) std::memset(gap, static_cast<int>(byte), count);
  }
  /// As append_number() writes it.
  template <detail::written_number Number, class... Format>
  void insert_number(std::size_t position, Number number, Format... format) {
    check(position);
    const std::size_t before = size();
    append_number(number, format...);
    bring_forward(position, size() - before);
  }
  /// Takes up to `count` bytes from `position` on.
  void erase(std::size_t position, std::size_t count);

  void assign(std::span<const std::byte> bytes);
  void assign(std::string_view text) { assign(std::as_bytes(std::span(text))); }

  /// New bytes are zero.
  void resize(std::size_t size);
  /// New bytes are whatever they are.
  void resize_for_overwrite(std::size_t size);

  // Memory.

  /// Has room() for what lacks to `total` bytes.
  void reserve(std::size_t total) {
    if (total > size() && total - size() > room()) grow_to(total);
  }
  [[nodiscard]] bool try_reserve(std::size_t total) noexcept;
  /// To the smallest block that holds what there is, if that can be had.
  void shrink_to_fit() noexcept;
  /// The bytes in their block; the buffer is empty then.
  [[nodiscard]] byte_block release() noexcept;

  // By bytes, as unsigned numbers.

  friend bool operator==(const byte_buffer& one, const byte_buffer& other) noexcept { return one == other.span(); }
  friend bool operator==(const byte_buffer& one, std::span<const std::byte> other) noexcept {
    return one.size() == other.size() && (other.empty() || std::memcmp(one.data(), other.data(), other.size()) == 0);
  }
  friend bool operator==(const byte_buffer& one, std::string_view other) noexcept {
    return one == std::as_bytes(std::span(other));
  }
  friend std::strong_ordering operator<=>(const byte_buffer& one, const byte_buffer& other) noexcept {
    return one <=> other.span();
  }
  friend std::strong_ordering operator<=>(const byte_buffer& one, std::span<const std::byte> other) noexcept {
    const std::size_t both = std::min(one.size(), other.size());
    const int order = both != 0 ? std::memcmp(one.data(), other.data(), both) : 0;
    return order != 0 ? order <=> 0 : one.size() <=> other.size();
  }
  friend std::strong_ordering operator<=>(const byte_buffer& one, std::string_view other) noexcept {
    return one <=> std::as_bytes(std::span(other));
  }

 private:
  friend class byte_buffer_pool;
  friend class slice;
  friend struct detail::byte_buffer_io;

  // A block of a pool of buffers, which wants it back.
  byte_buffer(std::byte* block, std::size_t capacity, std::pmr::memory_resource* resource,
              detail::buffer_home& home) noexcept
      : block_(block), begin_(block), end_(block), limit_(block + capacity), resource_(resource), home_(&home) {}

  static char* chars(std::byte* bytes) noexcept { return reinterpret_cast<char*>(bytes); }

  // Before each change that makes it smaller.
  void note_use() noexcept { most_used_ = most_used(); }

  // As one that is new.
  void take(byte_buffer& other) noexcept {
    block_ = std::exchange(other.block_, nullptr);
    begin_ = std::exchange(other.begin_, nullptr);
    end_ = std::exchange(other.end_, nullptr);
    limit_ = std::exchange(other.limit_, nullptr);
    most_used_ = std::exchange(other.most_used_, 0);
    resource_ = other.resource_;
    home_ = std::exchange(other.home_, nullptr);
    if (home_ != nullptr) other.resource_ = nullptr;  // the pool may go, and the other buffer may go on
  }

  // Where the block of a buffer that ends goes: the only place.
  void give_back() noexcept {
    if (home_ != nullptr)
      home_->put(block_, capacity(), most_used());
    else if (block_ != nullptr)
      deallocate();
  }

  // What follows is out of line.
  void leave_home() noexcept;                           // the block stays, and is the resource's
  byte_buffer with_same_home(std::size_t bytes) const;  // empty, with room for so many
  void deallocate() noexcept;                           // the block to the resource

  void append_slow(const void* bytes, std::size_t count);
  void grow(std::size_t count);     // room for so many bytes more
  void grow_to(std::size_t total);  // the same, to so many in all, and no more than that if another block is needed
  void move_to_front() noexcept;
  bool try_extend(std::size_t wanted) noexcept;  // in place, where the resource can
  void change_block(std::size_t wanted, std::size_t needed);
  void put_into(std::byte* block, std::size_t capacity) noexcept;

  bool holds(const void* address) const noexcept;
  void check(std::size_t position) const;
  std::byte* open_gap(std::size_t position, std::size_t count);
  void bring_forward(std::size_t position, std::size_t count) noexcept;  // the last bytes
  [[noreturn, gnu::cold]] static void committed_too_much() noexcept;

  // block_ <= begin_ <= end_ <= limit_; all nullptr while there is no block, and then there is no home. The block was
  // allocated from the resource with exactly capacity() bytes and the default alignment.
  std::byte* block_ = nullptr;
  std::byte* begin_ = nullptr;
  std::byte* end_ = nullptr;
  std::byte* limit_ = nullptr;
  std::size_t most_used_ = 0;                      // before the last time that it became smaller
  std::pmr::memory_resource* resource_ = nullptr;  // nullptr: bucket_pool::process()
  detail::buffer_home* home_ = nullptr;            // nullptr: the block goes back to the resource
};

}  // namespace cistern::inline v0

/// std::back_inserter(buffer) takes characters as well as bytes.
template <>
class std::back_insert_iterator<cistern::byte_buffer> {
 public:
  using iterator_category = std::output_iterator_tag;
  using value_type = void;
  using difference_type = std::ptrdiff_t;
  using pointer = void;
  using reference = void;
  using container_type = cistern::byte_buffer;

  constexpr explicit back_insert_iterator(cistern::byte_buffer& buffer) noexcept : container(&buffer) {}
  template <cistern::detail::byte_like Byte>
  back_insert_iterator& operator=(Byte byte) {
    container->push_back(byte);
    return *this;
  }
  constexpr back_insert_iterator& operator*() noexcept { return *this; }
  constexpr back_insert_iterator& operator++() noexcept { return *this; }
  constexpr back_insert_iterator operator++(int) noexcept { return *this; }

 protected:
  cistern::byte_buffer* container;  // NOLINT(readability-identifier-naming): as the standard names it
};
