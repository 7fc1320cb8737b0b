// SPDX-License-Identifier: MIT
#include "binding.hpp"

#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/malloc_binding.hpp>

#include <nlohmann/json.hpp>

namespace cistern::compare {

std::string describe_binding() {
  const malloc_binding_t found = malloc_binding();
  nlohmann::ordered_json object{{"malloc", found.malloc_file},
                                {"operator_new", found.operator_new_file},
                                {"malloc_is_libc", malloc_is_libc()},
                                {"backends", nlohmann::ordered_json::array()}};
  for (const backend_resource* resource : backends()) object["backends"].push_back(std::string(resource->name()));
  return object.dump();
}

}  // namespace cistern::compare
