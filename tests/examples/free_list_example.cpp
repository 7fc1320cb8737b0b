// SPDX-License-Identifier: MIT
//
// Nodes of one size, made and dropped by one thread.
#include <cistern/pools/free_list.hpp>

#include <cstdio>
#include <new>

struct order {
  int price;
  int amount;
  order* next;
};

int main() {
  cistern::free_list<> orders(sizeof(order), alignof(order));
  if (orders.reserve(1000) != 1000) return 1;  // no allocation after this one, while at most 1000 are out

  order* book = nullptr;
  for (int price = 1; price <= 1000; ++price) book = new (orders.allocate()) order{price, 10, book};

  long total = 0;
  while (book != nullptr) {
    order* const filled = book;
    book = filled->next;
    total += long{filled->price} * filled->amount;
    orders.deallocate(filled);  // trivially destructible: nothing to destroy
  }
  std::printf("%ld, %zu blocks given back\n", total, orders.trim());
  return total == 5'005'000 ? 0 : 1;
}
