// SPDX-License-Identifier: MIT
// A session that is kept across a blocking call, though it is replaced and retired meanwhile.
#include <cistern/allocators/epoch_domain.hpp>
#include <cistern/allocators/epoch_guard.hpp>
#include <cistern/allocators/epoch_hold.hpp>

#include <atomic>
#include <cstdio>
#include <string>

namespace {

struct session {
  std::string user;
};

std::atomic<session*> current{new session{"ada"}};

}  // namespace

int main() {
  cistern::epoch_domain& domain = cistern::epoch_domain::default_domain();
  cistern::epoch_hold hold(domain);
  const session* mine = nullptr;
  {
    const cistern::epoch_guard guard;
    mine = current.load();
    hold.keep(guard, mine);
  }  // the guard is gone: the epoch moves on while this thread sleeps or waits for a reply

  domain.retire(current.exchange(new session{"grace"}));
  domain.barrier();  // frees what can be freed, and that is not
  std::printf("still %s\n", mine->user.c_str());
  const bool kept = mine->user == "ada" && domain.statistics().pending_objects == 1;

  hold.release();
  domain.barrier();
  delete current.load();
  return kept && domain.statistics().pending_objects == 0 ? 0 : 1;
}
