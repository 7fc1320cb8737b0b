// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/backend_registry.hpp>
#include <cistern/allocators/backend_resource.hpp>
#include <cistern/allocators/immortal.hpp>

// CISTERN_REGISTER_FOREIGN(name): registers name##_backend before any other static constructor, and defines the
// symbol that the target's link options ask for, so that the linker does not leave the file out.
#define CISTERN_REGISTER_FOREIGN(backend_name)                                                                       \
  extern "C" [[gnu::visibility("default")]] const int cistern_backend_##backend_name = 1;                            \
  namespace {                                                                                                        \
  [[gnu::init_priority(                                                                                              \
      101)]] const ::cistern::detail::immortal<::cistern::basic_backend_resource<::cistern::backend_name##_backend>> \
      backend_name##_resource;                                                                                       \
  [[gnu::init_priority(102)]] const ::cistern::detail::immortal<::cistern::backend_registration>                     \
      backend_name##_registration{*backend_name##_resource};                                                         \
  }
