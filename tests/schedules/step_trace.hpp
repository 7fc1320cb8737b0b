// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace cistern::schedules {

/// The steps of one schedule in words, kept while `on`. Objects are called A, B, C in the order in which they appear.
class step_trace {
 public:
  void operation(std::size_t fibre, const char* what, const void* object) {
    if (!on) return;
    lines_.push_back("fibre " + std::to_string(fibre) + ": " + what);
    if (object != nullptr) lines_.back() += ' ' + name_of(object);
  }
  void result(std::uint64_t value) {
    if (on && !lines_.empty()) lines_.back() += " = " + std::to_string(value);
  }
  void result(const void* value) {
    if (on && !lines_.empty()) lines_.back() += " = " + (value != nullptr ? name_of(value) : "null");
  }
  std::string name_of(const void* object) {
    const std::size_t number = names_.try_emplace(object, names_.size()).first->second;
    return static_cast<char>('A' + number % 26) + (number < 26 ? "" : std::to_string(number / 26));
  }
  std::string text() const {
    constexpr std::size_t most = 200;
    const std::size_t left_out = lines_.size() > most ? lines_.size() - most : 0;
    std::string all = left_out != 0 ? "(" + std::to_string(left_out) + " steps before)\n" : "";
    for (std::size_t i = left_out; i < lines_.size(); ++i) all += lines_[i] + '\n';
    return all;
  }

  bool on = false;

 private:
  std::vector<std::string> lines_;
  std::map<const void*, std::size_t> names_;
};

}  // namespace cistern::schedules
