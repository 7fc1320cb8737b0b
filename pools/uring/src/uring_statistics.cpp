// SPDX-License-Identifier: MIT
#include <cistern/uring/uring_statistics.hpp>

namespace cistern::inline v0 {
namespace {

std::string number(const char* name, std::uint64_t value) {
  return std::string(" ") + name + ' ' + std::to_string(value);
}

}  // namespace

std::string to_string(const uring_pool_statistics& of) {
  return "uring pool \"" + of.name + "\":" + number("total", of.total) + number("free", of.free) +
         number("held", of.held) + number("in_flight", of.in_flight) + number("lent", of.lent) +
         number("gets", of.gets) + number("exhausted", of.exhausted) + number("bytes_each", of.bytes_each) +
         number("registered", of.registered ? 1 : 0);
}

std::string to_string(const uring_ring_statistics& of) {
  return "uring ring of pool \"" + of.name + "\":" + number("group", of.group) + number("total", of.total) +
         number("lent", of.lent) + number("held", of.held) + number("operations", of.operations) +
         number("arrivals", of.arrivals) + number("exhausted", of.exhausted);
}

}  // namespace cistern::inline v0
