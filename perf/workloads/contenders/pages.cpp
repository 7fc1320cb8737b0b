// SPDX-License-Identifier: MIT
#include <cistern/allocators/pages_backend.hpp>
#include <workloads/contenders/backend_contender.hpp>

#include <fstream>
#include <string>

namespace cistern::perf {
namespace {

template <page_policy Policy>
struct pages_of : pages_backend {
  constexpr pages_of() noexcept : pages_backend(Policy) {}
};

constexpr std::size_t page = 4096, huge_page = std::size_t{2} << 20;

std::string huge_page_pool() {
  long pages = 0;
  std::ifstream("/proc/sys/vm/nr_hugepages") >> pages;
  return std::to_string(pages) + " pages in the pool";
}

}  // namespace

void register_pages() {
  add<backend_contender<pages_of<page_policy::normal>, page>>(
      {"pages", "allocator", "a mapping of its own for each block; plays with blocks of 4 KiB and more", ""});
  add<backend_contender<pages_of<page_policy::transparent_huge>, huge_page>>(
      {"pages-thp", "allocator", "the same on transparent huge pages; plays with blocks of 2 MiB and more", ""});
  add<backend_contender<pages_of<page_policy::explicit_huge>, huge_page>>(
      {"pages-huge", "allocator", "the same on the system's pool of huge pages, and as pages-thp when that is empty",
       huge_page_pool()});
}

}  // namespace cistern::perf
