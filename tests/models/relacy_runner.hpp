// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>
#include <cstring>
#include <iostream>

#include <relacy/relacy.hpp>

/// What a model is asked to do: `<model> <schedules> [variant...] [mutant:<name>]`.
class model_arguments {
 public:
  model_arguments(int count, char** words) : count_(count), words_(words) {}

  bool given(const char* word) {
    for (int i = 2; i < count_; ++i) {
      if (std::strcmp(words_[i], word) != 0) continue;
      ++understood_;
      return true;
    }
    return false;
  }

  /// Runs the model on random schedules, the same ones each time, and says what came of it. All must pass; with a
  /// mutant, one must fail by an assertion or a data race. Call it after given(). Returns the exit status.
  template <class Model>
  int run() const {
    if (count_ < 2 || understood_ != count_ - 2) {
      std::cout << "wanted: <schedules> [variant...] [mutant:<name>], with the names in the model's source\n";
      return 2;
    }
    const bool must_fail = std::strncmp(words_[count_ - 1], "mutant:", 7) == 0;
    std::ostream silent(nullptr);  // relacy replaces operator new, so no stream that allocates
    rl::test_params parameters;
    parameters.iteration_count = std::strtoull(words_[1], nullptr, 10);
    parameters.progress_stream = &silent;
    if (must_fail) parameters.output_stream = &silent;
    rl::simulate<Model>(parameters);

    const rl::test_result_e result = parameters.test_result;
    std::cout << rl::test_result_str(result) << " after " << parameters.stop_iteration << " schedules\n";
    if (!must_fail) return result == rl::test_result_success ? 0 : 1;
    if (result == rl::test_result_user_assert_failed || result == rl::test_result_data_race) return 0;
    std::cout << "the mutant was not found out\n";
    return 1;
  }

 private:
  int count_;
  char** words_;
  int understood_ = 0;
};
