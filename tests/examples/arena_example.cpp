// SPDX-License-Identifier: MIT
// Requests whose objects live and die together: no frees, and after the first requests no allocations either.
#include <cistern/allocators/arena.hpp>
#include <cistern/allocators/arena_scope.hpp>
#include <cistern/allocators/thread_arenas.hpp>

#include <algorithm>
#include <iostream>
#include <memory_resource>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace {

cistern::thread_arenas scratch;

std::size_t longest_word(const std::string& text) {
  const cistern::arena_scope scope(scratch.local());  // a task's memory, from this thread's arena
  std::pmr::vector<std::pmr::string> words(&scope.memory());
  std::istringstream in(text);
  for (std::string word; in >> word;) words.emplace_back(word);
  std::size_t longest = 0;
  for (const auto& word : words) longest = std::max(longest, word.size());
  return longest;
}

}  // namespace

int main() {
  cistern::arena arena({.first_block = 16 * 1024});
  for (int request = 0; request < 3; ++request) {
    {
      std::pmr::vector<std::pmr::string> headers(&arena);
      for (int i = 0; i < 1000; ++i) headers.emplace_back("a header that is too long for the string itself");
    }
    std::cout << "request " << request << ": " << arena.used_bytes() << " bytes used\n";
    arena.reset();
  }
  const cistern::arena_statistics kept = arena.statistics();
  std::cout << kept.in_use_bytes + kept.spare_bytes << " bytes are kept for the next one\n";

  std::thread([] { std::cout << longest_word("threads have arenas of their own") << '\n'; }).join();
  return longest_word("and so has the main thread") == 6 ? 0 : 1;
}
