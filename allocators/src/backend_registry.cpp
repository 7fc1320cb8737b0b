// SPDX-License-Identifier: MIT
//
// Design: a list that only grows, one node per backend, each node a static object of the backend's own file. The head
// is constant-initialised, so a backend may register from a static constructor of any translation unit. The built-in
// ones are listed here rather than registering themselves: a static archive drops an object that nobody refers to.
//
// Invariants: I1 a node is complete before it is reachable; I2 a reachable node never changes.
// Orders: [a] release in the constructor <-> acquire in first() [b].
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/immortal.hpp>
#include <cistern/allocators/pages_backend.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/allocators/system_backend.hpp>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>

#ifndef CISTERN_DEFAULT_BACKEND
#define CISTERN_DEFAULT_BACKEND "system"
#endif

namespace cistern::inline v0 {
namespace {

constinit sync::atomic<const backend_registration*> head{nullptr};

// A backend that needs no registering elsewhere. Used by static and thread-local destructors, hence immortal.
template <memory_backend Backend>
class built_in {
 public:
  explicit built_in(Backend backend) : resource_(backend), registration_(*resource_) {}

 private:
  detail::immortal<basic_backend_resource<Backend>> resource_;
  detail::immortal<backend_registration> registration_;
};

const backend_registration* first() noexcept {
  static const built_in system{system_backend{}};
  static const built_in pages{pages_backend{page_policy::normal}};
  static const built_in pages_thp{pages_backend{page_policy::transparent_huge}};
  static const built_in pages_huge{pages_backend{page_policy::explicit_huge}};
  return head.load(std::memory_order_acquire);  // [b] pairs with [a]: the node's contents
}

std::string unknown(std::string_view name, std::string_view from) {
  std::string message = "cistern: no backend \"" + std::string(name) + "\"" + std::string(from) + "; present: ";
  const char* separator = "";
  for (const backend_resource* resource : backends()) {
    message += separator;
    message += resource->name();
    separator = ", ";
  }
  return message;
}

}  // namespace

backend_registration::backend_registration(backend_resource& resource) noexcept : resource_(&resource) {
  next_ = head.load(std::memory_order_relaxed);
  while (!head.compare_exchange_weak(next_, this, std::memory_order_release, std::memory_order_relaxed)) {
  }  // [a] pairs with [b]: publishes the node's contents
}

backend_resource* find_backend(std::string_view name) noexcept {
  backend_resource* found = nullptr;
  // The list is newest first, so the last match is the one that was there first.
  for (const backend_registration* node = first(); node != nullptr; node = node->next())
    if (node->resource().name() == name) found = &node->resource();
  return found;
}

backend_resource& backend(std::string_view name) {
  backend_resource* const found = find_backend(name);
  if (found == nullptr) throw std::invalid_argument(unknown(name, ""));
  return *found;
}

backend_resource& default_backend() {
  static backend_resource& chosen = []() -> backend_resource& {
    const char* const wanted = std::getenv("CISTERN_BACKEND");
    const bool by_environment = wanted != nullptr && *wanted != '\0';
    const std::string_view name = by_environment ? wanted : CISTERN_DEFAULT_BACKEND;
    backend_resource* const found = find_backend(name);
    if (found == nullptr)
      throw std::invalid_argument(
          unknown(name, by_environment ? " (from the environment's CISTERN_BACKEND)"
                                       : " (built in by CISTERN_DEFAULT_BACKEND; link its target, or set the "
                                         "environment's CISTERN_BACKEND)"));
    return *found;
  }();
  return chosen;
}

std::vector<backend_resource*> backends() {
  std::vector<backend_resource*> all;
  for (const backend_registration* node = first(); node != nullptr; node = node->next())
    if (find_backend(node->resource().name()) == &node->resource()) all.push_back(&node->resource());
  std::ranges::sort(all, {}, [](const backend_resource* resource) {
    return std::pair(resource->name() != "system", resource->name());
  });
  return all;
}

}  // namespace cistern::inline v0
