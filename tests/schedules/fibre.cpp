// SPDX-License-Identifier: MIT
// glibc's checking longjmp takes a jump to another stack for an error.
#undef _FORTIFY_SOURCE
#include <schedules/fibre.hpp>
#include <schedules/scheduler.hpp>

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include <cxxabi.h>

#if CISTERN_SCHEDULES_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

namespace cistern::schedules {
namespace {

constexpr std::size_t stack_size = std::size_t{256} * 1024;  // what is not touched costs no memory
constexpr std::size_t guard_size = 64;
constexpr auto guard = std::byte{0xa5};

fibre* switched_from = nullptr;

}  // namespace

fibre::fibre(void (*entry)(void*), void* argument)
    : entry_(entry),
      argument_(argument),
      stack_(new std::byte[stack_size]),
      stack_bottom_(stack_.get()),
      stack_bytes_(stack_size) {
  std::fill_n(stack_.get(), guard_size, guard);
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_.get();
  context_.uc_stack.ss_size = stack_size;
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  makecontext(&context_, reinterpret_cast<void (*)()>(&fibre::start), 2, static_cast<unsigned>(self >> 32),
              static_cast<unsigned>(self));
}

bool fibre::overflown() const noexcept {
  return !std::all_of(stack_.get(), stack_.get() + guard_size, [](std::byte byte) { return byte == guard; });
}

// makecontext() passes integers only.
void fibre::start(unsigned high, unsigned low) {
  fibre& self = *reinterpret_cast<fibre*>(std::uintptr_t{high} << 32 | low);
  self.arrived();
  self.entry_(self.argument_);
  std::abort();
}

void fibre::arrived() noexcept {
#if CISTERN_SCHEDULES_ASAN
  __sanitizer_finish_switch_fiber(fake_stack_, &switched_from->stack_bottom_, &switched_from->stack_bytes_);
#endif
}

void fibre::switch_between(fibre& from, fibre& to) noexcept {
  auto& in_flight = *reinterpret_cast<exceptions_in_flight*>(abi::__cxa_get_globals());
  from.exceptions_ = in_flight;
  in_flight = to.exceptions_;
  switched_from = &from;
#if CISTERN_SCHEDULES_ASAN
  __sanitizer_start_switch_fiber(&from.fake_stack_, to.stack_bottom_, to.stack_bytes_);
  swapcontext(&from.context_, &to.context_);
  from.arrived();
#else
  if (_setjmp(from.jump_) != 0) return;
  if (to.started_ || to.entry_ == nullptr) _longjmp(to.jump_, 1);
  to.started_ = true;
  setcontext(&to.context_);
#endif
}

}  // namespace cistern::schedules
