// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>
#include <cistern/allocators/mutex.hpp>
#include <cistern/allocators/size_classes.hpp>
#include <cistern/allocators/source_site.hpp>
#include <cistern/allocators/sync.hpp>
#include <cistern/pools/detail/block_pool.hpp>
#include <cistern/pools/learnt_sizes.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <string>

namespace cistern::inline v0::detail {

/// Which uses a thread counts: one in so many, and that one for all of them.
struct sampling {
  std::uint32_t left = 1;    // uses until the next that counts
  std::uint32_t weight = 1;  // uses since the last one, then
  std::uint32_t random = 1;

  [[gnu::tls_model("initial-exec")]] CISTERN_EXPORT static constinit thread_local sampling own;
};

/// How often which size was used: by classes of four_per_doubling, with old uses counting half at each epoch.
///
/// Threads: add() from any, the rest by one at a time.
class size_histogram {
 public:
  using steps = quarter_steps;
  static constexpr std::size_t largest = std::size_t{1} << 30;  // all above are counted as of this
  static constexpr std::size_t count = steps::index_up(largest) + 1;

  void add(std::size_t bytes, std::uint32_t uses) noexcept {
    fresh_[steps::index_up(bytes < largest ? bytes : largest)].fetch_add(uses, std::memory_order_relaxed);
  }
  void fold() noexcept;  // ends an epoch
  /// The size of the smallest class such that this part of the uses needed no more; 0 when there are none.
  std::size_t quantile(double part) const noexcept;
  /// The same, or a smaller class: such that blocks of at least it hold at most three times what is used, on average.
  std::size_t usual(double part) const noexcept;
  using weights = std::array<double, count>;
  const weights& past() const noexcept { return past_; }
  static std::vector<learnt_sizes::bar> bars_of(const weights& past);
  void set(const std::vector<learnt_sizes::bar>& bars) noexcept;

 private:
  std::array<sync::atomic<std::uint64_t>, count> fresh_{};
  weights past_{};
  double uses_ = 0;  // of all past_
};

/// Where buffers of one site of a byte_buffer_pool come from, and where they go back to by themselves: which sizes they
/// had there. It stays as long as the pool's last buffer.
class buffer_home {
 public:
  struct limits {
    double usual_part, kept_part;
    std::size_t initial, largest;  // bytes
  };
  buffer_home(std::string name, const source_site& from, block_pool& pool, const limits& within) noexcept;

  block_pool& pool() const noexcept { return pool_; }
  const std::string& name() const noexcept { return name_; }
  bool is_at(const source_site& site) const noexcept {
    return from_.line == site.line && site.line != 0 && from_.file == site.file;
  }
  std::size_t usual_step() const noexcept { return usual_step_.load(std::memory_order_relaxed); }
  std::size_t usual_bytes() const noexcept { return usual_bytes_.load(std::memory_order_relaxed); }

  /// Takes a block back in which at most so many bytes were used.
  [[gnu::always_inline]] void put(std::byte* block, std::size_t capacity, std::size_t used) noexcept {
    saw(used);
    deallocate(pool_, block, capacity, alignof(std::max_align_t));
  }
  [[gnu::always_inline]] void saw(std::size_t used) noexcept {
    if (--sampling::own.left == 0) [[unlikely]]
      sample(used);
  }

  // Blocks that slices hold.
  void pin(std::size_t bytes) noexcept { pinned_.fetch_add(bytes, std::memory_order_relaxed); }
  void unpin(std::size_t bytes) noexcept { pinned_.fetch_sub(bytes, std::memory_order_relaxed); }
  std::size_t pinned() const noexcept { return pinned_.load(std::memory_order_relaxed); }

  void learn() noexcept;  // ends an epoch, unless it has seen too few uses to tell anything
  /// For the pool: 0 after a while without uses.
  std::size_t kept_now() noexcept;
  std::size_t largest_kept() const noexcept { return kept_bytes_.load(std::memory_order_relaxed); }
  learnt_sizes learnt();
  void learn_from(const learnt_sizes& other) noexcept;
  void lock_for_fork() noexcept { mutex_.lock(); }
  void unlock_after_fork() noexcept { mutex_.unlock(); }

  sync::atomic<buffer_home*> next{nullptr};  // [a] release as one is appended <-> acquire of who goes along them

 private:
  CISTERN_EXPORT void sample(std::size_t used) noexcept;
  void publish(std::size_t usual, std::size_t kept) noexcept;
  void learn_locked() noexcept;

  // Constant.
  std::string name_;
  source_site from_;
  block_pool& pool_;
  limits within_;

  sync::atomic<std::size_t> usual_step_, usual_bytes_, kept_bytes_;
  sync::atomic<std::uint32_t> samples_{0};  // since the last look
  sync::atomic<bool> knows_{false};
  sync::atomic<std::size_t> pinned_{0};
  size_histogram used_;
  mutex mutex_;  // of those who fold; nothing is allocated with it
  // Guarded by mutex_.
  std::uint32_t seen_ = 0;   // samples of the epoch
  std::uint32_t quiet_ = 0;  // looks without one, in a row
};

}  // namespace cistern::inline v0::detail
