// SPDX-License-Identifier: MIT
//
// Each misuse of a bucket_pool.
#include "misuse_program.hpp"
#include <cistern/pools/allocator.hpp>
#include <cistern/pools/bucket_pool.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

namespace {

using cistern::blocks_out;
using cistern::bucket_pool;
using cistern::pool_options;

// Every pool here stays as it is unless the program says otherwise.
pool_options plain(const char* name = "crash") { return {.name = name, .clock = nullptr}; }

pool_options with_canaries() {
  pool_options options = plain();
  options.canaries = true;
  return options;
}

pool_options with_quarantine(std::size_t bytes) {
  pool_options options = plain();
  options.quarantine_bytes = bytes;
  return options;
}

// Writes where no one may: a sanitizer would end the program before the pool does.
__attribute__((no_sanitize("address"))) void write_at(void* block, std::ptrdiff_t offset, char value = 'x') {
  static_cast<volatile char*>(block)[offset] = value;
}

// Gets and puts so many blocks of 64 bytes that what was in magazines before goes to the depot.
void flush_magazines(bucket_pool& pool) {
  std::array<void*, 4000> blocks{};
  if (pool.allocate_batch(64, blocks) != blocks.size()) std::exit(1);
  pool.deallocate_batch(64, blocks);
}

// Blocks of one whole span: the pool is new, and the first span holds the lowest addresses of its first chunk.
std::vector<char*> fill_a_span(bucket_pool& pool, std::size_t bytes, std::size_t count) {
  std::vector<char*> blocks;
  for (std::size_t i = 0; i < count; ++i) blocks.push_back(static_cast<char*>(pool.allocate(bytes)));
  std::ranges::sort(blocks);
  return blocks;
}

// ---- put twice

void put_twice() {
  bucket_pool pool(plain());
  void* const block = pool.allocate(64);
  pool.deallocate(block, 64);
  pool.deallocate(block, 64);
}

void put_twice_with_another_between() {
  bucket_pool pool(plain());
  void* const block = pool.allocate(64);
  void* const other = pool.allocate(64);
  pool.deallocate(block, 64);
  pool.deallocate(other, 64);
  pool.deallocate(block, 64);
}

void put_twice_without_size() {
  bucket_pool pool(plain());
  void* const block = pool.allocate(64);
  pool.free(block);
  pool.free(block);
}

void put_twice_on_another_thread() {
  bucket_pool pool(plain());
  void* const block = pool.allocate(64);
  pool.deallocate(block, 64);
  std::thread([&] { pool.deallocate(block, 64); }).join();
}

void put_twice_after_a_flush() {
  bucket_pool pool(plain());
  void* const block = pool.allocate(64);
  pool.deallocate(block, 64);
  flush_magazines(pool);
  pool.deallocate(block, 64);
}

void put_twice_after_a_trim() {
  bucket_pool pool(plain());
  void* const block = pool.allocate(64);
  void* const neighbour = pool.allocate(64);
  pool.deallocate(block, 64);
  pool.trim();
  pool.deallocate(block, 64);
  pool.deallocate(neighbour, 64);
}

void put_twice_after_its_page_went_back() {
  bucket_pool pool(plain());
  std::vector<char*> blocks = fill_a_span(pool, 64, 1024);
  for (std::size_t i = 1; i < blocks.size(); ++i) pool.deallocate(blocks[i], 64);
  pool.trim();
  pool.deallocate(blocks[500], 64);
  pool.trim();
}

void put_twice_of_several_units() {
  bucket_pool pool(plain());
  std::vector<char*> blocks = fill_a_span(pool, 40960, 8);
  pool.deallocate(blocks[3], 40960);
  pool.deallocate(blocks[3], 40960);
}

void put_twice_of_a_large_block() {
  bucket_pool pool(plain());
  void* const block = pool.allocate(1'000'000);
  pool.deallocate(block, 1'000'000);
  pool.deallocate(block, 1'000'000);
}

void put_twice_into_quarantine() {
  bucket_pool pool(with_quarantine(100'000));
  void* const block = pool.allocate(64);
  pool.deallocate(block, 64);
  pool.deallocate(block, 64);
}

void put_twice_after_quarantine() {
  bucket_pool pool(with_quarantine(64));
  void* const block = pool.allocate(64);
  void* const other = pool.allocate(64);
  pool.deallocate(block, 64);
  pool.deallocate(other, 64);  // now the first one has left it
  pool.deallocate(block, 64);
}

void put_twice_with_zeroes() {
  pool_options options = plain();
  options.zero_on_put = true;
  bucket_pool pool(options);
  void* const block = pool.allocate(64);
  pool.deallocate(block, 64);
  pool.deallocate(block, 64);
}

void put_twice_with_canaries() {
  bucket_pool pool(with_canaries());
  void* const block = pool.allocate(50);
  pool.deallocate(block, 50);
  pool.deallocate(block, 50);
}

void put_twice_with_canaries_and_zeroes() {
  pool_options options = with_canaries();
  options.zero_on_put = true;
  bucket_pool pool(options);
  void* const block = pool.allocate(50);
  pool.deallocate(block, 50);
  pool.deallocate(block, 50);
}

void put_of_a_buffers_block() {
  bucket_pool pool(plain());
  cistern::buffer held = pool.get(64);
  pool.free(held.data());
}

// ---- what is no block, or another's

void put_into_the_wrong_pool() {
  bucket_pool pool(plain()), other(plain("other"));
  pool.deallocate(other.allocate(64), 64);
}

void put_into_the_wrong_pool_without_size() {
  bucket_pool pool(plain()), other(plain("other"));
  pool.free(other.allocate(64));
}

void put_into_the_wrong_pool_of_a_large_block() {
  bucket_pool pool(plain()), other(plain("other"));
  pool.deallocate(other.allocate(1'000'000), 1'000'000);
}

void put_of_the_stack() {
  bucket_pool pool(plain());
  alignas(64) char block[64];
  pool.deallocate(block, 64);
}

void put_of_mallocs() {
  bucket_pool pool(plain());
  void* const keeps_the_class_in_use = pool.allocate(64);
  pool.free(std::malloc(64));
  pool.deallocate(keeps_the_class_in_use, 64);
}

void put_of_an_interior_pointer() {
  bucket_pool pool(plain());
  pool.deallocate(static_cast<char*>(pool.allocate(64)) + 16, 64);
}

void put_of_an_interior_pointer_without_size() {
  bucket_pool pool(plain());
  pool.free(static_cast<char*>(pool.allocate(64)) + 16);
}

void put_of_an_odd_pointer() {
  bucket_pool pool(plain());
  pool.deallocate(static_cast<char*>(pool.allocate(64)) + 1, 64);
}

void put_of_a_later_unit() {
  bucket_pool pool(plain());
  pool.deallocate(static_cast<char*>(pool.allocate(262144)) + 65536, 262144);
}

void put_into_a_large_block() {
  bucket_pool pool(plain());
  pool.deallocate(static_cast<char*>(pool.allocate(1'000'000)) + 4096, 1'000'000);
}

// A span of 64 KiB has room for 1365 blocks of 48 bytes, and 16 bytes of no block at their end.
void put_of_what_is_left_behind_the_last_block() {
  bucket_pool pool(plain());
  char* const block = static_cast<char*>(pool.allocate(48));
  char* const span = block - reinterpret_cast<std::uintptr_t>(block) % 65536;
  pool.deallocate(span + 1365 * 48, 48);
}

void realloc_of_a_foreign_pointer() {
  bucket_pool pool(plain());
  std::free(pool.realloc(std::malloc(64), 100));
}

void usable_size_of_a_foreign_pointer() {
  bucket_pool pool(plain());
  alignas(64) char block[64];
  std::printf("%zu\n", pool.usable_size(block));
}

// ---- wrong sizes

void put_as_a_smaller_one() {
  bucket_pool pool(plain());
  pool.deallocate(pool.allocate(200), 100);
}

void put_as_a_larger_one() {
  bucket_pool pool(plain());
  pool.deallocate(pool.allocate(100), 200);
}

void put_as_a_larger_one_with_zeroes() {
  pool_options options = plain();
  options.zero_on_put = true;
  bucket_pool pool(options);
  pool.deallocate(pool.allocate(64), 4096);
}

void put_as_a_large_one() {
  bucket_pool pool(plain());
  pool.deallocate(pool.allocate(100), 1'000'000);
}

void put_of_a_large_one_as_a_small_one() {
  bucket_pool pool(plain());
  pool.deallocate(pool.allocate(1'000'000), 100);
}

void put_of_a_large_one_with_another_size() {
  bucket_pool pool(plain());
  pool.deallocate(pool.allocate(1'000'000), 1'000'001);
}

void put_with_another_size_with_canaries() {
  bucket_pool pool(with_canaries());
  pool.deallocate(pool.allocate(50), 51);
}

// ---- writes where nobody may

void write_after_put() {
  bucket_pool pool(plain());
  void* const block = pool.allocate(64);
  pool.deallocate(block, 64);
  write_at(block, 0);
  pool.deallocate(pool.allocate(64), 64);
}

// Its neighbour lives, so its page stays.
void write_after_put_seen_after_a_trim() {
  bucket_pool pool(plain());
  void* const neighbour = pool.allocate(64);
  void* const block = pool.allocate(64);
  pool.deallocate(block, 64);
  pool.trim();
  write_at(block, 0);
  flush_magazines(pool);
  pool.deallocate(neighbour, 64);
}

void write_after_put_to_the_second_word() {
  bucket_pool pool(plain());
  void* const block = pool.allocate(64);
  pool.deallocate(block, 64);
  write_at(block, 15);
  pool.deallocate(pool.allocate(64), 64);
}

void write_after_put_in_quarantine() {
  bucket_pool pool(with_quarantine(64));
  void* const block = pool.allocate(64);
  void* const other = pool.allocate(64);
  pool.deallocate(block, 64);
  write_at(block, 63);
  pool.deallocate(other, 64);
}

void write_after_put_in_quarantine_seen_at_the_end() {
  bucket_pool pool(with_quarantine(100'000));
  void* const block = pool.allocate(64);
  pool.deallocate(block, 64);
  write_at(block, 20);
}

void overrun_by_one() {
  bucket_pool pool(with_canaries());
  void* const block = pool.allocate(50);
  write_at(block, 50);
  pool.deallocate(block, 50);
}

void overrun_by_eight() {
  bucket_pool pool(with_canaries());
  void* const block = pool.allocate(50);
  write_at(block, 57);
  pool.deallocate(block, 50);
}

void overrun_of_a_full_block() {
  bucket_pool pool(with_canaries());
  void* const block = pool.allocate(56);
  write_at(block, 56);
  pool.free(block);
}

void overrun_of_nothing() {
  bucket_pool pool(with_canaries());
  void* const block = pool.allocate(0);
  write_at(block, 0);
  pool.deallocate(block, 0);
}

// Sixteen bytes apart, so twelve of them are behind its end.
void overrun_within_the_alignment_of_a_guarded_block() {
  pool_options options = plain();
  options.guard_one_in = 1;
  bucket_pool pool(options);
  void* const block = pool.allocate(20);
  write_at(block, 20);
  pool.deallocate(block, 20);
}

void underrun_by_one() {
  bucket_pool pool(with_canaries());
  std::vector<char*> blocks = fill_a_span(pool, 50, 1024);
  write_at(blocks[500], -1);
  pool.deallocate(blocks[499], 50);
}

// ---- ends

void use_after_the_end() {
  std::optional<bucket_pool> pool(plain());
  cistern::allocator<int> numbers(*pool);
  int* const one = numbers.allocate(1);
  pool.reset();
  int* const other = numbers.allocate(1);
  numbers.deallocate(other, 1);
  numbers.deallocate(one, 1);
}

void use_after_the_end_of_a_large_block() {
  std::optional<bucket_pool> pool(plain());
  cistern::allocator<char> bytes(*pool);
  char* const one = bytes.allocate(1);
  pool.reset();
  char* const other = bytes.allocate(1'000'000);
  bytes.deallocate(other, 1'000'000);
  bytes.deallocate(one, 1);
}

void end_with_blocks_out() {
  pool_options options = plain();
  options.at_end = blocks_out::abort;
  void* block = nullptr;
  {
    bucket_pool pool(options);
    block = pool.allocate(64);
  }
  std::printf("%p\n", block);
}

void end_with_a_large_block_out() {
  pool_options options = plain();
  options.at_end = blocks_out::abort;
  void* block = nullptr;
  {
    bucket_pool pool(options);
    block = pool.allocate(1'000'000);
  }
  std::printf("%p\n", block);
}

constexpr cistern::must_crash::misuse misuses[] = {
    CISTERN_MISUSE(put_twice),
    CISTERN_MISUSE(put_twice_with_another_between),
    CISTERN_MISUSE(put_twice_without_size),
    CISTERN_MISUSE(put_twice_on_another_thread),
    CISTERN_MISUSE(put_twice_after_a_flush),
    CISTERN_MISUSE(put_twice_after_a_trim),
    CISTERN_MISUSE(put_twice_after_its_page_went_back),
    CISTERN_MISUSE(put_twice_of_several_units),
    CISTERN_MISUSE(put_twice_of_a_large_block),
    CISTERN_MISUSE(put_twice_into_quarantine),
    CISTERN_MISUSE(put_twice_after_quarantine),
    CISTERN_MISUSE(put_twice_with_zeroes),
    CISTERN_MISUSE(put_twice_with_canaries),
    CISTERN_MISUSE(put_twice_with_canaries_and_zeroes),
    CISTERN_MISUSE(put_of_a_buffers_block),
    CISTERN_MISUSE(put_into_the_wrong_pool),
    CISTERN_MISUSE(put_into_the_wrong_pool_without_size),
    CISTERN_MISUSE(put_into_the_wrong_pool_of_a_large_block),
    CISTERN_MISUSE(put_of_the_stack),
    CISTERN_MISUSE(put_of_mallocs),
    CISTERN_MISUSE(put_of_an_interior_pointer),
    CISTERN_MISUSE(put_of_an_interior_pointer_without_size),
    CISTERN_MISUSE(put_of_an_odd_pointer),
    CISTERN_MISUSE(put_of_a_later_unit),
    CISTERN_MISUSE(put_into_a_large_block),
    CISTERN_MISUSE(put_of_what_is_left_behind_the_last_block),
    CISTERN_MISUSE(realloc_of_a_foreign_pointer),
    CISTERN_MISUSE(usable_size_of_a_foreign_pointer),
    CISTERN_MISUSE(put_as_a_smaller_one),
    CISTERN_MISUSE(put_as_a_larger_one),
    CISTERN_MISUSE(put_as_a_larger_one_with_zeroes),
    CISTERN_MISUSE(put_as_a_large_one),
    CISTERN_MISUSE(put_of_a_large_one_as_a_small_one),
    CISTERN_MISUSE(put_of_a_large_one_with_another_size),
    CISTERN_MISUSE(put_with_another_size_with_canaries),
    CISTERN_MISUSE(write_after_put),
    CISTERN_MISUSE(write_after_put_seen_after_a_trim),
    CISTERN_MISUSE(write_after_put_to_the_second_word),
    CISTERN_MISUSE(write_after_put_in_quarantine),
    CISTERN_MISUSE(write_after_put_in_quarantine_seen_at_the_end),
    CISTERN_MISUSE(overrun_by_one),
    CISTERN_MISUSE(overrun_by_eight),
    CISTERN_MISUSE(overrun_of_a_full_block),
    CISTERN_MISUSE(overrun_of_nothing),
    CISTERN_MISUSE(overrun_within_the_alignment_of_a_guarded_block),
    CISTERN_MISUSE(underrun_by_one),
    CISTERN_MISUSE(use_after_the_end),
    CISTERN_MISUSE(use_after_the_end_of_a_large_block),
    CISTERN_MISUSE(end_with_blocks_out),
    CISTERN_MISUSE(end_with_a_large_block_out),
};

}  // namespace

int main(int argc, char** argv) { return cistern::must_crash::run(misuses, argc, argv); }
