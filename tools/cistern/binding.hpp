// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace cistern::compare {

/// Where malloc and operator new are in this process, which links every backend, as one JSON object:
/// {"malloc", "operator_new", "malloc_is_libc", "backends": [names]}.
std::string describe_binding();

}  // namespace cistern::compare
