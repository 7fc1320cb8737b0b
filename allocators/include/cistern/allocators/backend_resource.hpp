// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/backend.hpp>
#include <cistern/allocators/export.hpp>

#include <cstddef>
#include <memory_resource>
#include <new>
#include <string>
#include <string_view>
#include <utility>

namespace cistern::inline v0 {

/// A backend whose type is chosen at run time: a std::pmr::memory_resource that also answers a backend's questions.
///
/// Hand it to any pmr container. allocate() throws std::bad_alloc when there is no memory; the functions below mean
/// what memory_backend says of them. Thread-safe, as all backends are. Each call is one virtual call more than the
/// concrete backend costs (1 to 10 ns, by machine: "behind_resource" in perf/allocators/backends_bench.cpp); where that
/// matters, use the concrete type.
class CISTERN_EXPORT backend_resource : public std::pmr::memory_resource {
 public:
  virtual std::size_t good_size(std::size_t bytes) const noexcept = 0;
  virtual std::size_t usable_size(void* block) const noexcept = 0;
  virtual bool try_resize(void* block, std::size_t old_bytes, std::size_t new_bytes,
                          std::size_t alignment = alignof(std::max_align_t)) noexcept = 0;
  virtual void trim() noexcept = 0;
  virtual backend_statistics statistics() const = 0;
  virtual std::string_view name() const noexcept = 0;
  virtual std::string version() const = 0;

 protected:
  backend_resource() = default;
  backend_resource(const backend_resource&) = default;
  backend_resource& operator=(const backend_resource&) = default;
  ~backend_resource() override;
};

/// The bridge from a concrete backend to std::pmr::memory_resource.
///
/// Holds the backend by value. Two of them are equal when they hold equal backends of the same type.
template <memory_backend Backend>
class basic_backend_resource final : public backend_resource {
 public:
  basic_backend_resource() = default;
  explicit basic_backend_resource(Backend backend) : backend_(std::move(backend)) {}

  const Backend& backend() const noexcept { return backend_; }

  std::size_t good_size(std::size_t bytes) const noexcept override { return backend_.good_size(bytes); }
  std::size_t usable_size(void* block) const noexcept override { return backend_.usable_size(block); }
  bool try_resize(void* block, std::size_t old_bytes, std::size_t new_bytes, std::size_t alignment) noexcept override {
    return backend_.try_resize(block, old_bytes, new_bytes, alignment);
  }
  void trim() noexcept override { backend_.trim(); }
  backend_statistics statistics() const override { return backend_.statistics(); }
  std::string_view name() const noexcept override { return backend_.name(); }
  std::string version() const override { return backend_.version(); }

 private:
  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    void* const block = backend_.allocate(bytes, alignment);
    if (block == nullptr) [[unlikely]]
      throw std::bad_alloc();
    return block;
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override {
    backend_.deallocate(block, bytes, alignment);
  }
  bool do_is_equal(const memory_resource& other) const noexcept override {
    const auto* const same = dynamic_cast<const basic_backend_resource*>(&other);
    return same != nullptr && same->backend_ == backend_;
  }

  [[no_unique_address]] Backend backend_{};
};

}  // namespace cistern::inline v0
