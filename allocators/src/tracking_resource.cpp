// SPDX-License-Identifier: MIT
//
// Invariants: I1 a block is in live_ from before allocate() returns it until deallocate() is called with it; I2 it has
// left live_ before the upstream gets it back, so that no other thread can be given an address that is still listed.
// The callbacks are called without the lock: they may ask for a report.
#include <cistern/allocators/tracking_resource.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace cistern::inline v0 {
namespace {

std::pmr::memory_resource* bookkeeping_of(const tracking_options& options) noexcept {
  return options.bookkeeping != nullptr ? options.bookkeeping : std::pmr::new_delete_resource();
}

bool same_place(const source_site& a, const source_site& b) noexcept {
  return a.line == b.line && std::strcmp(a.file, b.file) == 0;
}

std::string sum(std::size_t bytes, std::size_t blocks) {
  return std::to_string(bytes) + (bytes == 1 ? " byte in " : " bytes in ") + std::to_string(blocks) +
         (blocks == 1 ? " block" : " blocks");
}

}  // namespace

std::string to_string(const tracking_report& report) {
  std::string text = "tracking_resource \"" + report.name + "\" holds " + sum(report.bytes, report.blocks) + "\n";
  for (const tracked_site& held : report.sites) {
    text += "  " + sum(held.bytes, held.blocks) + ", ";
    if (held.threads != 1) text += std::to_string(held.threads) + " threads, ";
    if (held.site.line == 0)
      text += "allocated without at()\n";
    else
      text += std::string(held.site.file) + ':' + std::to_string(held.site.line) + " in " + held.site.function + "\n";
  }
  return text;
}

tracking_resource::tracking_resource(std::pmr::memory_resource* upstream, tracking_options options)
    : upstream_(upstream),
      options_(std::move(options)),
      live_(bookkeeping_of(options_)),
      sites_(bookkeeping_of(options_)) {}

tracking_resource::~tracking_resource() {
  if (!live_.empty()) report_leaks();
}

std::pmr::memory_resource* tracking_resource::at(source_site site) {
  const std::scoped_lock lock(mutex_);
  for (site_resource& known : sites_)
    if (same_place(known.site(), site)) return &known;
  return &sites_.emplace_front(*this, site);
}

std::vector<tracked_block> tracking_resource::blocks() const {
  std::vector<tracked_block> all;
  const std::scoped_lock lock(mutex_);
  all.reserve(live_.size());
  for (const auto& [address, what] : live_)
    all.push_back(
        {address, what.bytes, what.alignment, what.thread, what.site != nullptr ? *what.site : source_site{}});
  return all;
}

tracking_report tracking_resource::report() const {
  struct held_record {
    const source_site* site;
    std::thread::id thread;
    std::size_t bytes;
  };
  std::vector<held_record> held;
  {
    const std::scoped_lock lock(mutex_);
    held.reserve(live_.size());
    for (const auto& [address, what] : live_) held.push_back({what.site, what.thread, what.bytes});
  }
  std::ranges::sort(held, [](const held_record& a, const held_record& b) {
    return a.site != b.site ? std::less<>{}(a.site, b.site) : a.thread < b.thread;
  });

  tracking_report report{.name = options_.name, .blocks = 0, .bytes = 0, .sites = {}};
  for (std::size_t i = 0; i < held.size(); ++i) {
    const bool new_site = i == 0 || held[i].site != held[i - 1].site;
    if (new_site) report.sites.push_back({held[i].site != nullptr ? *held[i].site : source_site{}});
    tracked_site& here = report.sites.back();
    here.blocks += 1;
    here.bytes += held[i].bytes;
    here.threads += new_site || held[i].thread != held[i - 1].thread ? 1 : 0;
    report.blocks += 1;
    report.bytes += held[i].bytes;
  }
  std::ranges::sort(report.sites, std::greater{}, &tracked_site::bytes);
  return report;
}

