// SPDX-License-Identifier: MIT
#include <cistern/pools/learnt_sizes.hpp>

#include <charconv>
#include <cmath>
#include <stdexcept>

namespace cistern::inline v0 {
namespace {

constexpr std::string_view usual_word = " usual ", kept_word = " kept ";

[[noreturn]] void bad_line(std::size_t number, std::string_view line) {
  throw std::invalid_argument("cistern: learnt sizes: line " + std::to_string(number) +
                              " is neither \"site ... usual " +
                              "<bytes> kept <bytes>\" nor \"<bytes> <uses>\": " + std::string(line.substr(0, 80)));
}

template <class Number>
bool read(std::string_view text, Number& number) noexcept {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// From the end, for a site's name may hold anything but the end of a line.
bool read_site(std::string_view line, learnt_sizes& site) {
  constexpr std::string_view word = "site ";
  const std::size_t usual = line.rfind(usual_word), kept = line.rfind(kept_word);
  if (!line.starts_with(word) || usual == line.npos || kept == line.npos || kept < usual || usual + 1 < word.size())
    return false;
  const std::size_t from = usual + usual_word.size();
  if (kept < from || !read(line.substr(from, kept - from), site.usual_capacity) ||
      !read(line.substr(kept + kept_word.size()), site.largest_kept))
    return false;
  site.site = usual < word.size() ? "" : line.substr(word.size(), usual - word.size());
  return true;
}

bool read_bar(std::string_view line, learnt_sizes& site) {
  const std::size_t space = line.find(' ');
  learnt_sizes::bar bar{};
  if (space == line.npos || !read(line.substr(0, space), bar.bytes) || !read(line.substr(space + 1), bar.uses) ||
      !(bar.uses > 0) || !std::isfinite(bar.uses) || bar.bytes == 0 ||
      (!site.histogram.empty() && site.histogram.back().bytes >= bar.bytes))
    return false;
  site.histogram.push_back(bar);
  return true;
}

}  // namespace

std::string to_string(const std::vector<learnt_sizes>& sites) {
  std::string text;
  for (const learnt_sizes& site : sites) {
    text += "site ";
    for (const char each : site.site) text += each == '\n' ? ' ' : each;
    text += std::string(usual_word) + std::to_string(site.usual_capacity) + std::string(kept_word) +
            std::to_string(site.largest_kept) + '\n';
    for (const learnt_sizes::bar& bar : site.histogram) {
      char uses[32];
      const auto written = std::to_chars(uses, uses + sizeof uses, bar.uses);  // the shortest that reads the same
      text += std::to_string(bar.bytes) + ' ' + std::string(uses, written.ptr) + '\n';
    }
  }
  return text;
}

std::vector<learnt_sizes> parse_learnt_sizes(std::string_view text) {
  std::vector<learnt_sizes> sites;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
    if (line.empty()) continue;
    if (line.starts_with("site ")) {
      sites.emplace_back();
      if (!read_site(line, sites.back())) bad_line(number, line);
    } else if (sites.empty() || !read_bar(line, sites.back())) {
      bad_line(number, line);
    }
  }
  return sites;
}

}  // namespace cistern::inline v0
