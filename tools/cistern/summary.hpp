// SPDX-License-Identifier: MIT
#pragma once

#include "comparison.hpp"

#include <array>
#include <span>

namespace cistern::compare {

/// The middle value, or the mean of the middle two; 0 of nothing.
double median(std::vector<double> values);

struct range {
  double low = 0, high = 0;
};

/// From the lowest to the highest value; of five or more without the lowest and the highest, so that one disturbed
/// round does not hide a difference.
range spread(std::vector<double> values);

/// Do the rounds of `a` and `b` show no difference? That is so when their spreads overlap, or when their medians are
/// within 3 % of each other; within 10 % where either has fewer than three rounds, which say little of the spread.
bool no_difference(std::span<const double> a, std::span<const double> b);

/// A figure of one round of a cell with so many threads.
using cell_figure = double (*)(const perf::cell_result& round, int threads);

/// What one thread spends on an operation: threads * seconds / operations, in nanoseconds.
double ns_per_operation(const perf::cell_result& round, int threads);
double operations_per_second(const perf::cell_result& round, int threads);

/// The figures of a cell whose medians the document holds, by the names that they have there.
struct named_figure {
  const char* name;
  cell_figure of;
};
extern const std::array<named_figure, 15> cell_figures;

struct named_program_figure {
  const char* name;
  double (*of)(const program_round& round);
};
extern const std::array<named_program_figure, 6> program_figures;

/// The figure in each round, in the order of the rounds.
std::vector<double> values(const cell& cell, cell_figure figure);
std::vector<double> values(const program_contender& contender, double (*figure)(const program_round&));

/// The round whose time per operation is the median one (the faster of the middle two). The cell has one at least.
const perf::cell_result& median_round(const cell& cell);

}  // namespace cistern::compare
