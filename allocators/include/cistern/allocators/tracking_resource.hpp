// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/mutex.hpp>
#include <cistern/allocators/source_site.hpp>

#include <array>
#include <cstddef>
#include <forward_list>
#include <functional>
#include <memory_resource>
#include <new>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

namespace cistern::inline v0 {

/// A block that somebody holds.
struct tracked_block {
  void* address = nullptr;
  std::size_t bytes = 0;
  std::size_t alignment = 0;
  std::thread::id thread;  ///< that allocated it
  source_site site = {};   ///< line is 0 when it was allocated without tracking_resource::at()
};

/// The blocks of one site together.
struct tracked_site {
  source_site site = {};  ///< as in tracked_block
  std::size_t blocks = 0;
  std::size_t bytes = 0;
  std::size_t threads = 0;  ///< how many threads allocated them
};

/// Who holds what: the sites with live blocks, those with most bytes first.
struct tracking_report {
  std::string name;  ///< the resource's
  std::size_t blocks = 0;
  std::size_t bytes = 0;
  std::vector<tracked_site> sites;
};

/// Several lines: the sums, then one line for each site.
CISTERN_EXPORT std::string to_string(const tracking_report& report);

struct tracking_options {
  std::string name = "tracking_resource";  ///< to know it by in reports

  /// Called by the destructor when blocks are live still. Empty: the report is written to stderr.
  std::function<void(const tracking_report&)> on_leak = {};

  /// Called with one line that tells the resource, the address and what is wrong. Empty: the line is written to stderr
  /// and the program aborted. If it returns, a block that is not live stays untouched, and a block of another size or
  /// alignment is given back with the numbers that it was allocated with.
  std::function<void(std::string_view)> on_misuse = {};

  /// Where the records are kept. nullptr: new_delete_resource(). It must not lead back to the tracking resource.
  std::pmr::memory_resource* bookkeeping = nullptr;
};

/// A memory resource that knows each live block: its size, its thread and the place in the source that it is for.
///
///     cistern::tracking_resource tracking{upstream, {.name = "parser"}};
///     std::pmr::vector<int> numbers(tracking.at());  // everything that it holds is put down to this line
///
/// For tests and for the search after a leak: finds what was never given back, blocks that are freed twice, foreign
/// pointers, and sizes or alignments that differ from the allocation's. A block that is freed twice is not noticed once
/// its address is in use again. Not to be left on where speed counts: statistics_resource counts only, without a lock.
///
/// Thread safety: as thread-safe as the upstream; one lock for all bookkeeping. Memory ordering: the upstream's. A
/// child that was forked while another thread was inside must not use it: the lock stays taken there. Ownership: the
/// upstream must outlive the resource and every block from it. The resource must outlive what its at() returned. Blocks
/// that leak are reported, not freed: somebody may still use them. Failure: when there is no memory for a record, the
/// block goes back upstream and std::bad_alloc is thrown. Equality: the resource and all that its at() returned are
/// equal to each other and to nothing else. Cost: a lock and a hash lookup each way, about 55 ns for a pair while few
/// blocks are live, and 64 bytes of memory for the record of each (perf/allocators/decorators_bench.cpp). Example:
/// tests/examples/tracking_resource_example.cpp.
class CISTERN_EXPORT tracking_resource final : public std::pmr::memory_resource {
 public:
  explicit tracking_resource(std::pmr::memory_resource* upstream = std::pmr::get_default_resource(),
                             tracking_options options = {});
  tracking_resource(const tracking_resource&) = delete;
  tracking_resource& operator=(const tracking_resource&) = delete;
  ~tracking_resource() override;

  /// This resource, for use at `site`: hand it to a container or a component. The same site gets the same pointer.
  /// Throws std::bad_alloc. A lock and a search through all sites, so call it where something is set up.
  std::pmr::memory_resource* at(source_site site = source_site::current());

  /// What is live now, by site and block by block. Throws std::bad_alloc; holds the lock while it copies.
  tracking_report report() const;
  std::vector<tracked_block> blocks() const;

  std::pmr::memory_resource* upstream_resource() const noexcept { return upstream_; }

 private:
  class site_resource final : public std::pmr::memory_resource {
   public:
    site_resource(tracking_resource& owner, const source_site& site) noexcept : owner_(&owner), site_(site) {}

    const tracking_resource* owner() const noexcept { return owner_; }
    const source_site& site() const noexcept { return site_; }

   private:
    void* do_allocate(std::size_t bytes, std::size_t alignment) override;
    void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override;
    bool do_is_equal(const memory_resource& other) const noexcept override;

    tracking_resource* owner_;
    source_site site_;
  };

  struct record {
    std::size_t bytes = 0;
    std::size_t alignment = 0;
    std::thread::id thread;
    const source_site* site = nullptr;  // a site_resource's, or nullptr
  };
  struct freed_block {
    void* address = nullptr;
    record was;
  };
  enum class block_state { live, freed, unknown };

  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    return allocate_for(nullptr, bytes, alignment);
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t alignment) override;
  bool do_is_equal(const memory_resource& other) const noexcept override;

  void* allocate_for(const source_site* site, std::size_t bytes, std::size_t alignment);
  bool remember(void* block, const record& what);
  block_state forget(void* block, record& was) noexcept;
  void misused(void* block, const char* what, const record* was) const;
  void report_leaks() const noexcept;

  // Constant after construction.
  std::pmr::memory_resource* upstream_;
  tracking_options options_;

  mutable mutex mutex_;
  // Guarded by mutex_. Sites are never removed, so their addresses stay.
  std::pmr::unordered_map<void*, record> live_;
  std::pmr::forward_list<site_resource> sites_;
  std::array<freed_block, 64> freed_{};  // the last ones, to tell a double free from a foreign pointer
  std::size_t next_freed_ = 0;
};

}  // namespace cistern::inline v0
