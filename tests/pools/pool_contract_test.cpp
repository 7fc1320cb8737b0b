// SPDX-License-Identifier: MIT
#include <cistern/allocators/backend_registry.hpp>
#include <cistern/pools/bucket_pool.hpp>
#include <contracts/memory_resource_contract.hpp>

#include <cstddef>
#include <memory>

namespace {

using cistern::bucket_pool;
using cistern::contracts::memory_resource_contract;

const memory_resource_contract plain{{
    .name = "bucket_pool",
    .make = [] { return std::make_unique<bucket_pool>(); },
}};

const memory_resource_contract powers{{
    .name = "bucket_pool_of_powers_of_two",
    .make =
        [] {
          return std::make_unique<bucket_pool>(
              cistern::pool_options{.classes = cistern::powers_of_two({.smallest = 16, .largest = 1 << 20})});
        },
}};

const memory_resource_contract table{{
    .name = "bucket_pool_of_a_table",
    .make =
        [] {
          return std::make_unique<bucket_pool>(
              cistern::pool_options{.classes = cistern::size_class_table({1500, 1504, 1510, 1520, 9000})});
        },
}};

const memory_resource_contract aligned{{
    .name = "bucket_pool_of_pages",
    .make = [] { return std::make_unique<bucket_pool>(cistern::pool_options{.alignment = 4096}); },
}};

const memory_resource_contract passing{{
    .name = "bucket_pool_passing_through",
    .make = [] { return std::make_unique<bucket_pool>(cistern::pool_options{.pass_through = true}); },
}};

const memory_resource_contract canaries{{
    .name = "bucket_pool_with_canaries",
    .make = [] { return std::make_unique<bucket_pool>(cistern::pool_options{.canaries = true}); },
}};

const memory_resource_contract quarantine{{
    .name = "bucket_pool_with_quarantine",
    .make = [] { return std::make_unique<bucket_pool>(cistern::pool_options{.quarantine_bytes = 100'000}); },
}};

const memory_resource_contract guarded{{
    .name = "bucket_pool_with_guards",
    .make = [] { return std::make_unique<bucket_pool>(cistern::pool_options{.guard_one_in = 20}); },
}};

const memory_resource_contract on_system{{
    .name = "bucket_pool_on_system",
    .make =
        [] { return std::make_unique<bucket_pool>(cistern::pool_options{.upstream = &cistern::backend("system")}); },
}};

}  // namespace
