#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the shared libraries promise: a versioned name, never unloaded, and nothing exported but cistern's own names.

    shared_test.py <library>...
"""
import ctypes
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

LIBRARIES = [pathlib.Path(name) for name in sys.argv[1:]]
del sys.argv[1:]


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


class Shared(unittest.TestCase):
    def test_the_name_carries_the_version_of_the_interface(self):
        for library in LIBRARIES:
            with self.subTest(library=library.name):
                self.assertRegex(output("readelf", "-d", library), r"SONAME.*\[lib\w+\.so\.\d+\.\d+\]")

    def test_a_library_is_never_unloaded(self):
        for library in LIBRARIES:
            with self.subTest(library=library.name):
                self.assertRegex(output("readelf", "-d", library), r"FLAGS_1.*NODELETE")

    def test_only_names_of_cistern_are_exported(self):
        for library in LIBRARIES:
            lines = output("nm", "-DC", "--defined-only", library).splitlines()
            self.assertTrue(lines, library)
            for line in lines:
                _, kind, name = line.split(" ", 2)
                # Templates of the standard library that were instantiated here are weak and shared by all.
                self.assertTrue(kind in "WVu" or "cistern" in name, f"{library.name} exports {name}")

    def test_malloc_is_not_exported(self):
        for library in LIBRARIES:
            self.assertNotRegex(output("nm", "-D", "--defined-only", library), r" (malloc|free|calloc|_Znwm)\b")

    def test_a_library_can_be_loaded_late_and_twice(self):
        # Its thread-local words are in initial-exec storage, of which the dynamic linker keeps little for late comers.
        with tempfile.TemporaryDirectory() as folder:
            for library in LIBRARIES:
                if library.name.startswith("libcistern_allocators."):
                    copy = shutil.copy(library, pathlib.Path(folder) / "another_copy.so")
                    for file in (library, copy):
                        ctypes.CDLL(str(file), mode=ctypes.RTLD_LOCAL)


if __name__ == "__main__":
    unittest.main()
