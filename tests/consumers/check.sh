#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# check.sh <way> <source> <build of cistern> <work> [<default backend>]: builds and runs the consumer project in one of the
# three ways; by add_subdirectory as shared libraries, with a default backend.
set -euo pipefail
way=$1 source=$2 build=$3 work=$4 default_backend=${5:-system}
here=$source/tests/consumers

rm -rf "$work"
mkdir -p "$work"
say() { printf '%s: %s\n' "$way" "$*"; }

if [[ $way != add_subdirectory ]]; then
  prefix="$work/a prefix with spaces"
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
    "$work/out/by_name"
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
    # eval, for what pkg-config says is quoted for the shell: the prefix has spaces.
    compile() { eval "$(printf '%q ' "${CXX:-c++}" -std=c++20 "${@:2}" -o "$work/$1") $flags"; "$work/$1"; }
    flags=$(pkg-config --cflags --libs "${modules[@]}")
    compile consumer "${defines[@]}" "$here/consumer.cpp"
    mapfile -t modules < <(cd "$PKG_CONFIG_PATH" && basename -s .pc -- *.pc)
    flags=$(pkg-config --cflags --libs "${modules[@]}")
    compile by_name "$here/by_name.cpp"
    if pkg-config --libs "${modules[@]}" | grep -E -- '-l(je|mi|tc)malloc'; then
      say "pkg-config names a foreign allocator's library"
      exit 1
    fi
    ;;
  add_subdirectory)
    cmake -S "$here/add_subdirectory" -B "$work/out" -G Ninja -DCISTERN_SOURCE="$source" \
      -DBUILD_SHARED_LIBS=ON -DCISTERN_DEFAULT_BACKEND="$default_backend" >"$work/configure.log"
    cmake --build "$work/out" >"$work/build.log" || { cat "$work/build.log"; exit 1; }
    "$work/out/consumer"
    ;;
  *)
    say "unknown way"
    exit 2
    ;;
esac
say ok
