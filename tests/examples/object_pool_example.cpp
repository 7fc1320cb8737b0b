// SPDX-License-Identifier: MIT
// Objects that stay constructed: encoders with buffers that have grown, reset as they are put, and dropped when they
// have grown too large for what they are used for.
#include <cistern/pools/keep_rules.hpp>
#include <cistern/pools/object_pool.hpp>
#include <cistern/pools/typed_free_list.hpp>

#include <cstdint>
#include <iostream>
#include <string>
#include <thread>

namespace {

struct encoder {
  std::string text;
  void add(const std::string& name, int value) { text += name + '=' + std::to_string(value) + ';'; }
};

struct encoder_hooks {
  cistern::keep_by_use rule;

  encoder make() {
    encoder made;
    made.text.reserve(1024);
    return made;
  }
  bool keep(const encoder& used, std::uint8_t& strikes) {
    return rule(used.text.size(), used.text.capacity(), strikes);
  }
  void reset(encoder& used) { used.text.clear(); }
};

}  // namespace

int main() {
  cistern::object_pool<encoder, encoder_hooks> encoders({.name = "encoders", .max_total = 1000});
  encoders.warm(4);

  const auto work = [&] {
    for (int i = 0; i < 1000; ++i) {
      auto one = encoders.get();  // puts itself back
      one->add("number", i);
    }
  };
  std::thread other(work);
  work();
  other.join();

  // Several owners; the last one puts it back.
  auto shared = encoders.get().share();
  std::thread reader([copy = shared] { std::cout << copy->text.capacity() << " bytes of room\n"; });
  reader.join();
  shared.reset();

  // Records that are as new each time, as net/rpc's requests.
  struct request {
    std::uint64_t sequence = 0;
  };
  cistern::typed_free_list<request> requests;
  requests.get()->sequence = 7;

  std::cout << to_string(encoders.statistics()) << '\n';
  const bool all_back = encoders.statistics().live == 0 && requests.get()->sequence == 0;
  encoders.close();  // a later get throws pool_closed
  return all_back ? 0 : 1;
}
