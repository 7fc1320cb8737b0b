// SPDX-License-Identifier: MIT
//
// Sockets that do not block, and one epoll for all of them. Every message is a part of one text of random bytes, so
// that what comes back is compared where it lies.
#include "echo_load.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace cistern::echo {
namespace {

constexpr std::size_t largest_message = std::size_t{1} << 20;
constexpr std::size_t starts = 4096;  // where in the text a message may begin

[[noreturn]] void failed(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

class descriptor {
 public:
  explicit descriptor(int number, const char* what) : number_(number) {
    if (number < 0) failed(what);
  }
  descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~descriptor() {
    if (number_ >= 0) close(number_);
  }
  int operator*() const noexcept { return number_; }

 private:
  int number_;
};

void set(int socket, int level, int name, const void* value, socklen_t size) {
  if (setsockopt(socket, level, name, value, size) != 0) failed("setsockopt");
}

class generator {
 public:
  explicit generator(const load& wanted);
  load_result run();

 private:
  struct client {
    descriptor socket;
    bool idle = false;
    bool waits_to_send = false;
    const char* text = nullptr;  // of the message
    std::size_t size = 0;
    std::size_t say = 0;  // so many of them for now
    std::size_t sent = 0, received = 0;
    bool cut_off = false;  // once they are sent
  };

  descriptor connected();
  std::size_t random(std::size_t from, std::size_t to) {
    return std::uniform_int_distribution<std::size_t>(from, to)(random_);
  }
  std::size_t some_of(std::size_t bytes) { return wanted_.in_pieces ? random(1, bytes) : bytes; }

  void begin(client& one);
  void send(client& one);
  void receive(client& one);
  void got(client& one, std::size_t bytes);
  void connect_again(client& one);
  void want(client& one, std::uint32_t events, int operation);
  template <class Done>
  void handle_events_until(Done done);

  const load& wanted_;
  std::mt19937_64 random_;
  std::string text_ = std::string(largest_message + starts, '\0');
  std::vector<char> arrived_ = std::vector<char>(std::size_t{64} << 10);
  descriptor epoll_{epoll_create1(EPOLL_CLOEXEC), "epoll_create1"};
  std::vector<client> clients_;
  std::uint64_t begun_ = 0;
  load_result result_;
};

generator::generator(const load& wanted) : wanted_(wanted), random_(wanted.seed) {
  if (wanted.idle >= wanted.connections || wanted.smallest == 0 || wanted.smallest > wanted.largest ||
      wanted.largest > largest_message)
    throw std::invalid_argument("such a load cannot be");
  std::ranges::generate(text_, [&] { return static_cast<char>(random_()); });
  clients_.reserve(wanted.connections);  // epoll has pointers to them
  for (std::size_t i = 0; i < wanted.connections; ++i) {
    clients_.push_back({.socket = connected(), .idle = i < wanted.idle});
    want(clients_.back(), EPOLLIN, EPOLL_CTL_ADD);
  }
}

descriptor generator::connected() {
  descriptor made(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(wanted_.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(*made, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) failed("connect");
  constexpr int yes = 1;
  set(*made, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return made;
}

void generator::want(client& one, std::uint32_t events, int operation) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &one;
  if (epoll_ctl(*epoll_, operation, *one.socket, &event) != 0) failed("epoll_ctl");
  one.waits_to_send = (events & EPOLLOUT) != 0;
}

void generator::begin(client& one) {
  if (!one.idle && begun_ == wanted_.messages) return;
  one.text = text_.data() + random(0, starts - 1);
  one.size = one.say = random(wanted_.smallest, wanted_.largest);
  one.sent = one.received = 0;
  one.cut_off = !one.idle && wanted_.cut_off > 0 && std::bernoulli_distribution(wanted_.cut_off)(random_);
  if (one.cut_off)
    one.say = random(0, one.size - 1);
  else if (one.idle)
    one.say = one.size / 2;
  else
    ++begun_;
  send(one);
}

void generator::send(client& one) {
  while (one.sent != one.say) {
    const std::size_t some = some_of(one.say - one.sent);
    const ssize_t went = ::send(*one.socket, one.text + one.sent, some, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (went < 0 && errno != EAGAIN) failed("send");
    one.sent += went > 0 ? static_cast<std::size_t>(went) : 0;
    if (one.sent != one.say && (went < 0 || wanted_.in_pieces)) {  // the rest later, after the others
      if (!one.waits_to_send) want(one, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
      return;
    }
  }
  if (one.waits_to_send) want(one, EPOLLIN, EPOLL_CTL_MOD);
  if (one.cut_off) connect_again(one);
}

void generator::connect_again(client& one) {
  if (random(0, 1) == 0) {
    constexpr linger reset = {.l_onoff = 1, .l_linger = 0};
    set(*one.socket, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  one = {.socket = connected()};
  ++result_.cut_off;
  want(one, EPOLLIN, EPOLL_CTL_ADD);
  begin(one);
}

void generator::receive(client& one) {
  const ssize_t bytes = recv(*one.socket, arrived_.data(), some_of(arrived_.size()), MSG_DONTWAIT);
  if (bytes < 0 && errno == EAGAIN) return;
  if (bytes < 0) failed("recv");
  if (bytes == 0) throw std::runtime_error("the server closed a connection");
  got(one, static_cast<std::size_t>(bytes));
}

void generator::got(client& one, std::size_t bytes) {
  if (bytes > one.sent - one.received) throw std::runtime_error("more came back than was sent");
  if (std::memcmp(arrived_.data(), one.text + one.received, bytes) != 0)
    throw std::runtime_error("other bytes came back than were sent");
  one.received += bytes;
  if (one.received != one.size) return;
  if (one.idle) {
    ++result_.resumed;
  } else {
    ++result_.messages;
    begin(one);
  }
}

template <class Done>
void generator::handle_events_until(Done done) {
  std::array<epoll_event, 64> events;
  while (!done()) {
    const int count = epoll_wait(*epoll_, events.data(), static_cast<int>(events.size()), 10'000);
    if (count < 0 && errno != EINTR) failed("epoll_wait");
    if (count == 0) throw std::runtime_error("the server says nothing any more");
    for (int i = 0; i < count; ++i) {
      client& one = *static_cast<client*>(events[static_cast<std::size_t>(i)].data.ptr);
      const std::uint32_t what = events[static_cast<std::size_t>(i)].events;
      if ((what & ~std::uint32_t{EPOLLOUT}) != 0) receive(one);
      if ((what & EPOLLOUT) != 0 && one.waits_to_send) send(one);
    }
  }
}

load_result generator::run() {
  const auto before = std::chrono::steady_clock::now();
  for (client& one : clients_) begin(one);
  handle_events_until([&] { return result_.messages == wanted_.messages; });
  result_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
  for (client& one : clients_)
    if (one.idle) {
      one.say = one.size;
      send(one);
    }
  handle_events_until([&] { return result_.resumed == wanted_.idle; });
  return result_;
}

}  // namespace

load_result run_load(const load& wanted) {
  try {
    return generator(wanted).run();
  } catch (const std::runtime_error& wrong) {
    return {.error = wrong.what()};
  }
}

}  // namespace cistern::echo
