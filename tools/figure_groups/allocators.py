# SPDX-License-Identifier: MIT
"""Figures of backends and the comparison."""
import json
import pathlib
import subprocess
import tempfile

from figure_groups.measuring import BUILD, Unmeasured, at_most, exactly, perf, ratio, run, say


def malloc_of_the_c_library():
    """1 when the command that links every backend has malloc and operator new from the C library and from libstdc++."""
    facts = json.loads(run(BUILD / "tools" / "cistern", "binding"))
    own_new = "libstdc++" in facts["operator_new"] or "libc++" in facts["operator_new"]
    return 1 if facts["malloc_is_libc"] and own_new and len(facts["backends"]) >= 6 else 0


def failed_cells():
    """Cells that failed, of every workload on every contender that can take part, with one and with two threads."""
    with tempfile.TemporaryDirectory() as folder:
        document = pathlib.Path(folder) / "cells.json"
        command = [BUILD / "tools" / "cistern", "compare", "--full", "--rounds", "1",
                   "--threads", "1,2", "--budget-ms", "10", "--json", document]
        subprocess.run([str(part) for part in command], stdout=subprocess.DEVNULL, check=False)
        cells = json.loads(document.read_text())["cells"]
    ran = [cell for cell in cells if cell["status"] != "skipped"]
    say(f"  {len(ran)} cells ran, {len(cells) - len(ran)} cannot take part")
    if not ran:
        raise Unmeasured("no cell ran")
    return sum(cell["status"] == "failed" for cell in ran)


def inline_against_direct(allocator):
    return lambda: ratio([perf("inline_pair"), allocator], [perf(f"direct_pair_{allocator}")])


def system_against_new_delete():
    return ratio([perf("inline_pair"), "system-resource"], [perf("inline_pair"), "new-delete-resource"])


# name, how it is measured, target
FIGURES = [
    ("malloc is the C library's, with every backend linked", malloc_of_the_c_library, exactly(1)),
    ("jemalloc inline / direct, 64 B pair", inline_against_direct("jemalloc"), at_most(1.1)),
    ("mimalloc inline / direct, 64 B pair", inline_against_direct("mimalloc"), at_most(1.1)),
    ("tcmalloc inline / direct, 64 B pair", inline_against_direct("tcmalloc"), at_most(1.1)),
    ("system resource / new_delete_resource, 64 B pair", system_against_new_delete, at_most(0.65)),
    ("workload cells that failed", failed_cells, exactly(0)),
]
