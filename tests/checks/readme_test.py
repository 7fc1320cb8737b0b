#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the READMEs show is what is compiled and run: each C++ block stands in an example, and each command exists.

    readme_test.py <root>
"""
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(sys.argv.pop())
BLOCK = re.compile(r"^```cpp\n(.*?)^```", re.MULTILINE | re.DOTALL)


def readmes():
    return [path for path in ROOT.rglob("*.md") if not {"node_modules", "build"} & set(path.relative_to(ROOT).parts)]


def code_of(text):
    """A program's lines without the comment at its head and its indentation."""
    return "\n".join(line.strip() for line in text.splitlines() if line.strip() and not line.startswith("//"))


class Readme(unittest.TestCase):
    def test_every_block_of_cpp_stands_in_an_example_that_is_run(self):
        examples = [code_of(path.read_text()) for path in (ROOT / "tests/examples").glob("*_example.cpp")]
        blocks = [(path, block) for path in readmes() for block in BLOCK.findall(path.read_text())]
        self.assertTrue(blocks, "no README has an example")
        for path, block in blocks:
            with self.subTest(readme=path.name, block=block.splitlines()[0]):
                self.assertTrue(any(code_of(block) in example for example in examples), block)

    def test_every_command_and_link_names_a_file(self):
        for path in readmes():
            text = path.read_text()
            named = re.findall(r"(?:^|[\s`])((?:tools|\.ci)/[a-z_]+)(?=[\s`.,;:)])", text)
            linked = [link.split("#")[0] for link in re.findall(r"\]\(([^)]+)\)", BLOCK.sub("", text)) if "://" not in link]
            for name in named:
                self.assertTrue((ROOT / name).exists(), f"{path.name} names {name}")
            for link in filter(None, linked):
                self.assertTrue((path.parent / link).exists(), f"{path.name} links to {link}")

    def test_every_source_says_its_licence(self):
        endings = {".hpp", ".cpp", ".py", ".sh", ".js", ".css", ".cmake", ".in"}
        for top in ("allocators", "pools", "workers", "tests", "perf", "tools"):
            for path in (ROOT / top).rglob("*"):
                if path.is_file() and "node_modules" not in path.parts and (
                        path.suffix in endings or path.name == "CMakeLists.txt"):
                    head = path.read_text(encoding="utf-8")[:200]
                    self.assertIn("SPDX-License-Identifier: MIT", head, path.relative_to(ROOT))


if __name__ == "__main__":
    unittest.main()
