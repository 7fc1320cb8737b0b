#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The layer check passes on this tree and finds each kind of fault in a small one.

    layers_test.py <root>
"""
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(sys.argv.pop())


def check(root):
    done = subprocess.run([ROOT / "tools/check_layers", root], capture_output=True, text=True)
    return done.returncode, done.stdout


class Layers(unittest.TestCase):
    def setUp(self):
        self.tree = tempfile.TemporaryDirectory()
        self.addCleanup(self.tree.cleanup)
        self.root = pathlib.Path(self.tree.name)
        for module in ("allocators", "pools", "workers"):
            self.header(module, "base.hpp", "")

    def header(self, module, name, text):
        path = self.root / module / "include/cistern" / module / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def assert_fault(self, words):
        status, text = check(self.root)
        self.assertEqual(status, 1, text)
        self.assertIn(words, text)

    def test_this_tree_keeps_to_its_layers(self):
        status, text = check(ROOT)
        self.assertEqual(status, 0, text)

    def test_a_downward_include_is_no_fault(self):
        self.header("workers", "a.hpp", "#include <cistern/pools/base.hpp>\n")
        self.assertEqual(check(self.root)[0], 0)

    def test_an_upward_include_is_found(self):
        self.header("allocators", "a.hpp", "#include <cistern/pools/base.hpp>\n")
        self.assert_fault("upward, allocators stands below pools")

    def test_an_include_of_another_modules_detail_is_found(self):
        self.header("allocators", "detail/x.hpp", "")
        self.header("pools", "a.hpp", "#include <cistern/allocators/detail/x.hpp>\n")
        self.assert_fault("the detail/ of another module")

    def test_a_cycle_is_found(self):
        self.header("pools", "a.hpp", "#include <cistern/pools/b.hpp>\n")
        self.header("pools", "b.hpp", "#include <cistern/pools/a.hpp>\n")
        self.assert_fault("cycle: ")

    def test_a_module_that_includes_a_test_is_found(self):
        (self.root / "tests").mkdir()
        (self.root / "tests/helper.hpp").write_text("")
        self.header("pools", "a.hpp", '#include "../../../../tests/helper.hpp"\n')
        self.assert_fault("a module stands below tests/")

    def test_a_header_that_does_not_exist_is_found(self):
        self.header("pools", "a.hpp", "#include <cistern/pools/absent.hpp>\n")
        self.assert_fault("there is no such header")


if __name__ == "__main__":
    unittest.main()
