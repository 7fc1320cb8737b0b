// SPDX-License-Identifier: MIT
// Finding a thread's own value for an instance, beside a thread_local variable, which can be had once per type only.
// With several instances they are asked in turn.
#include <cistern/allocators/thread_registry.hpp>

#include <cstddef>
#include <vector>

#include <benchmark/benchmark.h>

namespace {

void a_thread_local(benchmark::State& state) {
  static thread_local constinit void* value = nullptr;
  for (auto _ : state) {
    void* found = value;
    benchmark::DoNotOptimize(found);
    benchmark::ClobberMemory();
  }
}

// Instances that this thread has a value for.
class instances {
 public:
  explicit instances(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      ids_.push_back(cistern::thread_registry::enter(this, [](void*, void*) noexcept {}));
      attached_ = cistern::thread_registry::attach(ids_.back(), this) && attached_;
    }
  }
  ~instances() {
    for (const auto id : ids_) cistern::thread_registry::leave(id);
  }
  instances(const instances&) = delete;
  instances& operator=(const instances&) = delete;

  bool attached() const { return attached_; }
  cistern::thread_registry::instance operator[](std::size_t i) const { return ids_[i]; }

 private:
  std::vector<cistern::thread_registry::instance> ids_;
  bool attached_ = true;
};

void find(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));  // a power of two
  const instances all(count);
  if (!all.attached()) return state.SkipWithError("no memory for the thread's values");
  std::size_t next = 0;
  for (auto _ : state) {
    void* found = cistern::thread_registry::find(all[next++ & (count - 1)]);
    benchmark::DoNotOptimize(found);
  }
}

BENCHMARK(a_thread_local);
BENCHMARK(find)->Arg(1)->Arg(64);

}  // namespace
