// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/pools/byte_buffer.hpp>

#include <ios>
#include <ostream>
#include <streambuf>

namespace cistern::inline v0 {

/// Writes what a std::ostream prints to the end of a byte_buffer; each character is there at once, without a flush.
///
/// Only for output. tellp() is the buffer's size; there is no seeking. When there is no memory the stream's badbit is
/// set, as with any stream, and std::bad_alloc comes out only if its exceptions() say so. Threads: as the buffer's.
/// Lifetime: the buffer outlives it, and may be changed between two outputs.
class CISTERN_EXPORT byte_buffer_streambuf final : public std::streambuf {
 public:
  explicit byte_buffer_streambuf(byte_buffer& buffer) noexcept : buffer_(&buffer) {}
  ~byte_buffer_streambuf() override;

  byte_buffer& buffer() const noexcept { return *buffer_; }

 private:
  int_type overflow(int_type character) override;
  std::streamsize xsputn(const char* text, std::streamsize count) override;
  pos_type seekoff(off_type offset, std::ios_base::seekdir from, std::ios_base::openmode which) override;

  byte_buffer* buffer_;
};

/// A std::ostream that writes to the end of a byte_buffer: see byte_buffer_streambuf. For types that know only how to
/// print themselves; where time matters use append_number() or byte_buffer_fmt.hpp.
class CISTERN_EXPORT byte_ostream final : public std::ostream {
 public:
  explicit byte_ostream(byte_buffer& buffer) : std::ostream(nullptr), streambuf_(buffer) { rdbuf(&streambuf_); }
  ~byte_ostream() override;

  byte_buffer& buffer() const noexcept { return streambuf_.buffer(); }

 private:
  byte_buffer_streambuf streambuf_;
};

}  // namespace cistern::inline v0
