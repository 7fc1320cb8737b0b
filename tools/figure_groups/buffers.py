# SPDX-License-Identifier: MIT
"""Figures of byte_buffer, byte_buffer_pool and bounded_pool."""
import functools
import json

from figure_groups.measuring import Skipped, above, at_least, at_most, go_pools, medians, perf, run, say

# What the parity table has for the pools of Go 1.19 on two cores, in nanoseconds: a pair of sync.Pool, and a use of
# bytebufferpool with 1 KiB written.
PUBLISHED_SYNC_POOL, PUBLISHED_BYTE_BUFFER_POOL = 38, 71


@functools.cache
def buffer_uses():
    """Nanoseconds of what buffer_pair measures, and of Go's sync.Pool, all taking turns in one run."""
    commands = {name: [perf("buffer_pair"), name] for name in (
        "memcpy-1k", "buffer-1k", "buffer-1k-two-threads", "string-64k", "grow-64k", "string-append-16", "append-16",
        "read-array", "read-buffer", "bounded", "bounded-two-threads")}
    commands |= {name: how for name, how in go_pools().items() if name == "sync.Pool"}
    values = dict(zip(commands, medians(*commands.values())))
    for name, value in values.items():
        say(f"  {name}: {value:.3g} ns")
    return values


def buffer_ratio(ours, theirs, threads=1):
    return lambda: threads * buffer_uses()[ours] / buffer_uses()[theirs]


def scaled_byte_buffer_pool():
    """How many times as long as the pool's use bytebufferpool's would take here, by how fast sync.Pool is here."""
    if "sync.Pool" not in buffer_uses():
        raise Skipped("Go is not installed")
    theirs = PUBLISHED_BYTE_BUFFER_POOL * buffer_uses()["sync.Pool"] / PUBLISHED_SYNC_POOL
    return theirs / buffer_uses()["buffer-1k"]


@functools.cache
def echo():
    """What the echo server's benchmark prints."""
    document = json.loads(run(perf("echo_bench"), 9))
    for load in ("all_busy", "nine_of_ten_idle"):
        for server, values in document[load].items():
            if isinstance(values, dict):
                say(f"  echo, {load}, {server}: {values['processor_microseconds']:.3g} us for a message, "
                    f"{values['messages_per_second']:.0f} messages/s, buffers {values['peak_buffer_bytes']} B at most")
    return document


def echo_of_array(load, what):
    """The pool's server over the one with an array of 64 KiB for each connection."""
    return lambda: echo()[load]["pool"][what] / echo()[load]["array_64k"][what]


# name, how it is measured, target
FIGURES = [
    ("get, write 1 KiB, put, over the memcpy, ns",
     lambda: buffer_uses()["buffer-1k"] - buffer_uses()["memcpy-1k"], at_most(10)),
    ("bytebufferpool, scaled by sync.Pool / the same", scaled_byte_buffer_pool, at_least(3)),
    ("the same by two threads / by one", buffer_ratio("buffer-1k", "buffer-1k-two-threads", 2), at_least(1.9)),
    ("grow to 64 KiB by 1 KiB / copy into a string", buffer_ratio("grow-64k", "string-64k"), at_most(1.3)),
    ("append 16 B / std::string's, reserved", buffer_ratio("append-16", "string-append-16"), at_most(1)),
    ("64 KiB from a pipe / read() into an array", buffer_ratio("read-buffer", "read-array"), at_most(1.03)),
    ("echo, 64 busy connections, CPU time / arrays", echo_of_array("all_busy", "processor_microseconds"),
     at_most(1.05)),
    ("echo, 90 % idle, CPU time / arrays", echo_of_array("nine_of_ten_idle", "processor_microseconds"), at_most(1.05)),
    ("echo, 90 % idle, peak buffer bytes / arrays", echo_of_array("nine_of_ten_idle", "peak_buffer_bytes"),
     at_most(0.1)),
    ("bounded pool, pair, ns", lambda: buffer_uses()["bounded"], at_most(10)),
    ("bounded pool, pairs by two threads / by one", buffer_ratio("bounded", "bounded-two-threads", 2), above(1)),
]
