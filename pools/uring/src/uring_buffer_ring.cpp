// SPDX-License-Identifier: MIT
//
// Design: the ring that the kernel reads is written under a lock. It has room for every buffer, so a put always finds
// some. The kernel takes buffers from it at times that are not known here; what is known is which operations may do
// so. When none is in flight and each of their completions has been through take(), no buffer that is still lent is
// written to: so they may be freed as soon as the kernel has let go of the ring.
//
// Orders: the lock orders handles of different threads; the ring's tail, which io_uring_buf_ring_advance stores with
// release, pairs with the kernel's acquire load of it.
#include "uring_buffers.hpp"
#include <cistern/allocators/fatal.hpp>
#include <cistern/uring/uring_buffer_ring.hpp>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <vector>

#include <liburing.h>
#include <unistd.h>

namespace cistern::inline v0 {
namespace detail {

/// What a uring_buffer_ring has and its handles share. It goes when the ring has ended and no buffer is held.
class uring_lender {
 public:
  uring_lender(io_uring& ring, uring_buffers& buffers, const uring_ring_options& options);
  void end() noexcept;

  void begin() noexcept {
    const std::scoped_lock lock(mutex_);
    ++operations_;
  }
  void take_back() noexcept {
    const std::scoped_lock lock(mutex_);
    one_less();
  }
  uring_arrival take(const io_uring_cqe& completion) noexcept;
  void put(std::uint32_t index) noexcept;

  std::uint16_t group() const noexcept { return group_; }
  unsigned buffer_bytes() const noexcept { return static_cast<unsigned>(buffers_.bytes()); }
  uring_ring_statistics statistics() const;

