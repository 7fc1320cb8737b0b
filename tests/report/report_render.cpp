// SPDX-License-Identifier: MIT
// Reads a result document on standard input and writes the page to standard output: the tests' way to a page.
#include "report.hpp"

#include <exception>
#include <iostream>
#include <iterator>
#include <string>

int main() {
  const std::string document{std::istreambuf_iterator<char>(std::cin), {}};
  try {
    std::cout << cistern::report::render(document);
  } catch (const std::exception& error) {
    std::cerr << "report_render: " << error.what() << '\n';
    return 2;
  }
  return std::cout.good() ? 0 : 1;
}
