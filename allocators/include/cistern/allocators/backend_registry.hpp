// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/backend_resource.hpp>
#include <cistern/allocators/export.hpp>

#include <string_view>
#include <vector>

namespace cistern::inline v0 {

/// The backend of this name, or nullptr when it is not in this process. Any thread, at any time, also before main.
CISTERN_EXPORT backend_resource* find_backend(std::string_view name) noexcept;

/// The backend of this name. Throws std::invalid_argument, with a list of those present, when there is none.
///
/// `system` and `pages` are always there. A foreign one (`jemalloc`, `mimalloc`, `tcmalloc`, `tbb`) is there when it
/// was installed as cistern was built and the program links its target (cistern::jemalloc and so on, or
/// cistern::backends for all). The returned object lives for ever.
CISTERN_EXPORT backend_resource& backend(std::string_view name);

/// The backend that the environment names in CISTERN_BACKEND, else the one that the build named
/// (CISTERN_DEFAULT_BACKEND; cistern::cistern links it), else `system`. The environment is read at the first call, and
/// the answer stays. Throws std::invalid_argument when the name is not of a backend that is present; then the next call
/// looks again.
CISTERN_EXPORT backend_resource& default_backend();

/// Every backend in this process: `system` first, the others by name.
CISTERN_EXPORT std::vector<backend_resource*> backends();

/// Makes a backend of your own known by its name, for the rest of the process. Construct it statically:
///
///     static cistern::backend_registration mine{resource};
///
/// Neither the registration nor the resource may be destroyed before the last use of the registry. A name that is
/// taken already is ignored: the first one stays.
class CISTERN_EXPORT backend_registration {
 public:
  explicit backend_registration(backend_resource& resource) noexcept;
  backend_registration(const backend_registration&) = delete;
  backend_registration& operator=(const backend_registration&) = delete;

  backend_resource& resource() const noexcept { return *resource_; }
  const backend_registration* next() const noexcept { return next_; }

 private:
  backend_resource* resource_;
  const backend_registration* next_ = nullptr;
};

}  // namespace cistern::inline v0