 private:
  ~uring_lender() = default;
  void one_less() noexcept;
  void provide(std::uint32_t index) noexcept;
  void deallocate() noexcept { pages_backend().deallocate(kernels_, entries_ * sizeof(io_uring_buf), page()); }
  static std::size_t page() noexcept { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

  // Constant after construction.
  io_uring& ring_;
  uring_buffers& buffers_;
  const std::uint16_t group_;
  std::vector<std::uint32_t> indices_;
  std::size_t entries_ = 0;

  // Guarded by mutex_, which is taken before the buffers'.
  mutable mutex mutex_;
  io_uring_buf_ring* kernels_ = nullptr;
  std::size_t held_ = 0, operations_ = 0;
  std::uint64_t arrivals_ = 0, exhausted_ = 0;
  bool ended_ = false;
};

uring_lender::uring_lender(io_uring& ring, uring_buffers& buffers, const uring_ring_options& options)
    : ring_(ring), buffers_(buffers), group_(options.group) {
  if (options.count > uring_buffers::most)
    throw std::invalid_argument("uring_ring_options::count is " + std::to_string(options.count) + "; up to " +
                                std::to_string(uring_buffers::most) + " are possible");
  indices_.resize(options.count != 0 ? options.count : std::max(buffers.statistics().free, std::size_t{1}));
  entries_ = std::bit_ceil(indices_.size());
  kernels_ = static_cast<io_uring_buf_ring*>(pages_backend().allocate(entries_ * sizeof(io_uring_buf), page()));
  if (kernels_ == nullptr) throw std::bad_alloc();
  if (!buffers_.lend_to(this, indices_)) {
    deallocate();
    throw pool_exhausted("a ring of " + std::to_string(indices_.size()) +
                         " buffers wanted: " + to_string(buffers.statistics()));
  }
  io_uring_buf_reg wanted{};
  wanted.ring_addr = reinterpret_cast<std::uintptr_t>(kernels_);
  wanted.ring_entries = static_cast<std::uint32_t>(entries_);
  wanted.bgid = group_;
  if (const int result = io_uring_register_buf_ring(&ring_, &wanted, 0); result < 0) {
    buffers_.lender_ends(indices_);
    deallocate();
    throw std::system_error(-result, std::generic_category(),
                            "uring pool \"" + buffers_.name() + "\": a ring of provided buffers, group " +
                                std::to_string(group_) +
                                (result == -EINVAL   ? " (needs Linux 5.19)"
                                 : result == -EEXIST ? " (in use)"
                                                     : ""));
  }
  io_uring_buf_ring_init(kernels_);
  for (const std::uint32_t index : indices_) provide(index);
}

void uring_lender::end() noexcept {
  bool last = false;
  {
    const std::scoped_lock lock(mutex_);
    if (operations_ != 0)
      buffers_.misused(
          "its ring of group %u ended with %zu operations in flight, and the kernel may still use its buffers; cancel "
          "them and take() their completions first",
          unsigned{group_}, operations_);
    if (const int result = io_uring_unregister_buf_ring(&ring_, group_); result < 0) {
      char line[200];
      std::snprintf(
          line, sizeof line,
          "uring pool \"%.40s\": the kernel has not let go of its ring of group %u (%s); an io_uring outlives "
          "its rings of buffers",
          buffers_.name().c_str(), unsigned{group_}, std::strerror(-result));
      warn(line);
    }
    deallocate();
    ended_ = true;
    last = held_ == 0;
    buffers_.lender_ends(indices_);
  }
  if (last) delete this;
}

void uring_lender::one_less() noexcept {
  if (operations_ == 0) [[unlikely]]
    buffers_.misused("its ring of group %u has a completion, and no operation in flight", unsigned{group_});
  --operations_;
}

void uring_lender::provide(std::uint32_t index) noexcept {
  const std::span<std::byte> memory = buffers_.memory_of(index);
  io_uring_buf_ring_add(kernels_, memory.data(), static_cast<unsigned>(memory.size()),
                        static_cast<unsigned short>(index), static_cast<int>(entries_ - 1), 0);
  io_uring_buf_ring_advance(kernels_, 1);
}

uring_arrival uring_lender::take(const io_uring_cqe& completion) noexcept {
  uring_arrival taken{.buffer = {}, .result = completion.res, .more = (completion.flags & IORING_CQE_F_MORE) != 0};
  const std::scoped_lock lock(mutex_);
  if (completion.flags & IORING_CQE_F_BUFFER) {
    const std::uint32_t index = completion.flags >> IORING_CQE_BUFFER_SHIFT;
    buffers_.hold_lent(this, index);
    ++held_;
    ++arrivals_;
    const std::size_t bytes = std::min(static_cast<std::size_t>(std::max(completion.res, 0)), buffers_.bytes());
    taken.buffer = uring_received(*this, index, buffers_.memory_of(index).first(bytes));
  }
  if (completion.res == -ENOBUFS) ++exhausted_;
  // After the buffer: a completion given twice is named by that, where it had one.
  if (taken.more && operations_ != 0) return taken;
  one_less();
  return taken;
}

void uring_lender::put(std::uint32_t index) noexcept {
  bool last = false;
  {
    const std::scoped_lock lock(mutex_);
    --held_;
    if (ended_) {
      last = held_ == 0;
      buffers_.put(index);
    } else {
      buffers_.lend(this, index);
      provide(index);
    }
  }
  if (last) delete this;
}

uring_ring_statistics uring_lender::statistics() const {
  const std::scoped_lock lock(mutex_);
  return {.name = buffers_.name(),
          .group = group_,
          .total = indices_.size(),
          .lent = indices_.size() - held_,
          .held = held_,
          .operations = operations_,
          .arrivals = arrivals_,
          .exhausted = exhausted_};
}

}  // namespace detail

void uring_received::put() noexcept {
  if (owner_ != nullptr) std::exchange(owner_, nullptr)->put(index_);
}

uring_buffer_ring::uring_buffer_ring(io_uring& ring, uring_buffer_pool& pool, const uring_ring_options& options)
    : lender_(new detail::uring_lender(ring, *pool.buffers_, options)) {}

uring_buffer_ring::~uring_buffer_ring() { lender_->end(); }

bool uring_buffer_ring::prep_recv_multishot(io_uring_sqe* entry, int socket, std::uint64_t user_data) noexcept {
  if (!prep_recv(entry, socket, user_data)) return false;
  entry->ioprio |= IORING_RECV_MULTISHOT;
  entry->len = 0;  // as long as the buffer
  return true;
}

bool uring_buffer_ring::prep_recv(io_uring_sqe* entry, int socket, std::uint64_t user_data) noexcept {
  if (entry == nullptr) return false;
  io_uring_prep_recv(entry, socket, nullptr, lender_->buffer_bytes(), 0);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = lender_->group();
  entry->user_data = user_data;
  lender_->begin();
  return true;
}

bool uring_buffer_ring::prep_read(io_uring_sqe* entry, int file, std::uint64_t user_data,
                                  std::uint64_t offset) noexcept {
  if (entry == nullptr) return false;
  io_uring_prep_read(entry, file, nullptr, lender_->buffer_bytes(), offset);
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = lender_->group();
  entry->user_data = user_data;
  lender_->begin();
  return true;
}

void uring_buffer_ring::begin() noexcept { lender_->begin(); }
void uring_buffer_ring::take_back() noexcept { lender_->take_back(); }
uring_arrival uring_buffer_ring::take(const io_uring_cqe& completion) noexcept { return lender_->take(completion); }
std::uint16_t uring_buffer_ring::group() const noexcept { return lender_->group(); }
uring_ring_statistics uring_buffer_ring::statistics() const { return lender_->statistics(); }

}  // namespace cistern::inline v0
