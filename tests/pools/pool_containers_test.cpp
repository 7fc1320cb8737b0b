// SPDX-License-Identifier: MIT
//
// The standard's containers on a pool, by std::pmr and by cistern::allocator; and the allocator itself.
#include <cistern/pools/allocator.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <iterator>
#include <list>
#include <map>
#include <memory>
#include <memory_resource>
#include <new>
#include <numeric>
#include <scoped_allocator>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace {

using cistern::allocator;
using cistern::bucket_pool;
using cistern::powers_of_two;
using cistern::size_class_table;

constexpr int many = 5000;

template <class T>
using pool_vector = std::vector<T, allocator<T>>;
template <class T>
using pool_list = std::list<T, allocator<T>>;
using pool_string = std::basic_string<char, std::char_traits<char>, allocator<char>>;
using pool_map = std::map<int, int, std::less<>, allocator<std::pair<const int, int>>>;
using pool_hash = std::unordered_map<int, int, std::hash<int>, std::equal_to<>, allocator<std::pair<const int, int>>>;

void expect_empty(const bucket_pool& pool) {
  const cistern::pool_statistics now = pool.statistics();
  EXPECT_EQ(now.live, 0u) << to_string(now);
  EXPECT_EQ(now.large, 0u) << to_string(now);
  EXPECT_GT(now.gets, 0u);
}

template <class Container>
bool uses(const Container& container, const bucket_pool& pool) {
  return container.get_allocator() == typename Container::allocator_type(pool);
}

// A text that is too long to lie within its string.
std::string text(int number) { return std::string(30, 'x') + std::to_string(number); }

