// SPDX-License-Identifier: MIT
#pragma once

// CISTERN_FOREIGN_CALL(by_table, result, name, parameters...) declares a function of a foreign allocator under the
// name that cistern gives it.
//
// Where the allocator comes as a static archive, its object code is linked into cistern with its symbols renamed, and
// the declaration is that of a function. Where it comes as a shared library, only a small shim of ours may name it
// (an executable that names it would hand it the process's malloc); calling through the shim's own functions would pay
// for two PLT entries, so the shim exports pointers instead, and the declaration is that of a constant pointer. The
// call looks the same.
#define CISTERN_FOREIGN_CALL(by_table, result, name, ...) CISTERN_FOREIGN_CALL_IF(by_table, result, name, __VA_ARGS__)
#define CISTERN_FOREIGN_CALL_IF(by_table, result, name, ...) CISTERN_FOREIGN_CALL_##by_table(result, name, __VA_ARGS__)
#define CISTERN_FOREIGN_CALL_0(result, name, ...) extern "C" result name(__VA_ARGS__) noexcept
#define CISTERN_FOREIGN_CALL_1(result, name, ...) extern "C" result (*const name)(__VA_ARGS__) noexcept
