# SPDX-License-Identifier: MIT
"""Figures of safe reclamation, and arenas."""
import functools

from figure_groups.measuring import Bench, Unmeasured, at_most, below, say


@functools.cache
def epoch_bench(pins):
    if pins == "fence mode":
        return Bench("epoch_domain_bench", "guard|scope|fence", CISTERN_NO_MEMBARRIER="1")
    bench = Bench("epoch_domain_bench", CISTERN_NO_MEMBARRIER="0")
    names = {each.partition("/")[0] for each in bench.medians}
    for peer in sorted(each for each in names if each.startswith(("liburcu", "concurrencykit", "libcds"))):
        say(f"  {peer}: {bench[peer]:.3g} ns")
    return bench


def epochs(pins="asymmetric"):
    """The epoch domain's run with pins of the wanted kind."""
    bench = epoch_bench(pins)
    if bench.context["pins"] != pins:
        raise Unmeasured(f"its pins are: {bench.context['pins']}; does this kernel refuse membarrier?")
    return bench


@functools.cache
def arenas():
    return Bench("arena_bench", "^allocate_64|^mark_and_rewind")


def region(ours, theirs, pins="asymmetric"):
    return lambda: epochs(pins)[ours] / epochs(pins)[theirs]


def over_bare_list(benchmark, size):
    return lambda: epochs()[f"{benchmark}<{size}>"] - epochs()[f"bare_pop_and_push<{size}>"]


def shared_library_pin():
    return epochs()["pin_in_shared_library"] - epochs()["pin_in_program"]


def arena_against_monotonic(blocks):
    return lambda: arenas()[f"allocate_64_arena/{blocks}"] / arenas()[f"allocate_64_monotonic/{blocks}"]


# name, how it is measured, target
FIGURES = [
    ("movable guard / store pair", region("guard_default_domain", "store_pair"), at_most(2.6)),
    ("scope / store pair", region("scope_known_slot", "store_pair"), at_most(1.6)),
    ("movable guard / liburcu memb inlined", region("guard_default_domain", "liburcu_memb_inlined"), below(1)),
    ("scope / liburcu memb inlined", region("scope_known_slot", "liburcu_memb_inlined"), below(1)),
    ("movable guard / one fence, in fence mode", region("guard_default_domain", "one_fence", "fence mode"),
     at_most(1.4)),
    ("scope / one fence, in fence mode", region("scope_known_slot", "one_fence", "fence mode"), at_most(1.4)),
    ("typed bag over the bare list, 16 B, ns", over_bare_list("retire_by_typed_bag", 16), at_most(6)),
    ("typed bag over the bare list, 64 B, ns", over_bare_list("retire_by_typed_bag", 64), at_most(6)),
    ("function each over the bare list, 16 B, ns", over_bare_list("retire_by_function", 16), at_most(20)),
    ("function each over the bare list, 64 B, ns", over_bare_list("retire_by_function", 64), at_most(20)),
    ("advance past 1000 blocked threads, us",
     lambda: epochs()["advance_past_sleepers/1000/iterations:4000"] / 1000, at_most(5)),
    ("arena / monotonic, 64 B, one block", arena_against_monotonic("one_block"), at_most(1.5)),
    ("arena / monotonic, 64 B, several blocks", arena_against_monotonic("several_blocks"), at_most(1.5)),
    ("arena's mark and rewind, ns", lambda: arenas()["mark_and_rewind"], at_most(3)),
    ("movable guard, shared library - program, ns", shared_library_pin, at_most(2)),
]
