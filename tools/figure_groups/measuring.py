# SPDX-License-Identifier: MIT
"""How a figure is measured: programs that take turns, medians of what they print, and bounds."""
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build" / "release"
REPETITIONS = 11


class Unmeasured(Exception):
    """What keeps a figure from being measured, in words."""


class Skipped(Exception):
    """Why a figure need not be measured here, in words."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise Unmeasured(f"{pathlib.Path(command[0]).name}: {(done.stderr or done.stdout).strip().splitlines()[-1:]}")
    return done.stdout


def medians(*commands):
    """The median of what each command prints (or returns, if it is a function), the commands taking turns."""
    values = [[] for _ in commands]
    for _ in range(REPETITIONS):
        for column, command in zip(values, commands):
            column.append(command() if callable(command) else float(run(*command)))
    return [statistics.median(column) for column in values]


def ratio(ours, theirs):
    a, b = medians(ours, theirs)
    return a / b


def perf(name):
    for path in (BUILD / "perf").rglob(name):
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise Unmeasured(f"{name} is not built; is its allocator installed?")


class Bench:
    """One run of a Google Benchmark program, its benchmarks taking turns: nanoseconds of processor time by name."""

    def __init__(self, name, wanted=".", **environment):
        out = run(perf(name), f"--benchmark_filter={wanted}", "--benchmark_format=json", "--benchmark_min_time=0.05",
                  f"--benchmark_repetitions={REPETITIONS}", "--benchmark_enable_random_interleaving=true",
                  env={**os.environ, **environment})
        document = json.loads(out)
        self.name, self.context, self.errors, times = name, document["context"], {}, {}
        for one in document["benchmarks"]:
            if "error_message" in one:
                self.errors[one["run_name"]] = one["error_message"]
            elif one["run_type"] == "iteration":
                times.setdefault(one["run_name"], []).append(one["cpu_time"])
        self.medians = {each: statistics.median(values) for each, values in times.items()}

    def __getitem__(self, benchmark):
        """The median; for a benchmark that runs at several places (name/0, name/1 ...) the median of theirs."""
        places = [value for each, value in self.medians.items()
                  if each == benchmark or each.rpartition("/")[0] == benchmark]
        if not places:
            why = self.errors.get(benchmark, "it is not there; is its library installed?")
            raise Unmeasured(f"{benchmark} of {self.name}: {why}")
        return statistics.median(places)


def go_pools():
    """What measures sync.Pool, by name; nothing where Go is not installed."""
    if shutil.which("go") is None:
        say("  Go is not installed (Debian's golang-go): sync.Pool is not measured")
        return {}
    program = BUILD / "perf" / "pools" / "go" / "pool.test"  # what `go test` would compile and run, compiled once
    run("go", "test", "-c", "-o", program, cwd=ROOT / "perf" / "pools" / "go")

    def pair(benchmark, goroutines):
        out = run(program, "-test.run", "^$", "-test.bench", f"^{benchmark}$", "-test.cpu", goroutines,
                  "-test.benchtime", "200ms")
        found = re.search(r"([\d.]+) ns/op", out)
        if found is None:
            raise Unmeasured(f"{benchmark} of sync.Pool printed no time")
        return float(found[1]) * goroutines  # Go divides by the pairs of all of them; here it is what a pair takes each

    return {"sync.Pool": lambda: pair("BenchmarkPair", 1),
            "sync.Pool, two threads": lambda: pair("BenchmarkPairParallel", 2)}


def below(bound):
    return f"< {bound:g}", lambda value: value < bound


def at_most(bound):
    return f"<= {bound:g}", lambda value: value <= bound


def at_least(bound):
    return f">= {bound:g}", lambda value: value >= bound


def above(bound):
    return f"> {bound:g}", lambda value: value > bound


def exactly(wanted):
    return f"= {wanted:g}", lambda value: value == wanted
