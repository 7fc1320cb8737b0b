// SPDX-License-Identifier: MIT
#include "pins.hpp"

#include <benchmark/benchmark.h>
#include <dlfcn.h>

namespace {

void pins(benchmark::State& state, decltype(&cistern_pins) these) {
  constexpr long batch = 1000;
  while (state.KeepRunningBatch(batch)) these(batch);
}

void pin_in_program(benchmark::State& state) { pins(state, cistern_pins); }

// Looked up by its handle, so it is the library's own. It is never closed: cistern stays where it was loaded.
void pin_in_shared_library(benchmark::State& state) {
  static void* const library = dlopen(CISTERN_PINS_IN_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return state.SkipWithError(dlerror());
  static const auto found = reinterpret_cast<decltype(&cistern_pins)>(dlsym(library, "cistern_pins"));
  if (found == nullptr || found == cistern_pins) return state.SkipWithError("the library has no pins of its own");
  pins(state, found);
}

BENCHMARK(pin_in_program);
BENCHMARK(pin_in_shared_library);

}  // namespace
