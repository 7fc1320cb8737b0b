// SPDX-License-Identifier: MIT
#include "words.hpp"

#include "bad_input.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace cistern::compare {
namespace {

constexpr std::string_view blanks = " \t\n\r";

class word_splitter {
 public:
  explicit word_splitter(std::string_view line) : line_(line) {}

  std::vector<std::string> split() {
    for (at_ = 0; at_ < line_.size(); ++at_) take(line_[at_]);
    if (quote_ != '\0') throw bad_input(fmt::format("the quote {} is not closed in: {}", quote_, line_));
    end_word();
    return std::move(words_);
  }

 private:
  void take(char c) {
    if (c == '\\' && quote_ != '\'' && at_ + 1 < line_.size()) {
      add(line_[++at_]);
    } else if (quote_ != '\0') {
      if (c == quote_)
        quote_ = '\0';
      else
        add(c);
    } else {
      take_unquoted(c);
    }
  }

  void take_unquoted(char c) {
    if (c == '\'' || c == '"') {
      quote_ = c;
      in_word_ = true;  // '' is a word too
    } else if (blanks.find(c) != std::string_view::npos) {
      end_word();
    } else if (std::string_view("|&;<>").find(c) != std::string_view::npos) {
      throw bad_input(fmt::format("{} needs a shell; write sh -c '...' instead of: {}", c, line_));
    } else {
      add(c);
    }
  }

  void add(char c) {
    word_ += c;
    in_word_ = true;
  }

  void end_word() {
    if (in_word_) words_.push_back(std::move(word_));
    word_.clear();
    in_word_ = false;
  }

  std::string_view line_;
  std::size_t at_ = 0;
  char quote_ = '\0';
  bool in_word_ = false;
  std::string word_;
  std::vector<std::string> words_;
};

}  // namespace

std::string listed(std::span<const std::string> names, std::string_view last) {
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? fmt::format(" {} ", last) : ", ";
    text += names[i];
  }
  return text;
}

std::vector<std::string> split_words(std::string_view line) { return word_splitter(line).split(); }

std::string printable(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
  return text;
}

std::string wrapped(const std::string& text, std::size_t width, std::size_t indent) {
  std::string result;
  std::size_t at = 0, room = width;
  while (text.size() - at > room) {
    std::size_t cut = text.rfind(' ', at + room);
    if (cut == std::string::npos || cut <= at) cut = at + room;
    result += text.substr(at, cut - at) + "\n" + std::string(indent, ' ');
    at = text.find_first_not_of(' ', cut);
    if (at == std::string::npos) return result;
    room = width - indent;
  }
  return result + text.substr(at);
}

std::string last_line(std::string_view text, std::size_t limit) {
  const std::size_t end = text.find_last_not_of(blanks);
  if (end == std::string_view::npos) return {};
  text = text.substr(0, end + 1);
  const std::size_t start = text.find_last_of("\n\r");
  std::string line(start == std::string_view::npos ? text : text.substr(start + 1));
  line.resize(std::min(line.size(), limit));
  return printable(std::move(line));
}

}  // namespace cistern::compare