// Pools of every kind.
struct pools {
  bucket_pool plain, powers{{.classes = powers_of_two({.smallest = 16, .largest = 65'536})}};
  bucket_pool table{{.classes = size_class_table({1500, 1504, 1510, 1520, 9000})}};
  bucket_pool checked{{.canaries = true, .quarantine_bytes = 10'000}}, passing{{.pass_through = true}};
  bucket_pool guarded{{.guard_one_in = 50}};

  template <class Body>
  void each(Body body) {
    for (bucket_pool* const pool : {&plain, &powers, &table, &checked, &passing, &guarded}) {
      body(*pool);
      EXPECT_EQ(pool->statistics().large, 0u);
    }
    for (bucket_pool* const pool : {&plain, &powers, &table, &passing, &guarded}) expect_empty(*pool);
  }
};

// Fills and empties each kind of container; what they hold is checked on the way.
template <class Vector, class Deque, class List, class Map, class Hash, class From>
void use_containers(const From& from) {
  Vector numbers(from);
  Deque ends(from);
  List links(from);
  Map sorted(from);
  Hash hashed(from);
  for (int i = 0; i < many; ++i) {
    numbers.push_back(i);
    (i % 2 == 0 ? ends.push_back(i) : ends.push_front(i));
    links.push_back(i);
    sorted.emplace(many - i, i);
    hashed.emplace(i * 7919, i);
  }
  for (int i = 0; i < many; i += 3) {
    sorted.erase(many - i);
    hashed.erase(i * 7919);
  }
  links.remove_if([](int i) { return i % 3 == 0; });
  const int third = (many + 2) / 3;
  EXPECT_EQ(std::accumulate(numbers.begin(), numbers.end(), 0), many * (many - 1) / 2);
  EXPECT_EQ(std::accumulate(ends.begin(), ends.end(), 0), many * (many - 1) / 2);
  EXPECT_EQ(ends.front(), many - 1);
  EXPECT_EQ(links.size(), static_cast<std::size_t>(many - third));
  EXPECT_EQ(sorted.size(), links.size());
  EXPECT_EQ(hashed.size(), links.size());
  for (const auto& [key, value] : sorted) ASSERT_EQ(key, many - value);
  for (const auto& [key, value] : hashed) ASSERT_EQ(key, value * 7919);
}

TEST(pool_containers, hold_what_was_put_in_by_pmr) {
  pools().each([](bucket_pool& pool) {
    use_containers<std::pmr::vector<int>, std::pmr::deque<int>, std::pmr::list<int>, std::pmr::map<int, int>,
                   std::pmr::unordered_map<int, int>>(&pool);
  });
}

TEST(pool_containers, hold_what_was_put_in_by_allocator) {
  pools().each([](bucket_pool& pool) {
    use_containers<pool_vector<int>, std::deque<int, allocator<int>>, pool_list<int>, pool_map, pool_hash>(
        allocator<int>(pool));
  });
}

TEST(pool_containers, hold_strings_that_come_from_the_pool_too) {
  pools().each([](bucket_pool& pool) {
    std::pmr::vector<std::pmr::string> lines(&pool);
    std::pmr::map<std::pmr::string, std::pmr::vector<std::pmr::string>> words(&pool);
    for (int i = 0; i < many; ++i) {
      lines.emplace_back(text(i));
      words[lines.back()].emplace_back(text(i + 1));
    }
    for (int i = 0; i < many; ++i) ASSERT_EQ(words.at(lines[static_cast<std::size_t>(i)]).front(), text(i + 1).c_str());
  });
}

TEST(pool_containers, pass_the_pool_on_by_a_scoped_allocator) {
  bucket_pool pool;
  {
    std::vector<pool_string, std::scoped_allocator_adaptor<allocator<pool_string>>> lines{allocator<pool_string>(pool)};
    for (int i = 0; i < many; ++i) lines.emplace_back(text(i).c_str());
    for (int i = 0; i < many; ++i) ASSERT_EQ(lines[static_cast<std::size_t>(i)], text(i).c_str());
    EXPECT_TRUE(uses(lines.front(), pool));
  }
  expect_empty(pool);
}

TEST(pool_containers, take_their_pool_along_when_moved) {
  bucket_pool one, other;
  {
    pool_vector<int> numbers(100, 1, one), target(100, 2, other);
    const int* const block = numbers.data();
    pool_vector<int> moved(std::move(numbers));
    EXPECT_EQ(moved.data(), block);
    target = std::move(moved);
    EXPECT_EQ(target.data(), block);
    EXPECT_TRUE(uses(target, one));
    EXPECT_EQ(other.statistics().live, 0u);
  }
  expect_empty(one);
}

TEST(pool_containers, copy_elements_when_moved_to_another_pool_by_pmr) {
  bucket_pool one, other;
  {
    std::pmr::vector<int> numbers(100, 1, &one), target(&other);
    target = std::move(numbers);
    EXPECT_EQ(target, std::pmr::vector<int>(100, 1));
    EXPECT_GT(other.statistics().live, 0u);
  }
  expect_empty(one);
  expect_empty(other);
}

TEST(pool_containers, swap_their_pools) {
  bucket_pool one, other;
  {
    pool_map few(one), more(other);
    few.emplace(1, 1);
    for (int i = 0; i < many; ++i) more.emplace(i, i);
    few.swap(more);
    EXPECT_EQ(few.size(), static_cast<std::size_t>(many));
    EXPECT_TRUE(uses(few, other));
    EXPECT_TRUE(uses(more, one));
    few.emplace(-1, -1);
    more.clear();
    EXPECT_EQ(one.statistics().live, 0u);
  }
  expect_empty(one);
  expect_empty(other);
}

TEST(pool_containers, use_the_pool_of_what_they_are_copied_from) {
  bucket_pool one, other;
  {
    const pool_hash original({{1, 2}, {3, 4}}, 10, allocator<int>(one));
    pool_hash copied(original);
    EXPECT_TRUE(uses(copied, one));
    EXPECT_EQ(copied, original);
    pool_hash assigned{allocator<int>(other)};
    assigned = original;  // keeps its own: only moves and swaps propagate
    EXPECT_TRUE(uses(assigned, other));
    EXPECT_EQ(assigned, original);
    const pool_hash elsewhere(original, allocator<int>(other));
    EXPECT_EQ(elsewhere, original);
  }
  expect_empty(one);
  expect_empty(other);
}

TEST(pool_containers, compare_by_their_elements) {
  bucket_pool one, other;
  const pool_string a("a text that is too long for its string", one),
      b("a text that is too long for its string", other);
  EXPECT_EQ(a, b);
  EXPECT_LT(a, pool_string("b", one));
}

TEST(pool_containers, splice_within_their_pool) {
  bucket_pool pool;
  {
    pool_list<int> first({1, 2, 3}, pool), second({4, 5, 6}, pool);
    const std::uint64_t gets = pool.statistics().gets;
    first.splice(first.end(), second);
    first.splice(first.begin(), first, std::prev(first.end()));
    EXPECT_EQ(first, pool_list<int>({6, 1, 2, 3, 4, 5}, pool));
    first.merge(second);
    first.sort();
    EXPECT_EQ(pool.statistics().gets, gets + 6);  // those of the list that was compared with
    pool_map from(pool), to(pool);
    from.emplace(1, 1);
    to.insert(from.extract(1));
    EXPECT_EQ(to.at(1), 1);
  }
  expect_empty(pool);
}

TEST(pool_containers, use_the_pool_of_the_process_when_given_none) {
  const std::uint64_t before = bucket_pool::process().statistics().gets;
  pool_vector<int> numbers(1000, 7);
  EXPECT_TRUE(uses(numbers, bucket_pool::process()));
  EXPECT_EQ(bucket_pool::process().statistics().gets, before + 1);
}

TEST(pool_containers, share_objects_that_come_from_the_pool) {
  bucket_pool pool;
  {
    std::vector<std::shared_ptr<std::string>> held;
    for (int i = 0; i < many; ++i) held.push_back(std::allocate_shared<std::string>(allocator<char>(pool), text(i)));
    for (int i = 0; i < many; ++i) ASSERT_EQ(*held[static_cast<std::size_t>(i)], text(i));
  }
  expect_empty(pool);
}

// ---- the allocator itself

TEST(allocator, is_equal_when_its_pool_is) {
  bucket_pool one, other;
  EXPECT_EQ(allocator<int>(one), allocator<int>(one));
  EXPECT_NE(allocator<int>(one), allocator<int>(other));
  EXPECT_EQ(allocator<int>(one), allocator<int>(allocator<char>(one)));
  EXPECT_EQ(allocator<int>(), allocator<int>(bucket_pool::process()));
}

// An allocator must compare with those that it is rebound to ([allocator.requirements]).
TEST(allocator, compares_with_one_for_another_type) {
  const auto can_compare = [](const auto& a, const auto& b) {
    return requires { a == b; }
    &&requires { a != b; };
  };
  bucket_pool pool;
  EXPECT_TRUE(can_compare(allocator<int>(pool), allocator<char>(pool)));
}

// With each count from the one asked for to the one that was got.
template <class T>
void give_back_with_every_count(bucket_pool& pool, std::size_t asked) {
  allocator<T> of(pool);
  std::size_t most = asked;
  for (std::size_t count = asked; count <= most; ++count) {
    const auto got = of.allocate_at_least(asked);
    ASSERT_GE(got.count, asked);
    most = std::max(most, got.count);  // guarded blocks have no more than was asked for
    std::memset(static_cast<void*>(got.ptr), 0x33, got.count * sizeof(T));
    of.deallocate(got.ptr, std::min(count, got.count));
  }
}

template <std::size_t Bytes, std::size_t Alignment = 1>
struct alignas(Alignment) element {
  char bytes[Bytes];
};

TEST(allocator, takes_what_allocate_at_least_gave_back_with_every_count_between) {
  pools().each([](bucket_pool& pool) {
    for (const std::size_t bytes : {0u, 1u, 100u, 1400u, 1505u, 4000u}) {
      give_back_with_every_count<char>(pool, bytes);
      give_back_with_every_count<long>(pool, bytes / sizeof(long));
      give_back_with_every_count<element<24>>(pool, bytes / 24);
      give_back_with_every_count<element<64, 64>>(pool, bytes / 64);
      give_back_with_every_count<element<192, 64>>(pool, bytes / 192);
      give_back_with_every_count<element<768, 256>>(pool, bytes / 768);
    }
  });
}

TEST(allocator, refuses_a_count_that_is_no_size) {
  bucket_pool pool;
  allocator<int> numbers(pool);
  EXPECT_THROW(static_cast<void>(numbers.allocate(SIZE_MAX)), std::bad_array_new_length);
  EXPECT_THROW(static_cast<void>(numbers.allocate(SIZE_MAX / sizeof(int))), std::bad_alloc);
}

}  // namespace
