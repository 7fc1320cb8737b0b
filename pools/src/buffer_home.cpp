// SPDX-License-Identifier: MIT
//
// Design: each thread counts one use in so many, and that one for as many uses as it stands for; until an epoch has
// seen a few hundred, every use. So what is learnt is right after few uses, and a use in a fast loop costs a decrement.
// At the end of an epoch old uses lose half of their weight.
#include <cistern/pools/detail/buffer_home.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

namespace cistern::inline v0::detail {

constinit thread_local sampling sampling::own;

namespace {

constexpr std::size_t smallest_usual = 64;
constexpr std::uint32_t fewest = 32;  // samples that tell something

}  // namespace

void size_histogram::fold() noexcept {
  uses_ = 0;
  for (std::size_t i = 0; i < count; ++i) {
    past_[i] = past_[i] / 2 + static_cast<double>(fresh_[i].exchange(0, std::memory_order_relaxed));
    if (past_[i] < 1.0 / 1024) past_[i] = 0;
    uses_ += past_[i];
  }
}

std::size_t size_histogram::quantile(double part) const noexcept {
  double uses = 0;
  std::size_t found = 0;
  for (std::size_t i = 0; i < count && (uses == 0 || uses < part * uses_); ++i) {
    uses += past_[i];
    if (past_[i] != 0) found = steps::size_of(i);
  }
  return found;
}

// Were it the quantile alone, then one large use in ten and not in eleven would make all blocks large.
std::size_t size_histogram::usual(double part) const noexcept {
  constexpr double most_held = 3;
  double used = 0, below = 0, held_below = 0;
  for (std::size_t i = 0; i < count; ++i) used += past_[i] * static_cast<double>(steps::size_of(i));
  const std::size_t most = quantile(part);
  std::size_t found = 0;
  for (std::size_t i = 0; i < count && steps::size_of(i) <= most; ++i) {
    const auto bytes = static_cast<double>(steps::size_of(i));
    below += past_[i];
    held_below += past_[i] * bytes;
    if (past_[i] != 0 && below * bytes + (used - held_below) <= most_held * used) found = steps::size_of(i);
  }
  return found;
}

std::vector<learnt_sizes::bar> size_histogram::bars_of(const weights& past) {
  std::vector<learnt_sizes::bar> all;
  for (std::size_t i = 0; i < count; ++i)
    if (past[i] != 0) all.push_back({steps::size_of(i), past[i]});
  return all;
}

void size_histogram::set(const std::vector<learnt_sizes::bar>& bars) noexcept {
  constexpr double most = 1 << 20;  // uses, so that what comes next counts soon
  double all = 0;
  for (const learnt_sizes::bar& each : bars) all += std::min(each.uses, most);
  const double scale = all > most ? most / all : 1;
  past_.fill(0);
  uses_ = 0;
  for (const learnt_sizes::bar& each : bars) {
    const double uses = std::min(each.uses, most) * scale;
    past_[steps::index_up(std::min(each.bytes, largest))] += uses;
    uses_ += uses;
  }
}

buffer_home::buffer_home(std::string name, const source_site& from, block_pool& pool, const limits& within) noexcept
    : name_(std::move(name)), from_(from), pool_(pool), within_(within) {
  publish(within.initial, 0);
}

void buffer_home::publish(std::size_t usual, std::size_t kept) noexcept {
  const std::size_t step = size_step::of(std::clamp(usual, smallest_usual, within_.largest));
  usual_bytes_.store(quarter_steps::size_of(step), std::memory_order_relaxed);
  usual_step_.store(step, std::memory_order_relaxed);
  kept_bytes_.store(kept, std::memory_order_relaxed);
}

void buffer_home::sample(std::size_t used) noexcept {
  constexpr std::uint32_t all_until = 512, one_in = 32, first_lesson = 64, most_in_an_epoch = 1 << 14;
  sampling& own = sampling::own;
  const std::uint32_t seen = samples_.fetch_add(1, std::memory_order_relaxed) + 1;
  used_.add(used, seen < all_until ? 1 : own.weight);  // the uses before were perhaps another home's
  own.random = own.random * 1664525 + 1013904223;      // the generator of "Numerical Recipes"
  own.weight = own.left = seen < all_until ? 1 : 1 + (own.random >> 16) % (2 * one_in - 1);
  if (seen < (knows_.load(std::memory_order_relaxed) ? most_in_an_epoch : first_lesson)) return;
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (lock.owns_lock()) learn_locked();
}

void buffer_home::learn() noexcept {
  const std::scoped_lock lock(mutex_);
  learn_locked();
}

void buffer_home::learn_locked() noexcept {
  const std::uint32_t fresh = samples_.exchange(0, std::memory_order_relaxed);
  quiet_ = fresh != 0 ? 0 : quiet_ + 1;
  seen_ += fresh;
  if (seen_ < fewest) return;
  seen_ = 0;
  used_.fold();
  knows_.store(true, std::memory_order_relaxed);
  publish(used_.usual(within_.usual_part), used_.quantile(within_.kept_part));
}

std::size_t buffer_home::kept_now() noexcept {
  constexpr std::uint32_t a_while = 8;  // looks
  const std::scoped_lock lock(mutex_);
  return quiet_ < a_while ? largest_kept() : 0;
}

learnt_sizes buffer_home::learnt() {
  learnt_sizes all;
  size_histogram::weights past;
  {
    const std::scoped_lock lock(mutex_);
    all.usual_capacity = usual_bytes();
    all.largest_kept = largest_kept();
    past = used_.past();
  }
  all.site = name_;
  all.histogram = size_histogram::bars_of(past);
  return all;
}

void buffer_home::learn_from(const learnt_sizes& other) noexcept {
  const std::scoped_lock lock(mutex_);
  used_.set(other.histogram);
  knows_.store(!other.histogram.empty(), std::memory_order_relaxed);
  if (other.histogram.empty()) return publish(within_.initial, 0);
  publish(used_.usual(within_.usual_part), used_.quantile(within_.kept_part));
}

}  // namespace cistern::inline v0::detail
