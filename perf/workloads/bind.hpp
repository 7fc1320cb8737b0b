// SPDX-License-Identifier: MIT
#pragma once

#include <workloads/activity.hpp>
#include <workloads/contender.hpp>
#include <workloads/observed.hpp>
#include <workloads/shapes/batch.hpp>
#include <workloads/shapes/cache.hpp>
#include <workloads/shapes/glibc_simple.hpp>
#include <workloads/shapes/larson.hpp>
#include <workloads/shapes/memory_return.hpp>
#include <workloads/shapes/mleak.hpp>
#include <workloads/shapes/mstress.hpp>
#include <workloads/shapes/pair.hpp>
#include <workloads/shapes/producer_consumer.hpp>
#include <workloads/shapes/rptest.hpp>
#include <workloads/shapes/slots.hpp>
#include <workloads/shapes/xmalloc.hpp>

#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace cistern::perf {

/// A shape (the class of one thread) compiled for one kind of memory.
///
/// A shape is `Shape(const stage&, Shape::shared&, int thread)`, constructed on the main thread before anything is
/// measured, so that its tables do not count; `fill(memory)`, `unit(memory)` and `drain(memory)` are called on its
/// thread. `shared` is what its threads have in common.
template <class Shape, class Contender, class Memory>
class bound final : public activity {
 public:
  bound(const stage& on, observer* by)
      : contender_(on.numbers), observer_(by), shared_(on), seats_(static_cast<std::size_t>(on.numbers.threads)) {
    for (std::size_t i = 0; i < seats_.size(); ++i) seats_[i].shape.emplace(on, shared_, static_cast<int>(i));
  }

  void enter(int thread) override {
    seat& at = seat_of(thread);
    if constexpr (std::constructible_from<Memory, Contender&, observer&>)
      at.memory.emplace(contender_, *observer_);
    else
      at.memory.emplace(contender_);
    at.shape->fill(*at.memory);
  }
  std::uint64_t unit(int thread) override { return seat_of(thread).shape->unit(*seat_of(thread).memory); }
  void drain(int thread) override { seat_of(thread).shape->drain(*seat_of(thread).memory); }
  void leave(int thread) override { seat_of(thread).memory.reset(); }
  void trim() override { contender_.trim(); }
  std::vector<class_fill> classes() const override {
    if constexpr (requires(const Contender& contender) { contender.classes(); })
      return contender_.classes();
    else
      return {};
  }

 private:
  // Threads must not share cache lines because of us.
  struct alignas(128) seat {
    std::optional<Memory> memory;
    std::optional<Shape> shape;
  };

  seat& seat_of(int thread) noexcept { return seats_[static_cast<std::size_t>(thread)]; }

  Contender contender_;
  observer* observer_;
  typename Shape::shared shared_;
  std::vector<seat> seats_;
};

template <shape What, template <class> class Shape, class Contender>
std::unique_ptr<activity> bind(const stage& on, observer* by) {
  using plain = typename Contender::memory;
  using watched = observed<plain>;
  if constexpr (!fits(demands_of(What), Contender::can)) {
    throw std::logic_error("a contender that cannot take part was asked to");
  } else {
    if (by == nullptr) return std::make_unique<bound<Shape<plain>, Contender, plain>>(on, by);
    return std::make_unique<bound<Shape<watched>, Contender, watched>>(on, by);
  }
}

/// Every shape, compiled for this contender. With an observer, through observed memory.
template <class Contender>
std::unique_ptr<activity> make_activity(const stage& on, observer* by) {
  switch (on.numbers.what) {
    case shape::pair:
      return bind<shape::pair, pair, Contender>(on, by);
    case shape::batch:
      return bind<shape::batch, batch, Contender>(on, by);
    case shape::glibc_simple:
      return bind<shape::glibc_simple, glibc_simple, Contender>(on, by);
    case shape::slots:
      return bind<shape::slots, slots, Contender>(on, by);
    case shape::larson:
      return bind<shape::larson, larson, Contender>(on, by);
    case shape::producer_consumer:
      return bind<shape::producer_consumer, producer_consumer, Contender>(on, by);
    case shape::xmalloc:
      return bind<shape::xmalloc, xmalloc, Contender>(on, by);
    case shape::mstress:
      return bind<shape::mstress, mstress, Contender>(on, by);
    case shape::rptest:
      return bind<shape::rptest, rptest, Contender>(on, by);
    case shape::cache_scratch:
      return bind<shape::cache_scratch, cache_scratch, Contender>(on, by);
    case shape::cache_thrash:
      return bind<shape::cache_thrash, cache_thrash, Contender>(on, by);
    case shape::mleak:
      return bind<shape::mleak, mleak, Contender>(on, by);
    case shape::memory_return:
      return bind<shape::memory_return, memory_return, Contender>(on, by);
  }
  throw std::logic_error("a workload of no shape");
}

/// Puts a contender into the comparison. Contender has
///
/// - `static constexpr abilities can`;
/// - a constructor from `const parameters&`: what all threads of a cell share, made on the main thread;
/// - `class memory`, one thread's way in, made on that thread from `Contender&`: `allocate(bytes)`, which returns null
///   or throws std::bad_alloc when there is none, `deallocate(block, bytes)`, and where they mean something `trim()`
///   (blocks may be live) and `all_freed()` (none of this thread is). Copyable, for another thread, when blocks may be
///   freed elsewhere;
/// - `trim()`, called when nothing is live and no memory object exists;
/// - where it is a pool that can tell, `std::vector<class_fill> classes() const`: the size classes of which it holds
///   blocks, smallest first. Called once a pass, on the main thread, while the others are between two units and all
///   that they hold is live.
template <class Contender>
void add(contender_info info, std::string_view tunables = {}) {
  add_contender({std::move(info), Contender::can, tunables, &make_activity<Contender>});
}

}  // namespace cistern::perf
