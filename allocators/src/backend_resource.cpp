// SPDX-License-Identifier: MIT
#include <cistern/allocators/backend_resource.hpp>

namespace cistern::inline v0 {

// Here, so that the class has one vtable in a shared build.
backend_resource::~backend_resource() = default;

}  // namespace cistern::inline v0
