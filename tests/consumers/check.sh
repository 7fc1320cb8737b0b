#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check.sh <way> <source> <build of cistern> <work>: builds and runs the consumer project in one of the three ways.
set -euo pipefail
way=$1 source=$2 build=$3 work=$4
here=$source/tests/consumers

rm -rf "$work"
mkdir -p "$work"
say() { printf '%s: %s\n' "$way" "$*"; }

if [[ $way != add_subdirectory ]]; then
  prefix=$work/prefix
  # The modules alone: the tools and tests of the build are not part of what a consumer depends on.
  cmake --install "$build" --prefix "$prefix" >"$work/install.log"
  libdir=$(dirname "$(find "$prefix" -name pkgconfig -type d)")
  # A consumer must be able to run what it linked from an install that is not in the linker's path.
  export LD_LIBRARY_PATH=$libdir
fi

case $way in
  find_package)
    cmake -S "$here/find_package" -B "$work/out" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" >"$work/configure.log"
    cmake --build "$work/out" >"$work/build.log" || { cat "$work/build.log"; exit 1; }
    "$work/out/consumer"
    # What links against an installed cistern must not be told of the foreign allocators' own libraries.
    if grep -rnE 'lib(je|mi|tc)malloc' "$libdir/cmake/cistern"; then
      say "the exported targets name a foreign allocator's library"
      exit 1
    fi
    ;;
  pkg_config)
    export PKG_CONFIG_PATH=$libdir/pkgconfig
    modules=(cistern) defines=()
    if pkg-config --exists cistern-jemalloc; then
      modules=(cistern-jemalloc) defines=(-DCONSUMER_WANTS_JEMALLOC)
    fi
    # The .pc files are made for the prefix that was configured; pkg-config moves them to where they lie.
    flags=$(pkg-config --define-prefix --cflags --libs "${modules[@]}")
    # shellcheck disable=SC2086 # the flags are words
    "${CXX:-c++}" -std=c++20 "${defines[@]}" "$here/consumer.cpp" $flags -o "$work/consumer"
    "$work/consumer"
    if pkg-config --define-prefix --libs "${modules[@]}" | grep -E -- '-l(je|mi|tc)malloc'; then
      say "pkg-config names a foreign allocator's library"
      exit 1
    fi
    ;;
  add_subdirectory)
    cmake -S "$here/add_subdirectory" -B "$work/out" -G Ninja -DCISTERN_SOURCE="$source" >"$work/configure.log"
    cmake --build "$work/out" >"$work/build.log" || { cat "$work/build.log"; exit 1; }
    "$work/out/consumer"
    ;;
  *)
    say "unknown way"
    exit 2
    ;;
esac
say ok
