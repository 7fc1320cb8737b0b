// SPDX-License-Identifier: MIT
// Two modules that each contain cistern are loaded late into one process: each has a domain of its own, threads that
// have used both end in both, and unloading one is harmless.
#include <cstdio>
#include <thread>

#include <dlfcn.h>

namespace {

int failures = 0;

void expect(bool truth, const char* what) {
  if (truth) return;
  std::fprintf(stderr, "not true: %s\n", what);
  ++failures;
}

struct copy {
  void* handle;
  void* (*domain)();
  void (*use)(int*);
  void (*barrier)();

  explicit copy(const char* file)
      : handle(dlopen(file, RTLD_NOW | RTLD_LOCAL)),
        domain(function<void* (*)()>("default_domain")),
        use(function<void (*)(int*)>("use")),
        barrier(function<void (*)()>("barrier")) {}

  template <class F>
  F function(const char* name) const {
    if (handle == nullptr) std::fprintf(stderr, "%s\n", dlerror());
    return reinterpret_cast<F>(dlsym(handle, name));
  }
};

}  // namespace

int main(int, char** arguments) {
  const copy first(arguments[1]), second(arguments[2]);
  expect(first.handle != nullptr && second.handle != nullptr, "both are loaded");
  if (failures != 0) return 1;
  expect(first.domain() != second.domain(), "each copy has a default domain of its own");
  int in_first = 0, in_second = 0;
  std::thread([&] {
    for (int i = 0; i < 100; ++i) first.use(&in_first);
    for (int i = 0; i < 50; ++i) second.use(&in_second);
  }).join();
  first.barrier();
  second.barrier();
  expect(in_first == 100 && in_second == 50, "what a thread retired in either is freed there");
  first.use(&in_first);
  dlclose(first.handle);
  std::thread([&] { second.use(&in_second); }).join();
  second.barrier();
  expect(in_second == 51, "the second goes on after the first was closed");
  return failures == 0 ? 0 : 1;
}
