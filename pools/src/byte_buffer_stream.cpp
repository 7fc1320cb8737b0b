// SPDX-License-Identifier: MIT
#include <cistern/pools/byte_buffer_stream.hpp>

#include <cstddef>

namespace cistern::inline v0 {

byte_buffer_streambuf::~byte_buffer_streambuf() = default;
byte_ostream::~byte_ostream() = default;

byte_buffer_streambuf::int_type byte_buffer_streambuf::overflow(int_type character) {
  if (!traits_type::eq_int_type(character, traits_type::eof()))
    buffer_->push_back(traits_type::to_char_type(character));
  return traits_type::not_eof(character);
}

std::streamsize byte_buffer_streambuf::xsputn(const char* text, std::streamsize count) {
  if (count > 0) buffer_->append(text, static_cast<std::size_t>(count));
  return count;
}

byte_buffer_streambuf::pos_type byte_buffer_streambuf::seekoff(off_type offset, std::ios_base::seekdir from,
                                                               std::ios_base::openmode which) {
  if (offset != 0 || from == std::ios_base::beg || (which & std::ios_base::out) == 0) return pos_type(off_type(-1));
  return pos_type(static_cast<off_type>(buffer_->size()));
}

}  // namespace cistern::inline v0
