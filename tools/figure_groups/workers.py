# SPDX-License-Identifier: MIT
"""Figures of worker_pool and task_group."""
import functools
import shutil

from figure_groups.measuring import BUILD, ROOT, Skipped, at_least, at_most, exactly, medians, perf, ratio, run, say


# Whom each case, with its workers and producers, puts beside each other; outside, Go's channel joins them.
WORKER_CASES = {
    **dict.fromkeys(("outside 2 1", "outside 1 1", "outside 2 2"),
                    ("cistern", "ring", "mutex", "tbb_enqueue", "tbb_group", "asio")),
    "tree 2": ("cistern", "mutex", "tbb_enqueue", "tbb_group", "asio"),
    "fib 2": ("cistern", "tbb_group"),
    "round_trip 2": ("cistern", "ring"),
    "round_trip 2 park": ("cistern", "mutex", "tbb_enqueue", "asio"),
    "micro 2": ("cistern", "ring", "mutex", "tbb_enqueue", "tbb_group", "asio"),
    **dict.fromkeys(("idle", "queued_bytes", "drained_rss"), ("cistern",)),
}


@functools.cache
def go_workers():
    """The program of Go's contender; None where Go is not installed."""
    if shutil.which("go") is None:
        say("  Go is not installed (Debian's golang-go): its channel is not measured")
        return None
    program = BUILD / "perf" / "workers" / "go" / "worker_peer_go"
    run("go", "build", "-o", program, ".", cwd=ROOT / "perf" / "workers" / "go")
    return program


@functools.cache
def worker_case(case):
    """What each contender prints for a case, all taking turns in one run."""
    commands = {name: [perf(f"worker_peer_{name}"), *case.split()] for name in WORKER_CASES[case]}
    if case.startswith("outside") and go_workers() is not None:
        commands["go"] = [go_workers(), "channel", *case.split()]
    values = dict(zip(commands, medians(*commands.values())))
    for name, value in values.items():
        say(f"  {case}, {name}: {value:.3g}")
    return values


def worker(case):
    return lambda: worker_case(case)["cistern"]


def worker_ratio(case, ours, theirs):
    def measured():
        values = worker_case(case)
        if "go" in (ours, theirs) and "go" not in values:
            raise Skipped("Go is not installed")
        return values[ours] / values[theirs]
    return measured


def tree_task():
    """A task of the tree over 20 ns, or over 0.35 of the ring's task from outside, whichever is less."""
    return worker_case("tree 2")["cistern"] / max(20, 0.35 * worker_case("outside 2 1")["ring"])


def round_trip_without_spin():
    values = worker_case("round_trip 2 park")
    return values["cistern"] / min(value for name, value in values.items() if name != "cistern")


def task_from_outside(case, how):
    """The figures of an empty task that threads outside the pool submit."""
    return [
        (f"task, {how} / ring", worker_ratio(case, "cistern", "ring"), at_most(1.2)),
        (f"oneTBB's enqueue / task, {how}", worker_ratio(case, "tbb_enqueue", "cistern"), at_least(4)),
        (f"Asio / task, {how}", worker_ratio(case, "asio", "cistern"), at_least(10)),
        (f"Go's channel / task, {how}", worker_ratio(case, "go", "cistern"), at_least(1)),
    ]


# name, how it is measured, target
FIGURES = [
    *task_from_outside("outside 2 1", "2 workers, 1 producer"),
    *task_from_outside("outside 1 1", "1 worker, 1 producer"),
    *task_from_outside("outside 2 2", "2 workers, 2 producers"),
    ("tree, task / 20 ns or 0.35 of the ring's, the less", tree_task, at_most(1)),
    ("fib(27), fork, ns", worker("fib 2"), at_most(90)),
    ("fib(27), fork / oneTBB's task_group", worker_ratio("fib 2", "cistern", "tbb_group"), at_most(0.5)),
    ("mallocs for a small task", lambda: medians([perf("worker_mallocs_cistern"), "mallocs"])[0], exactly(0)),
    ("bytes for a queued task with 48 of its own", worker("queued_bytes"), at_most(66)),
    ("memory: a million tasks drained, 3 s / before", worker("drained_rss"), at_most(1.05)),
    ("round trip with a spin, ns", worker("round_trip 2"), at_most(500)),
    ("round trip without a spin / best peer", round_trip_without_spin, at_most(1.1)),
    ("tasks of 1 us, 2 workers / ideal", worker("micro 2"), at_most(1.25)),
    ("idle pool, ms of processor time in a second", worker("idle"), at_most(1)),
    ("allocation in a task, arena / malloc and free",
     lambda: ratio([perf("worker_peer_cistern"), "task_arena"], [perf("worker_peer_cistern"), "task_malloc"]),
     at_most(0.3)),
]
