// SPDX-License-Identifier: MIT
#include <workloads/ledger.hpp>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <sstream>

namespace cistern::perf {
namespace {

constexpr std::size_t stamped = 256;  // bytes at each end

void stamp_block(void* block, std::size_t bytes, unsigned char stamp) noexcept {
  auto* const at = static_cast<unsigned char*>(block);
  const std::size_t length = std::min(bytes, stamped);
  std::memset(at, stamp, length);
  std::memset(at + bytes - length, stamp, length);
}

bool still_stamped(const void* block, std::size_t bytes, unsigned char stamp) noexcept {
  const auto* const at = static_cast<const unsigned char*>(block);
  const std::size_t length = std::min(bytes, stamped);
  const auto same = [stamp](unsigned char byte) { return byte == stamp; };
  return std::all_of(at, at + length, same) && std::all_of(at + bytes - length, at + bytes, same);
}

}  // namespace

void ledger::fault(const char* what, const void* block, std::size_t bytes) {
  if (!first_fault_.empty()) return;
  std::ostringstream text;
  text << "a block of " << bytes << " bytes at " << block << ' ' << what;
  first_fault_ = text.str();
}

void ledger::issued(void* block, std::size_t bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  const std::scoped_lock lock(mutex_);
  if (bytes >= alignof(std::max_align_t) && address % alignof(std::max_align_t) != 0)
    fault("is not aligned to 16", block, bytes);
  const auto next = live_.lower_bound(address);
  if (next != live_.end() && next->first < address + bytes) return fault("overlaps a live one", block, bytes);
  if (next != live_.begin()) {
    const auto previous = std::prev(next);
    if (previous->first + previous->second.bytes > address) return fault("overlaps a live one", block, bytes);
  }
  const auto stamp = static_cast<unsigned char>(++serial_ * 167u);
  live_.emplace_hint(next, address, entry{bytes, stamp});
  stamp_block(block, bytes, stamp);
}

bool ledger::returned(void* block, std::size_t bytes) {
  const std::scoped_lock lock(mutex_);
  const auto found = live_.find(reinterpret_cast<std::uintptr_t>(block));
  if (found == live_.end()) {
    fault("is freed but not live", block, bytes);
    return false;
  }
  if (found->second.bytes != bytes) fault("is freed with another size than it was asked for", block, bytes);
  if (!still_stamped(block, found->second.bytes, found->second.stamp)) fault("was written to while live", block, bytes);
  live_.erase(found);
  return true;
}

std::string ledger::verdict() const {
  const std::scoped_lock lock(mutex_);
  if (!first_fault_.empty() || live_.empty()) return first_fault_;
  return std::to_string(live_.size()) + " blocks were never freed";
}

}  // namespace cistern::perf
