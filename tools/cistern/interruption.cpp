// SPDX-License-Identifier: MIT
#include "interruption.hpp"

#include <cerrno>
#include <csignal>
#include <system_error>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace cistern::compare {
namespace {

constexpr int stopping[] = {SIGINT, SIGTERM, SIGHUP};

volatile std::sig_atomic_t write_end = -1;
struct sigaction former[std::size(stopping)], former_pipe;

void note(int /*signal*/) {
  const int saved = errno;
  // A full pipe is readable already.
  [[maybe_unused]] const ssize_t written = write(write_end, "", 1);
  errno = saved;
}

}  // namespace

interruption::interruption() {
  if (pipe2(pipe_, O_CLOEXEC | O_NONBLOCK) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  write_end = pipe_[1];
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
  for (std::size_t i = 0; i < std::size(stopping); ++i) {
    sigaction(stopping[i], nullptr, &former[i]);
    if (former[i].sa_handler != SIG_IGN) sigaction(stopping[i], &action, nullptr);
  }
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, &former_pipe);
}

interruption::~interruption() {
  for (std::size_t i = 0; i < std::size(stopping); ++i) sigaction(stopping[i], &former[i], nullptr);
  sigaction(SIGPIPE, &former_pipe, nullptr);
  write_end = -1;
  close(pipe_[0]);
  close(pipe_[1]);
}

bool interruption::requested() const noexcept {
  pollfd waiting{.fd = pipe_[0], .events = POLLIN, .revents = 0};
  return poll(&waiting, 1, 0) > 0;
}

}  // namespace cistern::compare
