// SPDX-License-Identifier: MIT
// Nodes of a lock-free stack: popped under a guard, retired in batches, used again once nobody can see them.
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/epoch_guard.hpp>
#include <cistern/allocators/retire_list.hpp>

#include <atomic>
#include <cstdio>
#include <thread>
#include <vector>

namespace {

struct node {
  node* next;
  int value;
};

std::atomic<node*> top{nullptr};
std::atomic<int> freed{0};

void free_nodes(void* /*context*/, void** nodes, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) delete static_cast<node*>(nodes[i]);
  freed += static_cast<int>(count);
}

void push(int value) {
  auto* const fresh = new node{top.load(), value};
  while (!top.compare_exchange_weak(fresh->next, fresh)) {
  }
}

bool pop(cistern::retire_list& retired) {
  const cistern::epoch_guard guard;  // `first` may be popped by another thread meanwhile; it is not freed
  node* first = top.load();
  while (first != nullptr && !top.compare_exchange_weak(first, first->next)) {
  }
  if (first != nullptr) retired.retire(first);
  return first != nullptr;
}

}  // namespace

int main() {
  constexpr int threads = 3, each = 1000;
  {
    cistern::retire_list retired(cistern::epoch_domain::default_domain(), sizeof(node), free_nodes);
    std::vector<std::thread> running;
    for (int i = 0; i < threads; ++i)
      running.emplace_back([&retired] {
        for (int value = 0; value < each; ++value) {
          push(value);
          pop(retired);
        }
      });
    for (std::thread& thread : running) thread.join();
    while (pop(retired)) {
    }
  }  // waits until every node has been freed
  std::printf("%d of %d nodes freed\n", freed.load(), threads * each);
  return freed == threads * each ? 0 : 1;
}
