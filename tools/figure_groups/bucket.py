# SPDX-License-Identifier: MIT
"""Figures of bucket_pool."""
import functools
import json
import pathlib
import statistics
import subprocess
import tempfile

from figure_groups.measuring import BUILD, Unmeasured, above, at_least, at_most, below, medians, perf, run, say


@functools.cache
def pool_pairs():
    """Nanoseconds of a get and a put by everything that has such a thing, all taking turns in one run."""
    checked, unchecked = perf("pool_pair"), perf("pool_pair_unchecked")
    commands = {name: [checked, name] for name in (
        "list-64", "list-4096", "list-65536", "allocator-64", "allocator-4096", "allocator-65536", "list-behind-a-hop",
        "pool-behind-pmr", "synchronized-pool-behind-pmr", "synchronized-pool", "glibc", "run-time-size", "unsized",
        "buffer")}
    commands["allocator-64, checks off"] = [unchecked, "allocator-64"]
    for peer in ("jemalloc", "tcmalloc", "mimalloc"):
        commands[peer] = [perf(f"direct_pair_{peer}")]
    values = dict(zip(commands, medians(*commands.values())))
    for name, value in values.items():
        say(f"  {name}: {value:.3g} ns")
    return values


def pool_pair(ours, theirs):
    return lambda: pool_pairs()[ours] / pool_pairs()[theirs]


def slower_than_pool(peer):
    """How many times as long as the pool's pair, with its checks on, the peer's takes."""
    return lambda: pool_pairs()[peer] / pool_pairs()["allocator-64"]


def fastest_peer():
    return min(pool_pairs()[peer] for peer in ("jemalloc", "tcmalloc", "mimalloc")) / pool_pairs()["allocator-64"]


@functools.cache
def pool_cells():
    """Nanoseconds of an operation by workload, threads and contender: the comparison's own medians."""
    with tempfile.TemporaryDirectory() as folder:
        document = pathlib.Path(folder) / "cells.json"
        done = subprocess.run([str(BUILD / "tools" / "cistern"), "compare", "--rounds", "7", "--threads", "1,2",
                               "--json", str(document), "--workload", "pair/64", "batch/1024/random", "slots",
                               "producer-consumer", "larson"], capture_output=True, text=True)
        if not document.exists():
            raise Unmeasured(f"cistern compare: {done.stderr.strip().splitlines()[-1:]}")
        cells = json.loads(document.read_text())["cells"]
    values = {}
    for cell in cells:
        if cell["status"] == "ok":
            nanoseconds = [one["seconds"] * 1e9 / one["operations"] for one in cell["rounds"]]
            values[cell["workload"], cell["threads"], cell["contender"]] = statistics.median(nanoseconds)
    for key, value in sorted(values.items()):
        say(f"  {key[0]}, {key[1]} threads, {key[2]}: {value:.3g} ns")
    return values


def cell_ratio(workload, threads, contender, other):
    return lambda: pool_cells()[workload, threads, contender] / pool_cells()[workload, threads, other]


def larson_ahead():
    """What the fastest of the others takes, over what the pool takes."""
    others = [value for (workload, threads, contender), value in pool_cells().items()
              if workload == "larson" and threads == 2 and not contender.startswith("bucket-pool")]
    return min(others) / pool_cells()["larson", 2, "bucket-pool"]


def pairs_by_two_threads():
    cells = pool_cells()
    return cells["pair/64", 1, "bucket-pool"] / cells["pair/64", 2, "bucket-pool"]


@functools.cache
def pool_memory():
    runs = {"pool": [], "glibc": []}
    for _ in range(3):
        for name, values in runs.items():
            values.append([float(word) for word in run(perf("pool_memory"), name).split()])
    middle = {name: [statistics.median(column) for column in zip(*values)] for name, values in runs.items()}
    for name, (live, peak, trimmed, end) in middle.items():
        say(f"  {name}: live {live:.1f} MiB, peak {peak:.1f}, 90 % freed and trimmed {trimmed:.1f}, "
            f"all freed and three ticks {end:.1f}")
    return middle


# name, how it is measured, target
FIGURES = [
    ("64 B pair, allocator, checks on / list", pool_pair("allocator-64", "list-64"), at_most(2.2)),
    ("64 B pair, allocator, checks off / list", pool_pair("allocator-64, checks off", "list-64"), at_most(1.7)),
    ("fastest of jemalloc, tcmalloc, mimalloc / pair", fastest_peer, at_least(2)),
    ("glibc / pair", slower_than_pool("glibc"), at_least(6)),
    ("synchronized_pool_resource / pair", slower_than_pool("synchronized-pool"), at_least(25)),
    ("4 KiB pair / list", pool_pair("allocator-4096", "list-4096"), at_most(2.2)),
    ("64 KiB pair / list", pool_pair("allocator-65536", "list-65536"), at_most(2.2)),
    ("behind memory_resource / list behind one hop", pool_pair("pool-behind-pmr", "list-behind-a-hop"), at_most(1.3)),
    ("synchronized pool / pool, behind memory_resource",
     pool_pair("synchronized-pool-behind-pmr", "pool-behind-pmr"), at_least(3)),
    ("1000 x 1 KiB in random order / list", cell_ratio("batch/1024/random", 1, "bucket-pool", "floor"), at_most(1.3)),
    ("slots, 16 to 4096 B / tcmalloc", cell_ratio("slots", 1, "bucket-pool", "tcmalloc"), below(1)),
    ("producer-consumer: mimalloc / pool", cell_ratio("producer-consumer", 2, "mimalloc", "bucket-pool"), at_least(3)),
    ("producer-consumer: tcmalloc / pool", cell_ratio("producer-consumer", 2, "tcmalloc", "bucket-pool"), at_least(6)),
    ("larson, 2 threads: fastest other / pool", larson_ahead, above(1)),
    ("buffer of get(1000), ns", lambda: pool_pairs()["buffer"], at_most(8)),
    ("memory: peak / live", lambda: pool_memory()["pool"][1] / pool_memory()["pool"][0], at_most(1.12)),
    ("memory: 90 % freed and trimmed / glibc", lambda: pool_memory()["pool"][2] / pool_memory()["glibc"][2],
     at_most(1.1)),
    ("memory: all freed, three ticks / peak", lambda: pool_memory()["pool"][3] / pool_memory()["pool"][1],
     at_most(0.03)),
    ("pairs by two threads / by one", pairs_by_two_threads, at_least(1.9)),
]
