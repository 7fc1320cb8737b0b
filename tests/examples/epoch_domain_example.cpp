// SPDX-License-Identifier: MIT
// A routing table that is read without a lock and replaced as a whole.
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/epoch_guard.hpp>

#include <atomic>
#include <cstdio>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace {

using routing_table = std::map<std::string, int>;

std::atomic<const routing_table*> routes{new routing_table{{"a.example", 0}}};

int route(const std::string& host) {
  const cistern::epoch_guard guard;  // about a nanosecond; the table stays while it lives
  const routing_table& table = *routes.load(std::memory_order_acquire);
  const auto found = table.find(host);
  return found == table.end() ? -1 : found->second;
}

void replace(routing_table fresh) {
  const routing_table* const old = routes.exchange(new routing_table(std::move(fresh)), std::memory_order_acq_rel);
  cistern::epoch_domain::default_domain().retire(old);  // deleted when the last reader of it has left
}

}  // namespace

int main() {
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([] {
      while (route("b.example") != 100) std::this_thread::yield();
    });
  for (int version = 1; version <= 100; ++version) replace({{"a.example", version}, {"b.example", version}});
  for (std::thread& reader : readers) reader.join();
  cistern::epoch_domain& domain = cistern::epoch_domain::default_domain();
  domain.barrier();
  const cistern::epoch_statistics now = domain.statistics();
  std::printf("epoch %llu, %zu objects pending\n", static_cast<unsigned long long>(now.epoch), now.pending_objects);
  delete routes.load();
  return now.pending_objects == 0 ? 0 : 1;
}
