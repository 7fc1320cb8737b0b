// SPDX-License-Identifier: MIT
// Ends by _exit, so that nothing that runs at the end of a process runs; with an argument by the system call itself.
#include <sys/syscall.h>
#include <unistd.h>

int main(int count, char**) {
  if (count > 1) syscall(SYS_exit_group, 0);
  _exit(0);
}
