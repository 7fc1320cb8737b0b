# SPDX-License-Identifier: MIT
"""Figures of object_pool."""
import functools

from figure_groups.measuring import Skipped, at_least, at_most, go_pools, medians, perf, say


@functools.cache
def object_pairs():
    """Nanoseconds of what object_pair measures and of Go's pairs, all taking turns in one run."""
    commands = {name: [perf("object_pair"), name] for name in (
        "list-64", "object-64", "object-64-two-threads", "hold-8-list", "hold-8-object", "steal", "steal-one",
        "queue", "queue-with-objects", "grown-object", "grown-pass-through", "grown-new-delete", "written-object",
        "written-new-delete")}
    commands |= go_pools()
    values = dict(zip(commands, medians(*commands.values())))
    for name, value in values.items():
        say(f"  {name}: {value:.3g} ns")
    return values


def object_ratio(ours, theirs):
    return lambda: object_pairs()[ours] / object_pairs()[theirs]


def object_beyond(ours, theirs):
    return lambda: object_pairs()[ours] - object_pairs()[theirs]


def sync_pool(peer, ours):
    """How many times as long as the pool's pair Go's takes."""
    def measured():
        if peer not in object_pairs():
            raise Skipped("Go is not installed")
        return object_pairs()[peer] / object_pairs()[ours]
    return measured


# name, how it is measured, target
FIGURES = [
    ("64 B object, pair / list", object_ratio("object-64", "list-64"), at_most(2)),
    ("sync.Pool / pair", sync_pool("sync.Pool", "object-64"), at_least(6)),
    ("sync.Pool / pair, two threads", sync_pool("sync.Pool, two threads", "object-64-two-threads"), at_least(6)),
    ("hold 8, put 8, over the list, ns", object_beyond("hold-8-object", "hold-8-list"), at_most(6)),
    ("get from another thread's 1000, ns", lambda: object_pairs()["steal"], at_most(100)),
    ("get that steals the only one, ns", lambda: object_pairs()["steal-one"], at_most(100)),
    ("get here, put there, over the queue, ns", object_beyond("queue-with-objects", "queue"), at_most(25)),
    ("4 KiB object, text of 1 KiB: new and delete / pair", object_ratio("grown-new-delete", "grown-object"),
     at_least(5)),
    ("the same, the text written", object_ratio("written-new-delete", "written-object"), at_least(5)),
]
