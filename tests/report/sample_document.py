#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Result documents (schema 1) for the tests of the report: invented, deterministic, and of realistic size.

`sample_document.py [NAME]` prints one of DOCUMENTS as JSON; without a name, "full".
"""

import json
import random
import statistics
import sys

MIB = 1 << 20

# name, kind, version, cost of a small pair in ns, cost of a big one, slowdown per further thread, overhead of memory
CONTENDERS = [
    ("glibc", "allocator", "2.36", 22, 85, 0.35, 1.02),
    ("glibc-tuned", "allocator", "2.36", 21, 40, 0.25, 1.03),
    ("jemalloc", "allocator", "5.3.0", 15, 300, 0.06, 1.11),
    ("mimalloc", "allocator", "2.0.9", 12, 38, 0.08, 1.12),
    ("tcmalloc", "allocator", "2.10", 13, 15, 0.10, 1.13),
    ("tbb", "allocator", "2021.8", 73, 88, 0.09, 1.20),
    ("pages", "allocator", "", 1800, 2100, 0.80, 1.60),
    ("pages-thp", "allocator", "", 1900, 2400, 0.80, 2.10),
    ("pages-huge", "allocator", "", 2300, 2500, 0.80, 2.40),
    ("pmr-unsync", "pmr", "libstdc++ 12", 70, 202, None, 1.34),
    ("pmr-sync", "pmr", "libstdc++ 12", 159, 271, 3.00, 1.34),
    ("pmr-monotonic", "pmr", "libstdc++ 12", 6, 9, None, 3.00),
    ("bucket-pool", "pool", "", 5, 9, 0.04, 1.12),
    ("bucket-pool-pmr", "pool", "", 7, 11, 0.04, 1.12),
    ("floor", "floor", "", 2.9, 2.9, 0.02, 1.05),
]

# name, family, threaded, how many small pairs it is worth, share of big blocks, live MiB where memory is sampled
WORKLOADS = (
    [(f"pair/{size}", "pair", False, 1.0, min(1.0, size / 65536 + (size > 1024) * 0.5), 0)
     for size in (16, 64, 256, 1024, 4096, 65536)]
    + [(f"batch/{size}/{order}", "batch", False, {"lifo": 1.1, "fifo": 1.5, "random": 2.4}[order], size / 2048, 0)
       for size in (64, 1024) for order in ("lifo", "fifo", "random")]
    + [(f"glibc-simple/{blocks}", "glibc-simple", False, 1 + blocks / 800, 0.1, 0) for blocks in (25, 100, 400, 1600)]
    + [("glibc-thread", "glibc-thread", True, 2.2, 0.3, 0), ("slots", "slots", True, 3.1, 0.4, 0),
       ("tcmalloc-random", "tcmalloc-random", True, 2.7, 0.4, 0), ("slow-path", "slow-path", True, 2.0, 0.7, 0),
       ("alloc-test", "alloc-test", True, 4.5, 0.2, 0), ("larson", "larson", True, 2.8, 0.1, 9),
       ("producer-consumer", "producer-consumer", True, 5.2, 0.1, 0),
       ("xmalloc-test", "xmalloc-test", True, 4.4, 0.1, 0),
       ("mstress", "mstress", True, 3.5, 0.4, 40), ("rptest", "rptest", True, 3.3, 0.5, 22),
       ("cache-scratch", "cache-scratch", True, 1.4, 0.0, 0), ("cache-thrash", "cache-thrash", True, 1.3, 0.0, 0),
       ("mleak/5", "mleak", True, 2.5, 0.1, 14), ("mleak/50", "mleak", True, 2.5, 0.1, 30),
       ("malloc-large", "malloc-large", False, 900.0, 1.0, 260), ("memory", "memory", False, 3.0, 0.4, 256)])

MEDIAN_COUNTS = ("minor_faults", "major_faults", "voluntary_switches", "involuntary_switches")


def memory_series(noise, seconds, live_mib, overhead):
    """Live grows, a random 90 % goes, the rest goes; the allocator keeps its share."""
    samples = []
    for step in range(41):
        share = step / 40
        live = min(1.0, share / 0.4) if share < 0.55 else (0.1 if share < 0.8 else 0.0)
        kept = live if share < 0.55 else max(live, min(0.95, overhead - 0.95) * (1.6 - share))
        rss = 6 * MIB + live_mib * MIB * kept * overhead * noise.uniform(0.995, 1.005)
        samples.append({"seconds": round(seconds * share, 4), "live_bytes": int(live_mib * MIB * live),
                        "rss_bytes": int(rss)})
    return samples


def class_fill(noise, live_mib, threads):
    """Four classes for each doubling from 64 B on, as many as the workload has use for; the depot has some of them."""
    sizes = [base * quarter // 4 for base in (64 << power for power in range(9)) for quarter in (4, 5, 6, 7)]
    classes = []
    for place, size in enumerate(sizes[:4 + live_mib // 2 if live_mib else 1]):
        live = int((live_mib or 0.1) * MIB * noise.uniform(0.2, 1) / 20 / size)
        classes.append({"bytes": size, "live": live, "cached_threads": noise.randrange(62 * threads),
                        "cached_depot": 61 * noise.randrange(4) if place % 3 == 0 else 0,
                        "retained": noise.randrange(1 + (256 << 10) // size)})
    return classes


def measured_round(noise, workload, contender, threads):
    _, _, _, weight, big, live_mib = workload
    _, _, _, small_ns, big_ns, slowdown, overhead = contender
    cost = weight * (small_ns * (1 - big) + big_ns * big) * (1 + (slowdown or 0) * (threads - 1))
    cost *= noise.uniform(0.96, 1.07)
    operations = int(threads * 5e7 / cost) + 1
    peak = int((6 + (live_mib or 3) * overhead) * MIB)
    return {
        "operations": operations, "seconds": 0.05, "cpu_seconds": round(0.05 * threads * noise.uniform(0.9, 1), 4),
        "latency_ns": {"samples": 4000, "p50": cost * 1.3, "p99": cost * noise.uniform(3, 6),
                       "p999": cost * noise.uniform(20, 60), "max": cost * noise.uniform(900, 9000)},
        "rss_before": 6 * MIB, "rss_peak": peak,
        "rss_drained": int(6 * MIB + (peak - 6 * MIB) * 0.7 * min(1.3, overhead - 0.9)),
        "rss_trimmed": int(6 * MIB + (peak - 6 * MIB) * 0.2 * (overhead - 0.95)),
        "minor_faults": int(peak / 4096 * noise.uniform(0.9, 1.4)), "major_faults": 0,
        "voluntary_switches": 2 * threads, "involuntary_switches": noise.randrange(9),
        "memory": memory_series(noise, 0.05 * cost ** 0.3, live_mib, overhead) if live_mib else []}


def nanoseconds(threads, one_round):
    return threads * one_round["seconds"] * 1e9 / one_round["operations"]


def measured_cell(noise, workload, contender, threads, rounds):
    done = [measured_round(noise, workload, contender, threads) for _ in range(rounds)]
    times = sorted(nanoseconds(threads, one) for one in done)
    middle = statistics.median(times)
    median = {"ns_per_operation": middle, "operations_per_second": threads * 1e9 / middle}
    for field in ("cpu_seconds", "rss_peak", "rss_before", "rss_drained", "rss_trimmed") + MEDIAN_COUNTS:
        median[field] = statistics.median(one[field] for one in done)
    for field in ("p50", "p99", "p999", "max"):
        median[field] = statistics.median(one["latency_ns"][field] for one in done)
    made = {"workload": workload[0], "contender": contender[0], "threads": threads, "status": "ok", "reason": "",
            "rounds": done, "median": median, "spread": {"low": times[0], "high": times[-1]},
            "memory": done[0]["memory"]}
    if contender[1] == "pool":
        made["classes"] = class_fill(noise, workload[5], threads)
    return made


def absent_cell(workload, contender, threads, status, reason):
    return {"workload": workload[0], "contender": contender[0], "threads": threads, "status": status, "reason": reason,
            "rounds": [], "median": {}, "spread": {}, "memory": []}


def cell(noise, workload, contender, threads, rounds):
    if contender[5] is None and (threads > 1 or workload[2]):
        return absent_cell(workload, contender, threads, "skipped", "not thread-safe")
    if contender[0] == "pages-huge" and workload[0] == "memory":
        return absent_cell(workload, contender, threads, "failed", "killed by signal 9 after 2.1 s")
    return measured_cell(noise, workload, contender, threads, rounds)


def verdict_words(times, low_high):
    order = sorted(times, key=times.get)
    best = [name for name in order if low_high[name][0] <= low_high[order[0]][1]]
    if len(best) == 1 and len(order) > 1:
        ahead = times[order[1]] / times[order[0]]
        return best, True, f"{best[0]} is fastest, {ahead:.2f} times as fast as {order[1]}"
    if len(best) == len(order):
        return best, False, "no difference beyond the spread"
    return best, True, f"no difference between {', '.join(best)}; the others are slower"


def verdict(workload, threads, cells):
    here = [one for one in cells if one["workload"] == workload and one["threads"] == threads
            and one["status"] == "ok" and one["contender"] != "floor"]
    if not here:
        return None
    best, difference, text = verdict_words({one["contender"]: one["median"]["ns_per_operation"] for one in here},
                                           {one["contender"]: (one["spread"]["low"], one["spread"]["high"])
                                            for one in here})
    return {"workload": workload, "threads": threads, "best": best, "difference": difference, "text": text}


def program_contender(noise, name, wall, peak_mib, rounds):
    done = [{"wall_seconds": wall * noise.uniform(0.98, 1.04), "user_seconds": wall * 0.93,
             "system_seconds": wall * 0.05, "rss_peak": int(peak_mib * MIB), "minor_faults": int(peak_mib * 270),
             "major_faults": 0} for _ in range(rounds)]
    walls = sorted(one["wall_seconds"] for one in done)
    median = dict(done[0], wall_seconds=statistics.median(walls))
    library = {"glibc": "libc.so.6", "glibc-tuned": "libc.so.6", "jemalloc": "libjemalloc.so.2",
               "mimalloc": "libmimalloc.so.2.0", "tcmalloc": "libtcmalloc_minimal.so.4",
               "tbb": "libtbbmalloc_proxy.so.2"}
    return {"name": name, "status": "ok", "reason": "", "bound": "/usr/lib/x86_64-linux-gnu/" + library[name],
            "as_intended": True, "rounds": done, "median": median, "spread": {"low": walls[0], "high": walls[-1]}}


def program(noise, name, command, wall, peak_mib, rounds=3):
    gains = {"glibc": 1.0, "glibc-tuned": 0.97, "jemalloc": 0.9, "mimalloc": 0.86, "tcmalloc": 0.88, "tbb": 1.05}
    entries = [program_contender(noise, who, wall * gain, peak_mib * (2.05 - gain), rounds)
               for who, gain in gains.items()]
    return {"name": name, "command": command, "status": "ok", "reason": "", "contenders": entries,
            "verdict": {"best": ["mimalloc", "tcmalloc"], "difference": True,
                        "text": "no difference between mimalloc and tcmalloc; the others are slower"}}


def programs(noise):
    lua = program(noise, "lua5.4", ["lua5.4", "trees.lua", "14"], 0.92, 61)
    lua["contenders"][5].update(status="failed", reason="exit status 139 (segmentation fault)", rounds=[], median={},
                                spread={}, bound="", as_intended=False)
    redis = program(noise, "redis-server", ["redis-server", "--version"], 0.05, 9)
    for entry in redis["contenders"]:
        entry["bound"], entry["as_intended"] = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2", entry["name"] == "jemalloc"
    redis["verdict"] = {"best": [], "difference": False, "text": "no verdict: malloc was not the intended one"}
    busybox = {"name": "busybox", "command": ["busybox", "sort", "words"], "status": "static", "contenders": [],
               "reason": "statically linked: no other malloc can be preloaded", "verdict": None}
    missing = program(noise, "weather", ["weather"], 1, 1)
    missing.update(status="failed", reason='no program "weather" in PATH', verdict=None)
    for entry in missing["contenders"]:
        entry.update(bound="", as_intended=False, rounds=[], median={}, spread={"low": 0, "high": 0})
    return [program(noise, "sqlite3", ["sqlite3", ":memory:", ".read orders.sql"], 1.61, 24), lua,
            program(noise, "jq", ["jq", "-c", ".[] | .name", "people.json"], 0.74, 148), redis, busybox, missing]


def document(contenders=CONTENDERS, workloads=WORKLOADS, threads=(1, 2), rounds=3, with_programs=True, seed=1):
    noise = random.Random(seed)
    cells = [cell(noise, workload, contender, count, rounds)
             for workload in workloads for count in (threads if workload[2] else (1,)) for contender in contenders]
    verdicts = [verdict(workload[0], count, cells) for workload in workloads for count in threads]
    return {
        "schema": 1, "cistern": "0.1.0", "started": "2026-11-20T10:00:00Z", "elapsed_seconds": 163.2, "set": "quick",
        "rounds": rounds, "complete": True,
        "machine": {"cpu": "Example CPU @ 2.50GHz", "cores": 2, "memory_bytes": 8 << 30, "kernel": "6.18.0",
                    "distribution": "Debian GNU/Linux 12 (bookworm)", "transparent_huge_pages": "madvise",
                    "compiler": "g++ 12.2.0", "malloc": "/lib/x86_64-linux-gnu/libc.so.6", "load_at_start": 0.31},
        "contenders": [{"name": one[0], "kind": one[1], "what": f"the contender {one[0]}", "version": one[2]}
                       for one in contenders],
        "workloads": [{"name": one[0], "family": one[1], "what": f"the workload {one[0]}", "threaded": one[2]}
                      for one in workloads],
        "cells": cells, "verdicts": [one for one in verdicts if one],
        "programs": programs(noise) if with_programs else []}


def interrupted():
    """Stopped with the first rounds of half of the cells done: the others have no rounds."""
    made = document(workloads=WORKLOADS[:20], rounds=1, with_programs=False)
    made.update(complete=False, rounds=3, verdicts=[])
    for cell in made["cells"][1::2]:
        if cell["status"] == "ok":
            cell.update(rounds=[], median={}, spread={"low": 0, "high": 0}, memory=[])
    return made


def programs_only():
    made = document(workloads=(), with_programs=True)
    made["programs"] = made["programs"][:1]
    return made


def hostile():
    """What a report must survive: markup in every string that comes from outside, holes, zeroes and nulls."""
    bad = "</script><b>x</b><!--\u2028{a|b}"
    made = document(workloads=[WORKLOADS[1], WORKLOADS[21]])
    made["workloads"].append({"name": bad, "family": bad, "what": bad, "threaded": False})
    made["machine"]["cpu"] = bad
    del made["machine"]["kernel"]
    made["cells"][0].update(median={"ns_per_operation": 0}, spread=None, memory=None)
    made["cells"][1].update(status="failed", reason=bad)
    pools = [cell for cell in made["cells"] if "classes" in cell]
    pools[0]["classes"] = None
    pools[1]["classes"] += [{}, {"bytes": 0, "live": 5}, {"bytes": 48, "live": None, "retained": 7}]
    made["cells"].append(dict(made["cells"][2], workload=bad))
    made["cells"].append({"workload": "pair/64", "contender": bad, "threads": 1, "status": "ok", "reason": "",
                          "rounds": [], "median": {}, "spread": {}, "memory": []})
    made["verdicts"].append({"workload": bad, "threads": 1, "best": [bad], "difference": True, "text": bad})
    made["programs"][0].update(name=bad, command=[bad, bad])
    for entry in made["programs"][0]["contenders"]:
        entry["bound"] = bad
    made["programs"][1]["contenders"][0].update(status="failed", reason=bad, bound=bad)
    return made


def huge():
    """Twice the contenders: the names are repeated with a number, as a report of tuned variants would have them."""
    twice = CONTENDERS + [(one[0] + "-2",) + one[1:] for one in CONTENDERS]
    return document(contenders=twice, threads=(1, 2, 4, 8), rounds=2)


DOCUMENTS = {
    "full": document,
    "hostile": hostile,
    "huge": huge,
    "interrupted": interrupted,
    "one_contender": lambda: document(contenders=CONTENDERS[2:3], with_programs=False),
    "one_thread": lambda: document(contenders=CONTENDERS[:6], threads=(1,), with_programs=False),
    "no_memory": lambda: document(contenders=CONTENDERS[:3], workloads=WORKLOADS[:3], with_programs=False),
    "programs_only": programs_only,
    "nothing": lambda: document(contenders=(), workloads=(), with_programs=False),
}

if __name__ == "__main__":
    print(json.dumps(DOCUMENTS[sys.argv[1] if len(sys.argv) > 1 else "full"]()))
