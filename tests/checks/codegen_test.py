#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the compiler made of the hot paths of the epoch domain: the order of a pin and the loads after it, which only a
compiler fence keeps, and thread-local storage without a call.

    codegen_test.py <object file of pin_codegen.cpp>
"""
import re
import subprocess
import sys
import unittest

OBJECT = sys.argv.pop(1)


def functions():
    text = subprocess.run(["objdump", "-dr", "--no-show-raw-insn", OBJECT], capture_output=True, text=True, check=True)
    found, name = {}, None
    for line in text.stdout.splitlines():
        if start := re.match(r"[0-9a-f]+ <(\w+)>:", line):
            name = start[1]
            found[name] = []
        elif name and line.strip():
            found[name].append(line)
    return found


class Codegen(unittest.TestCase):
    def setUp(self):
        self.functions = functions()

    @unittest.skipUnless("x86-64" in subprocess.run(["objdump", "-f", OBJECT], capture_output=True, text=True).stdout,
                         "reads x86-64 instructions")
    def test_the_store_that_pins_comes_before_the_load_that_it_protects(self):
        # The first argument is the slot, in %rdi, and its state stands at offset 0; the second is `shared`, in %rsi.
        code = self.functions["pin_and_read"]
        stores = [i for i, line in enumerate(code) if re.search(r"\bmov\s+%\w+,\(%rdi\)", line)]
        loads = [i for i, line in enumerate(code) if re.search(r"\bmov\s+\(%rsi\),", line)]
        self.assertTrue(stores and loads, "\n".join(code))
        self.assertLess(min(stores), min(loads), "\n".join(code))

    def test_thread_local_storage_is_reached_without_a_call(self):
        for name in ("guard_and_read", "retire_typed"):
            self.assertIn(name, self.functions)
            for line in self.functions[name]:
                self.assertNotRegex(line, r"__tls_get_addr|_ZTH|__tls_init|TLSDESC", name)


if __name__ == "__main__":
    unittest.main()
