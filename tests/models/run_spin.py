#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks one variant of a Promela model with spin.

    run_spin.py [--mutant] <model.pml> <folder to build in> [-D<macro>...]

The model must have no error in a complete search that reaches every statement; a mutant must violate an assertion.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import time

COMPILE = ["gcc", "-O1", "-w", "-DSAFETY", "-DNOCLAIM", "-DCOLLAPSE", "-DMEMLIM=2000", "-o", "pan", "pan.c"]
SEARCH = ["./pan", "-m100000", "-w22"]
TRUNCATED = ("Search not completed", "max search depth too small", "reached -DMEMLIM", "out of memory")


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def unreached(report):
    """The statements that no schedule reached. A process need not end."""
    return re.findall(r"^\t\S+, state \d+, \"(?!-end-).*$", report, re.MULTILINE)


def fault(report, is_mutant):
    """What is wrong with the outcome, or nothing."""
    violated = "assertion violated" in report
    if is_mutant:
        return "" if violated else "the mutant violates no assertion"
    if not re.search(r"errors: 0\b", report):
        return "the model has an error"
    if any(words in report for words in TRUNCATED):
        return "the search is not complete"
    return "statements that are never reached" if unreached(report) else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutant", action="store_true")
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    given, macros = parser.parse_known_args()

    shutil.rmtree(given.folder, ignore_errors=True)
    given.folder.mkdir(parents=True)
    run(["spin", "-a", *macros, str(given.model.resolve())], given.folder)
    run(COMPILE, given.folder)
    start = time.monotonic()
    report = run(SEARCH, given.folder)
    seconds = time.monotonic() - start

    stored = re.search(r"(\d+) states, stored", report)
    violated = re.search(r"assertion violated .*", report)
    print(f"{stored.group(1) if stored else '?'} states, {seconds:.1f} s{'; ' + violated.group() if violated else ''}")
    wrong = fault(report, given.mutant)
    if wrong:
        sys.exit(f"{given.model.name} {' '.join(macros)}: {wrong}\n{report}")


if __name__ == "__main__":
    main()
