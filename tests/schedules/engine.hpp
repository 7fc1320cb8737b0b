// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/thread_words.hpp>
#include <schedules/fibre.hpp>
#include <schedules/hooks.hpp>
#include <schedules/scheduler.hpp>
#include <schedules/step_trace.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace cistern::schedules {

/// Where every choice comes from. splitmix64: any seed is a good one.
class random_numbers {
 public:
  explicit random_numbers(std::uint64_t seed) noexcept : state_(seed) {}
  std::uint64_t next() noexcept {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // Multiply and shift: no division at every step.
  std::uint64_t below(std::uint64_t bound) noexcept { return ((next() >> 32) * bound) >> 32; }

 private:
  std::uint64_t state_;
};

enum class fibre_state : std::uint8_t { ready, parked, done };

/// A fibre with what is known of it. Used again and again.
struct scheduled_fibre {
  scheduled_fibre();

  fibre stack;
  std::function<void()> work;
  std::size_t number = 0;
  fibre_state state = fibre_state::ready;
  std::int64_t priority = 0;
  std::size_t freezes_after = 0;  // so many steps; 0: never
  bool is_frozen = false;         // goes on when nobody else can
  // As a thread: fresh for each schedule.
  thread_words words;
  void (*at_exit)() noexcept = nullptr;
  // While parked:
  const void* word = nullptr;
  std::chrono::nanoseconds deadline{};
  detail::park_end ended = detail::park_end::woken;

  bool can_go_on() const { return state == fibre_state::ready && !is_frozen; }
  bool timed() const { return state == fibre_state::parked && deadline != detail::no_deadline; }
};

using fibre_list = std::vector<std::unique_ptr<scheduled_fibre>>;

/// What runs one schedule: scheduler is its face to the body, and the hooks are its face to scheduled_sync.
class engine {
 public:
  engine(std::uint64_t seed, const exploration_options& options, bool traced);

  void run_body(std::function<void()> body);
  void spawn(std::function<void()> work, std::size_t freezes_after = 0);
  void run();
  [[noreturn]] void fail(const std::string& what);

  bool in_fibre() const noexcept { return current_ != nullptr; }
  void step(const char* operation, const void* object);
  void pause();
  detail::park_end park(const void* word, std::chrono::nanoseconds deadline);
  void unpark(const void* word, bool all);
  void sleep_until(std::chrono::nanoseconds deadline);
  void finished(scheduled_fibre& self);
  bool is_body(const scheduled_fibre& self) const noexcept { return &self == body_.get(); }
  scheduled_fibre& self() noexcept { return current_ != nullptr ? *current_ : *body_; }
  void changing(void* object, std::size_t size);
  void restore_statics() noexcept;

  static inline engine* active = nullptr;

  random_numbers random;
  step_trace trace;
  std::size_t steps = 0;
  std::chrono::nanoseconds time = std::chrono::seconds(1);
  std::string failure;

 private:
  scheduled_fibre* pick();
  scheduled_fibre* pick_timeout();
  scheduled_fibre* thaw() noexcept;
  void go_on_with(scheduled_fibre* next);
  void leave_for(fibre& to);
  std::string who_is_parked();

  const std::size_t max_steps_;
  const bool by_priority_;
  fibre explorer_;
  std::unique_ptr<scheduled_fibre> body_;
  scheduled_fibre* current_ = nullptr;
  fibre_list fibres_;
  std::size_t change_points_[2] = {};  // steps after which the fibre that runs gets priority 1, or 2: below all others
  std::int64_t lowest_ = 0;

  struct saved_static {
    void* object;
    std::array<std::byte, 16> value;
    std::size_t size;
  };
  std::vector<saved_static> statics_;
};

}  // namespace cistern::schedules
