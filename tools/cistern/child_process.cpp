// SPDX-License-Identifier: MIT
//
// One thread, one poll loop over the child's two pipes, its pidfd and the interruption. The group is killed while its
// leader is still a zombie, so that its number cannot have passed to another process.
#include "child_process.hpp"

#include "descendants.hpp"
#include "words.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace cistern::compare {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t most_output = 64u << 20;
constexpr std::size_t most_errors = 8u << 10;

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

class descriptor {
 public:
  descriptor() = default;
  explicit descriptor(int number) : number_(number) {}
  descriptor(descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  descriptor& operator=(descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~descriptor() { reset(); }

  int get() const noexcept { return number_; }
  void reset() noexcept {
    if (number_ >= 0) close(number_);
    number_ = -1;
  }

 private:
  int number_ = -1;
};

struct pipe_ends {
  descriptor read, write;
};

pipe_ends make_pipe() {
  int ends[2];
  checked(pipe2(ends, O_CLOEXEC), "pipe");
  return {descriptor(ends[0]), descriptor(ends[1])};
}

std::vector<std::string> changed_environment(const child_request& request) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view name = std::string_view(*entry).substr(0, std::string_view(*entry).find('='));
    const bool changed = std::ranges::any_of(request.environment, [&](const auto& c) { return c.first == name; });
    if (!changed) result.emplace_back(*entry);
  }
  for (const auto& [name, value] : request.environment)
    if (value) result.push_back(name + "=" + *value);
  return result;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& text : strings) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// Everything that the child needs between fork and exec, made before the fork.
struct launch {
  std::vector<std::string> arguments, environment;
  std::vector<char*> argument_pointers, environment_pointers;
  const char* program;
  const char* stdin_file;
  int output = -1, errors = -1, failure = -1;
  pid_t parent = getpid();
};

[[noreturn]] void become(const launch& to) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  signal(SIGPIPE, SIG_DFL);                // what is ignored stays so over exec
  if (getppid() != to.parent) _exit(127);  // the parent died before prctl
  const int input = open(to.stdin_file, O_RDONLY);
  const int output = to.output >= 0 ? to.output : open("/dev/null", O_WRONLY);
  if (input >= 0 && output >= 0 && dup2(input, 0) >= 0 && dup2(output, 1) >= 0 && dup2(to.errors, 2) >= 0) {
    if (input > 2) close(input);
    if (output > 2) close(output);
    execve(to.program, to.argument_pointers.data(), to.environment_pointers.data());
  }
  const int reason = errno;
  [[maybe_unused]] const ssize_t written = write(to.failure, &reason, sizeof reason);
  _exit(127);
}

class running_child {
 public:
  running_child(const child_request& request, const interruption& stop) : request_(request), stop_(stop) {}

  child_outcome run() {
    start();
    watch();
    finish();
    return std::move(outcome_);
  }

 private:
  void start();
  void watch();
  void finish();
  int poll_timeout() const;
  static bool take(descriptor& from, std::string& into, std::size_t most, bool keep_end);

  const child_request& request_;
  const interruption& stop_;
  clock::time_point started_;
  descendants descendants_;
  descriptor output_, errors_, failure_, process_;
  child_outcome outcome_;
};

void running_child::start() {
  launch to{.arguments = request_.arguments,
            .environment = changed_environment(request_),
            .argument_pointers = {},
            .environment_pointers = {},
            .program = request_.program.c_str(),
            .stdin_file = request_.stdin_file.c_str()};
  to.argument_pointers = pointers(to.arguments);
  to.environment_pointers = pointers(to.environment);
  pipe_ends output, errors = make_pipe(), failure = make_pipe();
  if (request_.keep_output) output = make_pipe();
  to.output = output.write.get();
  to.errors = errors.write.get();
  to.failure = failure.write.get();

  started_ = clock::now();
  outcome_.process = checked(fork(), "fork");
  if (outcome_.process == 0) become(to);
  setpgid(outcome_.process, outcome_.process);  // in both, so that it holds whoever comes first
  process_ = descriptor(static_cast<int>(syscall(SYS_pidfd_open, outcome_.process, 0)));
  if (process_.get() < 0) {
    const int reason = errno;
    kill(-outcome_.process, SIGKILL);
    waitpid(outcome_.process, nullptr, 0);
    throw std::system_error(reason, std::generic_category(), "pidfd_open (Linux 5.3 or later is needed)");
  }
  output_ = std::move(output.read);
  errors_ = std::move(errors.read);
  failure_ = std::move(failure.read);
  for (const descriptor* end : {&output_, &errors_})
    if (end->get() >= 0) fcntl(end->get(), F_SETFL, O_NONBLOCK);
}

