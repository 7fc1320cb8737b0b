// SPDX-License-Identifier: MIT
// Starts a child of its own; both sleep for long.
#include <chrono>
#include <thread>

#include <unistd.h>

int main() {
  [[maybe_unused]] const pid_t child = fork();
  std::this_thread::sleep_for(std::chrono::minutes(10));
}
