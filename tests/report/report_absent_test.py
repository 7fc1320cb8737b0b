#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Without the charting library report_render (the first argument) says in one line what to do."""

import subprocess
import sys
import unittest

RENDER = sys.argv.pop(1) if len(sys.argv) > 1 else "report_render"


class WithoutTheLibrary(unittest.TestCase):
    def test_says_what_to_do(self):
        done = subprocess.run([RENDER], input=b"{}", capture_output=True, check=False, timeout=60)
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertEqual(done.stderr.count(b"\n"), 1)
        self.assertIn(b"npm ci", done.stderr)


if __name__ == "__main__":
    unittest.main()
