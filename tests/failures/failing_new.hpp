// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>

namespace cistern::failures {

/// Runs `workload` with its first operator new failing, then with its second, and so on until it makes no more; then
/// all of that with every later one failing too. Each kind of operator new fails in its way. The workload handles
/// std::bad_alloc where it may lose something, and may let it out elsewhere. Returns how many were made to fail.
std::uint64_t every_new(const std::function<void()>& workload);

/// Allocations of what the workload itself needs do not fail while this lives.
class spared {
 public:
  spared();
  ~spared();
  spared(const spared&) = delete;
  spared& operator=(const spared&) = delete;
};

}  // namespace cistern::failures