void tracking_resource::report_leaks() const noexcept {
  try {
    const tracking_report leaks = report();
    if (options_.on_leak)
      options_.on_leak(leaks);
    else
      std::fputs(("cistern: leak: " + to_string(leaks)).c_str(), stderr);
  } catch (...) {
    std::fprintf(stderr, "cistern: leak: tracking_resource \"%s\" holds %zu blocks; the report failed\n",
                 options_.name.c_str(), live_.size());
  }
}

void tracking_resource::misused(void* block, const char* what, const record* was) const {
  char line[512];
  int length =
      std::snprintf(line, sizeof line, "cistern: tracking_resource \"%s\": %s: %p", options_.name.c_str(), what, block);
  const auto used = [&] { return std::min(static_cast<std::size_t>(length), sizeof line - 1); };
  if (was != nullptr)
    length += std::snprintf(line + used(), sizeof line - used(), ", allocated with %zu bytes aligned to %zu",
                            was->bytes, was->alignment);
  if (was != nullptr && was->site != nullptr)
    length += std::snprintf(line + used(), sizeof line - used(), " at %s:%u", was->site->file, was->site->line);
  if (options_.on_misuse) return options_.on_misuse(std::string_view(line, used()));
  std::fprintf(stderr, "%s\n", line);
  std::abort();
}

void* tracking_resource::allocate_for(const source_site* site, std::size_t bytes, std::size_t alignment) {
  void* const block = upstream_->allocate(bytes, alignment);
  const record what{bytes, alignment, std::this_thread::get_id(), site};
  bool is_new = false;
  try {
    is_new = remember(block, what);
  } catch (...) {
    upstream_->deallocate(block, bytes, alignment);
    throw;
  }
  if (!is_new) misused(block, "the upstream gave out a block that is live", &what);
  return block;
}

bool tracking_resource::remember(void* block, const record& what) {
  const std::scoped_lock lock(mutex_);
  return live_.insert_or_assign(block, what).second;
}

tracking_resource::block_state tracking_resource::forget(void* block, record& was) noexcept {
  const std::scoped_lock lock(mutex_);
  if (const auto found = live_.find(block); found != live_.end()) {
    was = found->second;
    live_.erase(found);
    freed_[next_freed_ % freed_.size()] = {block, was};
    ++next_freed_;
    return block_state::live;
  }
  // The latest first: an address may have been freed more than once in its life.
  for (std::size_t age = 1; age <= freed_.size(); ++age) {
    const freed_block& freed = freed_[(next_freed_ - age) % freed_.size()];
    if (freed.address != block) continue;
    was = freed.was;
    return block_state::freed;
  }
  return block_state::unknown;
}

void tracking_resource::do_deallocate(void* block, std::size_t bytes, std::size_t alignment) {
  record was;
  switch (forget(block, was)) {
    case block_state::unknown:
      return misused(block, "freed, but never allocated here (or freed long ago)", nullptr);
    case block_state::freed:
      return misused(block, "freed twice", &was);
    case block_state::live:
      break;
  }
  if (was.bytes != bytes) misused(block, "freed with another size", &was);
  if (was.alignment != alignment) misused(block, "freed with another alignment", &was);
  upstream_->deallocate(block, was.bytes, was.alignment);
}

bool tracking_resource::do_is_equal(const memory_resource& other) const noexcept {
  if (this == &other) return true;
  const auto* const site = dynamic_cast<const site_resource*>(&other);
  return site != nullptr && site->owner() == this;
}

void* tracking_resource::site_resource::do_allocate(std::size_t bytes, std::size_t alignment) {
  return owner_->allocate_for(&site_, bytes, alignment);
}

void tracking_resource::site_resource::do_deallocate(void* block, std::size_t bytes, std::size_t alignment) {
  owner_->do_deallocate(block, bytes, alignment);
}

bool tracking_resource::site_resource::do_is_equal(const memory_resource& other) const noexcept {
  return owner_->do_is_equal(other);
}

}  // namespace cistern::inline v0
