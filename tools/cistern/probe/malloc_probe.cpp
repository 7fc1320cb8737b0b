// SPDX-License-Identifier: MIT
//
// Preloaded into every process of a program under comparison, this object says which malloc the process was really
// given, and at its end how much memory it had at most. It appends to the file that CISTERN_PROBE_FILE names:
//
//     start <tab> process id <tab> file of malloc <tab> file of operator new <tab> file of libc <tab> executable
//     exit <tab> process id <tab> VmHWM in KiB
//
// It may be in any process, so it allocates nothing, needs libc alone, keeps no descriptor, leaves errno as it was, and
// stays silent when anything fails. One write per line, so that the lines of several processes do not mix. The peak is
// the kernel's VmHWM, which begins anew with exec, unlike ru_maxrss. _exit is defined here too, so that a process
// leaves no exit line only when it ends by a signal or by a system call of its own, or has become a program without
// this probe.
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sys/syscall.h>
#include <unistd.h>

extern "C" {
[[gnu::weak]] void* _Znwm(std::size_t bytes);  // operator new, where the process has one
const char* gnu_get_libc_version();
}

namespace {

constexpr std::size_t longest_path = 4096;

char record_file[longest_path];
char executable[longest_path];

// A line that grows in a buffer of the caller's; what does not fit is cut off.
struct line {
  char* text;
  std::size_t room;
  std::size_t length = 0;

  void add(const char* more) {
    for (; *more != '\0' && length < room; ++more) text[length++] = *more;
  }
  void add_number(unsigned long number) {
    char digits[24];
    char* at = digits + sizeof digits;
    *--at = '\0';
    do {
      *--at = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    add(at);
  }
};

void append(const line& what) {
  const int file = open(record_file, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (file < 0) return;
  [[maybe_unused]] const ssize_t written = write(file, what.text, what.length);
  close(file);
}

// The file that defines `address`. An executable that is not position independent and takes malloc's address holds a
// stub that stands for malloc everywhere; then the definition is the one that follows in the search order, which is why
// this object is preloaded before the allocator.
const char* file_of(void* address, const char* name) {
  Dl_info info{};
  void* extra = nullptr;
  if (address == nullptr || dladdr1(address, &info, &extra, RTLD_DL_SYMENT) == 0) return "";
  const auto* const symbol = static_cast<const ElfW(Sym)*>(extra);
  if (symbol != nullptr && symbol->st_shndx == SHN_UNDEF) {
    void* const next = dlsym(RTLD_NEXT, name);
    if (next == nullptr || dladdr(next, &info) == 0) return "";
  }
  void* object = nullptr;
  if (dladdr1(info.dli_saddr != nullptr ? info.dli_saddr : address, &info, &object, RTLD_DL_LINKMAP) == 0) return "";
  const char* const file = static_cast<const link_map*>(object)->l_name;
  return file[0] != '\0' ? file : executable;  // the executable has no name there
}

template <class Function>
void* address_of(Function* function) {
  return reinterpret_cast<void*>(function);
}

[[gnu::destructor]] void at_exit() {
  if (record_file[0] == '\0') return;  // not wanted
  const int saved = errno;
  char status[4096];  // VmHWM stands in the first kilobytes
  const int file = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  const ssize_t length = file >= 0 ? read(file, status, sizeof status - 1) : -1;
  if (file >= 0) close(file);
  status[length > 0 ? length : 0] = '\0';
  if (const char* const peak = std::strstr(status, "VmHWM:"); peak != nullptr) {
    char buffer[96];
    line exit{.text = buffer, .room = sizeof buffer - 1};
    exit.add("exit\t");
    exit.add_number(static_cast<unsigned long>(getpid()));
    exit.add("\t");
    exit.add_number(std::strtoul(peak + sizeof "VmHWM:" - 1, nullptr, 10));
    buffer[exit.length++] = '\n';
    append(exit);
  }
  errno = saved;
}

[[gnu::constructor]] void at_start() {
  const int saved = errno;
  const char* const wanted = getenv("CISTERN_PROBE_FILE");
  if (wanted == nullptr || std::strlen(wanted) >= sizeof record_file) return;
  std::strcpy(record_file, wanted);

  static char buffer[4 * longest_path + 64];
  const ssize_t length = readlink("/proc/self/exe", executable, sizeof executable - 1);
  executable[length > 0 ? length : 0] = '\0';
  line start{.text = buffer, .room = sizeof buffer - 1};
  start.add("start\t");
  start.add_number(static_cast<unsigned long>(getpid()));
  start.add("\t");
  start.add(file_of(address_of(&malloc), "malloc"));
  start.add("\t");
  start.add(file_of(address_of(&_Znwm), "_Znwm"));
  start.add("\t");
  start.add(file_of(address_of(&gnu_get_libc_version), "gnu_get_libc_version"));
  start.add("\t");
  start.add(executable);
  buffer[start.length++] = '\n';
  append(start);
  at_quick_exit(at_exit);
  errno = saved;
}

[[noreturn]] void end_at_once(int status) {
  at_exit();
  for (;;) syscall(SYS_exit_group, status);
}

}  // namespace

// The C library ends by an _exit of its own, after at_exit() has run.
extern "C" {
[[gnu::visibility("default")]] void _exit(int status) { end_at_once(status); }
[[gnu::visibility("default")]] void _Exit(int status) noexcept { end_at_once(status); }
}
