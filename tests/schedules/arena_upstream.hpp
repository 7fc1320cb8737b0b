// SPDX-License-Identifier: MIT
#pragma once

#include <schedules/scheduler.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <memory_resource>
#include <new>
#include <utility>
#include <vector>

namespace cistern::schedules {

/// The memory of one schedule, for what wants a memory resource: cut off an arena that the next schedule uses again. It
/// counts what is out, and sees whether somebody writes to what was given back.
///
/// No scheduling points. An arena of a schedule that failed is never used again, for its objects still lie there.
class arena_upstream final : public std::pmr::memory_resource {
 public:
  static constexpr std::size_t arena_bytes = std::size_t{64} << 10;

  /// `reuses`: hands out again what has come back of the same size; else each address once, so that every late write is
  /// seen.
  arena_upstream(scheduler& s, bool reuses) : s_(s), reuses_(reuses) {
    auto& idle = idle_arenas();
    if (idle.empty()) idle.push_back(std::make_unique<arena>());
    arena_ = std::move(idle.back());
    idle.pop_back();
  }
  ~arena_upstream() override { idle_arenas().push_back(std::move(arena_)); }

  char* arena_begin() const noexcept { return reinterpret_cast<char*>(arena_->bytes); }
  std::size_t offset_of(const void* address) const noexcept {
    return static_cast<std::size_t>(static_cast<const std::byte*>(address) - arena_->bytes);
  }

  /// From now on there is no memory.
  void run_out() noexcept { is_out_ = true; }

  bool has_all_back() const noexcept { return bytes_out_ == 0; }
  /// Fails the schedule unless all has come back, and was left alone after that.
  void require_all_back() const {
    s_.require(bytes_out_ == 0, "the upstream has not got all of its memory back");
    for (std::size_t i = 0; i < gone_count_; ++i) require_untouched(gone_[i]);
  }

 private:
  struct arena {
    alignas(4096) std::byte bytes[arena_bytes];
  };
  struct piece {
    std::byte* at;
    std::size_t bytes;
  };
  static constexpr int untouched = 0xEE;

  // Reachable for ever, as the arenas of schedules that failed are.
  static std::vector<std::unique_ptr<arena>>& idle_arenas() {
    static auto& list = *new std::vector<std::unique_ptr<arena>>;
    return list;
  }

  void require_untouched(const piece& gone) const {
    s_.require(std::all_of(gone.at, gone.at + gone.bytes, [](std::byte b) { return b == std::byte{untouched}; }),
               "memory was written to after it was given back");
  }

  void* do_allocate(std::size_t bytes, std::size_t alignment) override {
    if (is_out_) throw std::bad_alloc();
    bytes_out_ += bytes;
    for (std::size_t i = gone_count_; reuses_ && i-- > 0;) {
      if (gone_[i].bytes != bytes || offset_of(gone_[i].at) % alignment != 0) continue;
      require_untouched(gone_[i]);
      return std::exchange(gone_[i], gone_[--gone_count_]).at;
    }
    const std::size_t offset = (used_ + alignment - 1) & ~(alignment - 1);
    used_ = offset + bytes;
    s_.require(used_ <= arena_bytes, "the arena is too small");
    return arena_->bytes + offset;
  }
  void do_deallocate(void* block, std::size_t bytes, std::size_t) override {
    bytes_out_ -= bytes;
    std::memset(block, untouched, bytes);
    s_.require(gone_count_ < gone_.size(), "the arena upstream cannot remember so many pieces");
    gone_[gone_count_++] = {static_cast<std::byte*>(block), bytes};
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  scheduler& s_;
  const bool reuses_;
  bool is_out_ = false;
  std::unique_ptr<arena> arena_;
  std::size_t used_ = 0, bytes_out_ = 0, gone_count_ = 0;
  std::array<piece, 64> gone_;  // that have come back and are not out again
};

}  // namespace cistern::schedules