int running_child::poll_timeout() const {
  if (!request_.time_limit) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(started_ + *request_.time_limit - clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1 << 30));
}

// Reads what is there; false at the end of the pipe.
bool running_child::take(descriptor& from, std::string& into, std::size_t most, bool keep_end) {
  if (from.get() < 0) return false;
  std::array<char, 16384> chunk;
  for (;;) {
    const ssize_t got = read(from.get(), chunk.data(), chunk.size());
    if (got <= 0) return got < 0 && (errno == EAGAIN || errno == EINTR);
    into.append(chunk.data(), static_cast<std::size_t>(got));
    if (into.size() > most) keep_end ? into.erase(0, into.size() - most) : into.erase(most);
  }
}

void running_child::watch() {
  using ending = child_outcome::ending;
  outcome_.how = ending::exited;
  for (;;) {
    std::array<pollfd, 4> waiting{{{process_.get(), POLLIN, 0},
                                   {stop_.descriptor(), POLLIN, 0},
                                   {output_.get(), POLLIN, 0},
                                   {errors_.get(), POLLIN, 0}}};
    const int ready = poll(waiting.data(), waiting.size(), poll_timeout());
    if (ready < 0 && errno == EINTR) continue;
    if (ready == 0) outcome_.how = ending::timed_out;
    if (waiting[1].revents != 0) outcome_.how = ending::interrupted;
    if (waiting[0].revents != 0 || outcome_.how != ending::exited) break;
    if (!take(output_, outcome_.output, most_output, false)) output_.reset();
    if (!take(errors_, outcome_.errors, most_errors, true)) errors_.reset();
  }
  outcome_.wall_seconds = std::chrono::duration<double>(clock::now() - started_).count();
}

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

void running_child::finish() {
  using ending = child_outcome::ending;
  kill(-outcome_.process, SIGKILL);
  int status = 0;
  rusage usage{};
  while (wait4(outcome_.process, &status, 0, &usage) < 0 && errno == EINTR) {
  }
  descendants_.kill_all();
  take(output_, outcome_.output, most_output, false);
  take(errors_, outcome_.errors, most_errors, true);
  outcome_.user_seconds = seconds(usage.ru_utime);
  outcome_.system_seconds = seconds(usage.ru_stime);
  outcome_.minor_faults = static_cast<std::uint64_t>(usage.ru_minflt);
  outcome_.major_faults = static_cast<std::uint64_t>(usage.ru_majflt);
  outcome_.rss_peak_bound = static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;

  int reason = 0;
  if (outcome_.how != ending::exited) return;
  if (WIFSIGNALED(status)) {
    outcome_.how = ending::signalled;
    outcome_.code = WTERMSIG(status);
  } else if (read(failure_.get(), &reason, sizeof reason) == sizeof reason) {
    outcome_.how = ending::not_started;
    outcome_.code = reason;
  } else {
    outcome_.code = WEXITSTATUS(status);
  }
}

}  // namespace

child_outcome run_child(const child_request& request, const interruption& stop) {
  return running_child(request, stop).run();
}

std::string describe(const child_outcome& outcome) {
  using ending = child_outcome::ending;
  std::string words;
  switch (outcome.how) {
    case ending::exited:
      words = fmt::format("exit status {}", outcome.code);
      break;
    case ending::signalled:
      words = fmt::format("killed by signal {} ({})", outcome.code, strsignal(outcome.code));
      break;
    case ending::timed_out:
      words = fmt::format("no end within {:.1f} s, killed", outcome.wall_seconds);
      break;
    case ending::interrupted:
      return "interrupted";
    case ending::not_started:
      if (outcome.code == ENOEXEC)
        return "not started: neither a program for this machine nor a script that begins with #!";
      return fmt::format("not started: {}", std::strerror(outcome.code));
  }
  const std::string why = last_line(outcome.errors);
  return why.empty() ? words : words + ": " + why;
}

}  // namespace cistern::compare
