// SPDX-License-Identifier: MIT
// Pools with a fixed number: of things that lie idle, and of things that there are; and the ready-made ones for bytes.
#include <cistern/pools/bounded_pool.hpp>
#include <cistern/pools/fixed_block_pool.hpp>
#include <cistern/pools/sized_text_pool.hpp>
#include <cistern/pools/text_pool.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;

/// There may be only so many of them, say because the device has so many channels.
struct channel {
  int number;
};

struct channel_hooks {
  int next = 0;
  channel make() { return {next++}; }  // both by warm() here, else it would need a lock
};

}  // namespace

int main() {
  // Never more than two in all: who finds none waits for up to a second.
  cistern::bounded_pool<channel, channel_hooks> channels(
      2, {.name = "channels", .by = cistern::bound::total, .max_wait = 1s});
  channels.warm(2);
  std::vector<std::thread> users;
  for (int i = 0; i < 4; ++i)
    users.emplace_back([&] {
      for (int turn = 0; turn < 1000; ++turn) {
        const auto one = channels.get();  // puts itself back
        if (one->number > 1) std::abort();
      }
    });
  for (std::thread& each : users) each.join();

  auto first = channels.get(), second = channels.get();
  const bool none_left = !channels.try_get();
  try {
    auto third = channels.get_for(1ms);
  } catch (const cistern::pool_exhausted& refused) {
    std::cout << refused.what() << '\n';
  }

  // Never more than 16 strings kept, each with the room that it has grown to ...
  cistern::text_pool texts(16);
  texts.get()->append("some text");

  // ... or each with room for 1024 characters, whatever it had grown to.
  cistern::sized_text_pool sized(16, 1024);
  sized.get()->append(100'000, 'x');
  const bool trimmed = sized.get()->capacity() < 2000;

  // Packets: the payload first, then the header before it.
  cistern::fixed_block_pool packets(16, 1500, 4);
  auto packet = packets.get();
  std::ranges::fill(packet->payload(), std::byte{'p'});
  std::ranges::fill(packet->with_header(4).first(4), std::byte{'h'});
  std::cout << packet->with_header(4).size() << " bytes to send\n";

  std::cout << to_string(channels.statistics()) << '\n';
  return none_left && trimmed && texts.kept() == 1 ? 0 : 1;
}
