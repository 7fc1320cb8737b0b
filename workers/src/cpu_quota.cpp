// SPDX-License-Identifier: MIT
//
// Version 2 has one hierarchy, `0::/path` in the membership, and one file, cpu.max: "quota period" or "max period".
// Version 1 has a hierarchy for each controller, `4:cpu,cpuacct:/path`, mounted under the controllers' names, and two
// files, of which a quota of -1 is none. A limit on any group above ours is a limit on us.
#include <cistern/workers/detail/cpu_quota.hpp>

#include <fstream>
#include <sstream>

namespace cistern::inline v0::detail {
namespace {

std::optional<double> version_2(const std::string& folder) {
  std::ifstream file(folder + "/cpu.max");
  double quota = 0, period = 0;
  if (file >> quota >> period && quota > 0 && period > 0) return quota / period;
  return std::nullopt;
}

std::optional<double> version_1(const std::string& folder) {
  std::ifstream quota_file(folder + "/cpu.cfs_quota_us"), period_file(folder + "/cpu.cfs_period_us");
  double quota = 0, period = 0;
  if (quota_file >> quota && period_file >> period && quota > 0 && period > 0) return quota / period;
  return std::nullopt;
}

bool names_cpu(const std::string& controllers) {
  std::istringstream list(controllers);
  for (std::string name; std::getline(list, name, ',');)
    if (name == "cpu") return true;
  return false;
}

}  // namespace

std::optional<double> cpu_quota(const std::string& membership, const std::string& mount) {
  std::optional<double> smallest;
  const auto climb = [&](const std::string& base, std::string path, auto read) {
    for (;;) {
      if (const auto quota = read(base + path); quota && (!smallest || *quota < *smallest)) smallest = quota;
      if (path.empty()) return;
      path.erase(path.rfind('/'));
    }
  };

  std::istringstream lines(membership);
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string path = line.substr(second + 1);
    if (path.empty() || path.front() != '/') continue;
    if (path == "/") path.clear();
    if (controllers.empty()) climb(mount, path, version_2);
    if (names_cpu(controllers)) climb(mount + "/" + controllers, path, version_1);
  }
  return smallest;
}

}  // namespace cistern::inline v0::detail
