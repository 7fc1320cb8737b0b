// SPDX-License-Identifier: MIT
#include "uring_buffers.hpp"
#include <cistern/uring/uring_buffer_pool.hpp>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <utility>
#include <vector>

#include <liburing.h>
#include <sys/resource.h>
#include <unistd.h>

namespace cistern::inline v0 {
namespace {

constexpr std::size_t most_registered = std::size_t{1} << 14;  // the kernel's IORING_MAX_REG_BUFFERS

// The kernel counts whole pages for each buffer.
std::size_t locked_bytes(const detail::uring_buffers& of) noexcept {
  return of.count() * std::max(of.bytes(), static_cast<std::size_t>(sysconf(_SC_PAGESIZE)));
}

std::string kib(std::size_t bytes) { return std::to_string((bytes + 1023) / 1024) + " KiB"; }

std::string why_refused(const detail::uring_buffers& of, int error) {
  std::string text = "uring pool \"" + of.name() + "\": " + std::to_string(of.count()) + " buffers of " +
                     std::to_string(of.bytes()) +
                     " bytes are not registered: " + std::generic_category().message(error) + ". ";
  if (error == ENOMEM || error == EPERM) {
    rlimit limit{};
    getrlimit(RLIMIT_MEMLOCK, &limit);
    const std::string needed = kib(locked_bytes(of));
    text += "They need " + needed + " of locked memory, and RLIMIT_MEMLOCK allows " +
            (limit.rlim_cur == RLIM_INFINITY ? "any amount" : kib(limit.rlim_cur)) +
            " to all io_urings of this user together. Raise it (ulimit -l " +
            std::to_string((locked_bytes(of) + 1023) / 1024) +
            " at least; LimitMEMLOCK= in a systemd unit), make the pool smaller, or give the process CAP_IPC_LOCK. ";
  } else if (error == EBUSY) {
    text += "The io_uring has fixed buffers already. ";
  } else if (error == E2BIG) {
    text += "An io_uring takes no more than " + std::to_string(most_registered) + ". ";
  }
  if (error == EALREADY) return text + "It is registered; unregister() comes first.";
  return text + "The pool works on, with ordinary reads and writes.";
}

// What an entry says of memory.
struct prepared {
  void* at;
  unsigned bytes;
};

prepared part_of(std::span<std::byte> memory, const uring_transfer& what) {
  if (what.first > memory.size() || (what.bytes != uring_transfer::rest && what.bytes > memory.size() - what.first))
    throw std::out_of_range("uring_transfer: " + std::to_string(what.bytes) + " bytes from byte " +
                            std::to_string(what.first) + " on, of a buffer of " + std::to_string(memory.size()));
  const std::size_t bytes = std::min(what.bytes, memory.size() - what.first);
  return {memory.data() + what.first, static_cast<unsigned>(bytes)};
}

}  // namespace

uring_buffer::uring_buffer(detail::uring_buffers& owner, std::uint32_t index) noexcept
    : owner_(&owner), index_(index), memory_(owner.memory_of(index)) {}

void uring_buffer::put() noexcept {
  if (owner_ != nullptr) std::exchange(owner_, nullptr)->put(index_);
}

uring_buffer_pool::uring_buffer_pool(const uring_buffer_options& options)
    : buffers_(new detail::uring_buffers(options)) {}

uring_buffer_pool::~uring_buffer_pool() { buffers_->end(); }

uring_buffer uring_buffer_pool::try_get() noexcept {
  const std::uint32_t index = buffers_->take();
  return index != detail::uring_buffers::none ? uring_buffer(*buffers_, index) : uring_buffer();
}

uring_buffer uring_buffer_pool::get() {
  uring_buffer found = try_get();
  if (!found) throw pool_exhausted(to_string(statistics()));
  return found;
}

uring_registration uring_buffer_pool::register_with(io_uring& ring) {
  const auto refused = [this](int error) {
    return uring_registration{std::error_code(error, std::generic_category()), why_refused(*buffers_, error)};
  };
  if (is_registered()) return refused(EALREADY);
  if (buffers_->count() > most_registered) return refused(E2BIG);
  std::vector<iovec> all(buffers_->count());
  for (std::uint32_t index = 0; index < buffers_->count(); ++index) {
    const std::span<std::byte> memory = buffers_->memory_of(index);
    all[index] = {memory.data(), memory.size()};
  }
  const int result = io_uring_register_buffers(&ring, all.data(), static_cast<unsigned>(all.size()));
  if (result < 0) return refused(-result);
  buffers_->ring.store(&ring, std::memory_order_relaxed);
  return {};
}

void uring_buffer_pool::unregister() noexcept {
  io_uring* const ring = buffers_->ring.exchange(nullptr, std::memory_order_relaxed);
  if (ring != nullptr) io_uring_unregister_buffers(ring);
}

bool uring_buffer_pool::is_registered() const noexcept {
  return buffers_->ring.load(std::memory_order_relaxed) != nullptr;
}

std::uint64_t uring_buffer_pool::prep_read(io_uring_sqe* entry, int file, uring_buffer&& buffer,
                                           const uring_transfer& what) {
  const auto [at, bytes] = part_of(buffer.span(), what);
  if (entry == nullptr) return 0;
  if (is_registered())
    io_uring_prep_read_fixed(entry, file, at, bytes, what.offset, static_cast<int>(buffer.index()));
  else
    io_uring_prep_read(entry, file, at, bytes, what.offset);
  return entry->user_data = begin(std::move(buffer), what.tag);
}

std::uint64_t uring_buffer_pool::prep_write(io_uring_sqe* entry, int file, uring_buffer&& buffer,
                                            const uring_transfer& what) {
  const auto [at, bytes] = part_of(buffer.span(), what);
  if (entry == nullptr) return 0;
  if (is_registered())
    io_uring_prep_write_fixed(entry, file, at, bytes, what.offset, static_cast<int>(buffer.index()));
  else
    io_uring_prep_write(entry, file, at, bytes, what.offset);
  return entry->user_data = begin(std::move(buffer), what.tag);
}

std::uint64_t uring_buffer_pool::begin(uring_buffer&& buffer, std::uint64_t tag) noexcept {
  if (!buffer) [[unlikely]]
    buffers_->misused("%s", "operation without a buffer");
  if (buffer.owner_ != buffers_) [[unlikely]]
    buffers_->misused("operation with a buffer of the pool \"%.40s\"", buffer.owner_->name().c_str());
  buffer.owner_ = nullptr;
  return buffers_->begin(buffer.index_, tag);
}

uring_buffer uring_buffer_pool::take_back(std::uint64_t operation) noexcept {
  std::uint64_t tag = 0;
  return {*buffers_, buffers_->complete(operation, false, tag)};
}

bool uring_buffer_pool::owns(const io_uring_cqe& completion) const noexcept {
  return buffers_->is_number(completion.user_data);
}

uring_completion uring_buffer_pool::completed(const io_uring_cqe& completion) noexcept {
  uring_completion done{
      .buffer = {}, .result = completion.res, .more = (completion.flags & IORING_CQE_F_MORE) != 0, .tag = 0};
  const std::uint32_t index = buffers_->complete(completion.user_data, done.more, done.tag);
  if (!done.more) done.buffer = uring_buffer(*buffers_, index);
  return done;
}

uring_pool_statistics uring_buffer_pool::statistics() const { return buffers_->statistics(); }
std::string_view uring_buffer_pool::name() const noexcept { return buffers_->name(); }

}  // namespace cistern::inline v0
