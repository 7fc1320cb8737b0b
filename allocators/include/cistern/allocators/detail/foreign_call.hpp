// SPDX-License-Identifier: MIT
#pragma once

#include <cistern/allocators/export.hpp>

// CISTERN_FOREIGN_CALL(mode, result, prefix, name, parameters...) declares the function `name` of a foreign allocator
// as `prefix##name`, which is what cistern calls it.
//
// mode 0  The allocator comes as a static archive: its object code is linked into cistern with its symbols renamed,
//         and the declaration is that of a function.
// mode 1  It comes as a shared library, which only a small shim of ours may name (an executable that names it would
//         hand it the process's malloc). Calling through functions of the shim would pay for two PLT entries, so the
//         shim exports pointers instead, and the declaration is that of a constant pointer. The call looks the same.
//         The pointer's symbol has a name of its own, "..._pointer": code that was compiled for the other mode must not
//         link, where it would run data or call code for an address.
// mode 2  This is the shim: defines the pointers. CISTERN_FOREIGN_PREFIX is what the installed library puts before its
//         names, or nothing.
#define CISTERN_FOREIGN_CALL(mode, result, prefix, name, ...) \
  CISTERN_FOREIGN_CALL_IN(mode, result, prefix, name, __VA_ARGS__)
#define CISTERN_FOREIGN_CALL_IN(mode, result, prefix, name, ...) \
  CISTERN_FOREIGN_CALL_##mode(result, prefix, name, __VA_ARGS__)

#define CISTERN_FOREIGN_CALL_0(result, prefix, name, ...) extern "C" result prefix##name(__VA_ARGS__) noexcept

#define CISTERN_FOREIGN_CALL_1(result, prefix, name, ...) \
  extern "C" CISTERN_EXPORT result (*const prefix##name)(__VA_ARGS__) noexcept __asm__(#prefix #name "_pointer")

#define CISTERN_FOREIGN_CALL_2(result, prefix, name, ...)                                      \
  extern "C" result CISTERN_FOREIGN_JOIN(CISTERN_FOREIGN_PREFIX, name)(__VA_ARGS__) noexcept;  \
  CISTERN_FOREIGN_CALL_1(result, prefix, name, __VA_ARGS__);                                   \
  constinit decltype(&CISTERN_FOREIGN_JOIN(CISTERN_FOREIGN_PREFIX, name)) const prefix##name = \
      &CISTERN_FOREIGN_JOIN(CISTERN_FOREIGN_PREFIX, name)
#define CISTERN_FOREIGN_JOIN(prefix, name) CISTERN_FOREIGN_JOIN_AGAIN(prefix, name)
#define CISTERN_FOREIGN_JOIN_AGAIN(prefix, name) prefix##name
