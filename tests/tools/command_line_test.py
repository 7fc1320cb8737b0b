# SPDX-License-Identifier: MIT
"""The command line of `cistern compare`, run as a user runs it, on budgets of some milliseconds.

    python3 command_line_test.py <the cistern command> <folder of the test programs>
"""

import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

CISTERN = ""
PROGRAMS = ""
TINY = ["--budget-ms", "2", "--time-limit-ms", "30000"]


def program(name):
    return os.path.join(PROGRAMS, name)


def run(*arguments, **environment):
    return subprocess.run(
        [CISTERN, *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        env={**os.environ, **environment})


def processes_with(mark):
    """The ids of the processes that have this text in their environment."""
    found = []
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{process}/environ", "rb") as environment:
                if mark.encode() in environment.read():
                    found.append(int(process))
        except OSError:
            pass  # it has ended, or is not ours
    return found


class TestCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="cistern test ")  # the blank is on purpose
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def file(self, name):
        return os.path.join(self.folder, name)

    def document(self, *arguments, status=0, **environment):
        result = run("compare", *arguments, "--json", self.file("result.json"), **environment)
        self.assertEqual(result.returncode, status, result.stderr)
        with open(self.file("result.json")) as file:
            return json.load(file), result

    def program_document(self, *command, status=0, options=("--rounds", "1"), **environment):
        path = self.file("result.json")
        result = run("compare", *options, "--json", path, "--", *command, **environment)
        self.assertEqual(result.returncode, status, result.stderr)
        with open(path) as file:
            return json.load(file)["programs"][0], result


class Command(TestCase):
    def test_tells_its_version(self):
        self.assertRegex(run("--version").stdout, r"^cistern \d+\.\d+\.\d+\n$")

    def test_helps(self):
        result = run("compare", "--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("--contender", result.stdout)
        self.assertIn("-- program arguments...", result.stdout)

    def test_lists_what_there_is_in_100_columns(self):
        result = run("compare", "--list")
        self.assertEqual(result.returncode, 0)
        for word in ("Workloads", "pair/64", "Contenders", "floor", "For programs"):
            self.assertIn(word, result.stdout)
        self.assertLessEqual(max(map(len, result.stdout.splitlines())), 100)

    def test_a_cell_that_cannot_be_run_says_so_in_one_line(self):
        result = run("cell", "--workload", "no-such", "--contender", "floor", "--threads", "1", "--budget-ms", "1")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(len(result.stderr.splitlines()), 1)
        self.assertIn("no-such", result.stderr)


class BadInput(TestCase):
    def refused(self, *arguments, hint):
        result = run(*arguments)
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertIn(hint, result.stderr)

    def test_ends_with_status_2_and_one_line_that_says_what_instead(self):
        cases = [
            (["compare", "--workload", "pear"], "pair"),
            (["compare", "--workload", ""], "unknown workload"),
            (["compare", "--contender", "flor"], "floor"),
            (["compare", "--contender", "floor", "--", "ls"], "glibc"),
            (["compare", "--frobnicate"], "--help"),
            (["compare", "--thread", "2"], "--threads"),
            (["compare", "--threads", "0"], "from 1"),
            (["compare", "--threads", "1,-2"], "from 1"),
            (["compare", "--rounds", "0"], "from 1"),
            (["compare", "--rounds", "-3"], "from 1"),
            (["compare", "--rounds"], "--rounds"),
            (["compare", "--"], "no program after --"),
            (["compare", "ls"], "cistern compare -- ls"),
            (["compare", "--", "/no/such/program"], "/no/such/program"),
            (["compare", "--", "no-such-program"], "PATH"),
            (["compare", "--", __file__], "chmod"),
            (["compare", "--program", "nameless"], "name=command line"),
            (["compare", "--stdin", "/no/such/file", "--", "ls"], "/no/such/file"),
            (["compare", "--workload", "memory", "--threads", "2"], "memory runs with one thread only"),
            (["compare", "--json", "/no/such/folder/file"], "/no/such/folder/file"),
            (["compare", "--json", ""], "--json"),
            (["compare", "--html", "/no/such/folder/file"], "--html"),
            (["compare", "--json", "same", "--html", "./same"], "a file of its own"),
            (["compare", "--stdin", "/etc/passwd"], "--stdin is for programs"),
            (["compare", "--stdin", "/", "--", "cat"], "cannot read --stdin"),
            (["compare", "--workload", "pair/64,pear"], "pair"),
            (["compare", "compare"], "one command"),
            (["compair"], "cistern compare"),
            ([], "cistern compare"),
        ]
        for arguments, hint in cases:
            with self.subTest(arguments=arguments):
                self.refused(*arguments, hint=hint)

    def test_a_static_program_leaves_nothing_to_compare(self):
        self.refused("compare", "--", program("static"), hint="statically")

    def test_is_found_before_anything_is_run(self):
        start = time.monotonic()
        self.refused("compare", "--full", "--json", "/no/such/folder/file", hint="--json")
        self.assertLess(time.monotonic() - start, 5)


class Workloads(TestCase):
    def test_give_a_document_with_every_field(self):
        document, result = self.document("--workload", "pair/64", "larson", "--threads", "1,2", "--rounds", "3", *TINY)
        self.assertEqual(document["schema"], 1)
        self.assertTrue(document["complete"])
        self.assertEqual(document["set"], "quick")
        self.assertEqual(document["rounds"], 3)
        self.assertRegex(document["started"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertRegex(document["cistern"], r"^\d+\.\d+\.\d+$")
        self.assertGreater(document["elapsed_seconds"], 0)
        self.assertEqual(
            set(document["machine"]),
            {"cpu", "cores", "memory_bytes", "kernel", "distribution", "transparent_huge_pages", "compiler", "malloc",
             "load_at_start"})
        self.assertTrue(all(set(info) == {"name", "kind", "what", "version"} for info in document["contenders"]))
        self.assertEqual(
            {(info["name"], info["family"], info["threaded"]) for info in document["workloads"]},
            {("pair/64", "pair", True), ("larson", "larson", True)})
        self.assertEqual({(cell["workload"], cell["threads"]) for cell in document["cells"]},
                         {("pair/64", 1), ("pair/64", 2), ("larson", 1), ("larson", 2)})
        self.assertIn("pair/64", result.stdout)
        self.assertLessEqual(max(map(len, result.stdout.splitlines())), 100)

    def test_give_cells_with_medians_of_their_rounds(self):
        document, _ = self.document("--workload", "pair/64", "--threads", "1", "--rounds", "3", *TINY)
        measured = [cell for cell in document["cells"] if cell["status"] == "ok"]
        self.assertGreaterEqual(len(measured), 2)
        for cell in measured:
            self.assertEqual(
                set(cell) - {"classes"},  # only pools have them
                {"workload", "contender", "threads", "status", "reason", "rounds", "median", "spread", "memory"})
            self.assertEqual(len(cell["rounds"]), 3)
            times = sorted(cell["threads"] * r["seconds"] * 1e9 / r["operations"] for r in cell["rounds"])
            self.assertAlmostEqual(cell["median"]["ns_per_operation"], times[1], delta=1e-6 * times[1])
            self.assertAlmostEqual(cell["spread"]["low"], times[0], delta=1e-6 * times[0])
            self.assertAlmostEqual(cell["spread"]["high"], times[2], delta=1e-6 * times[2])
            self.assertEqual(
                set(cell["median"]),
                {"ns_per_operation", "operations_per_second", "cpu_seconds", "p50", "p99", "p999", "max", "rss_peak",
                 "rss_before", "rss_drained", "rss_trimmed", "minor_faults", "major_faults", "voluntary_switches",
                 "involuntary_switches"})
        for cell in document["cells"]:
            if cell["status"] != "ok":
                self.assertTrue(cell["reason"])
        [verdict] = document["verdicts"]
        self.assertEqual(set(verdict), {"workload", "threads", "best", "difference", "text"})
        self.assertTrue(set(verdict["best"]) <= {cell["contender"] for cell in measured})

    def test_give_the_size_classes_of_pools_alone(self):
        document, _ = self.document(
            "--workload", "pair/64", "--contender", "bucket-pool", "floor", "--threads", "1", "--rounds", "1", *TINY)
        pool, floor = document["cells"]
        self.assertEqual([one["bytes"] for one in pool["classes"]], [64])
        self.assertNotIn("classes", floor)

    def test_take_only_the_contenders_that_are_named(self):
        document, _ = self.document("--workload", "pair/64", "--contender", "floor", "--rounds", "1", *TINY)
        self.assertEqual({cell["contender"] for cell in document["cells"]}, {"floor"})
        self.assertEqual([info["name"] for info in document["contenders"]], ["floor"])

    def test_that_fail_are_named_with_the_reason_and_the_status_is_1(self):
        # Nothing measures for ten seconds within some milliseconds.
        document, result = self.document(
            "--workload", "pair/64", "--contender", "floor", "--threads", "1", "--rounds", "2",
            "--budget-ms", "10000", "--time-limit-ms", "200", status=1)
        [cell] = document["cells"]
        self.assertEqual((cell["status"], cell["rounds"], cell["median"]), ("failed", [], {}))
        self.assertIn("killed", cell["reason"])
        self.assertIn("[1] failed: pair/64 on floor", result.stdout)
        self.assertIn("1 of 1 cells", result.stderr)

    def test_are_followed_by_programs_in_the_same_document(self):
        document, _ = self.document(
            "--workload", "pair/64", "--rounds", "1", *TINY, "--program", f"one='{program('allocating')}'",
            "--program", f"two='{program('failing')}' now", "--program", f"three='{program('static')}'", status=1)
        self.assertTrue(document["cells"])
        self.assertEqual([(p["name"], p["status"]) for p in document["programs"]],
                         [("one", "ok"), ("two", "failed"), ("three", "static")])
        self.assertEqual(document["programs"][1]["command"], [program("failing"), "now"])

    def test_leave_a_page_where_the_charting_library_is_there(self):
        page = self.file("page.html")
        result = run("compare", "--workload", "pair/64", "--contender", "floor", "--rounds", "1", *TINY, "--html", page)
        if result.returncode == 2:
            self.assertIn("tools/setup", result.stderr)
            self.skipTest("built without the charting library")
        self.assertEqual(result.returncode, 0, result.stderr)
        with open(page) as file:
            self.assertIn("pair/64", file.read())

    def test_write_files_that_others_may_read_and_leave_no_others(self):
        self.document("--workload", "pair/64", "--contender", "floor", "--rounds", "1", *TINY)
        self.assertEqual(os.listdir(self.folder), ["result.json"])
        mask = os.umask(0)
        os.umask(mask)
        self.assertEqual(os.stat(self.file("result.json")).st_mode & 0o777, 0o666 & ~mask)


class Streams(TestCase):
    """Standard streams in every bad state. The arguments make a run of some milliseconds."""

    SHORT = ["compare", "--workload", "pair/64", "--contender", "floor", "--threads", "1", "--rounds", "1", *TINY]

    def shell(self, redirection, *arguments):
        command = 'exec "$@" ' + redirection
        return subprocess.run(
            ["sh", "-c", command, "sh", CISTERN, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=60)

    def complete(self):
        with open(self.file("r.json")) as file:
            return json.load(file)["complete"]

    def test_that_are_closed_do_not_let_the_table_into_the_document(self):
        for closed in (">&-", "2>&-", "<&-", "<&- >&- 2>&-"):
            with self.subTest(closed=closed):
                result = self.shell(closed, *self.SHORT, "--json", self.file("r.json"))
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertTrue(self.complete())

    def test_whose_reader_has_gone_cost_nothing_that_is_measured(self):
        ours, theirs = os.pipe()
        os.close(ours)
        result = subprocess.run([CISTERN, *self.SHORT, "--json", self.file("r.json")], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=theirs, timeout=60)
        os.close(theirs)
        self.assertEqual(result.returncode, 0)
        self.assertTrue(self.complete())
        self.assertEqual(os.listdir(self.folder), ["r.json"])

    def test_leave_a_program_its_own_sigpipe(self):
        result = run("compare", "--rounds", "1", "--contender", "glibc", "--", "sh", "-c", "kill -PIPE $$")
        self.assertIn("signal 13", result.stdout)

    def test_that_are_full_are_an_error(self):
        for arguments in (self.SHORT, ["--version"]):
            self.assertEqual(self.shell(">/dev/full", *arguments).returncode, 1, arguments)

    def test_a_document_that_cannot_be_written_does_not_cost_the_table(self):
        result = run(*self.SHORT, "--json", "/dev/full")
        self.assertEqual(result.returncode, 1)
        self.assertIn("Verdicts", result.stdout)
        self.assertIn("cannot write /dev/full", result.stderr)
        self.assertNotIn("result document", result.stdout)


class Colours(TestCase):
    def on_a_terminal(self, *options, **environment):
        ours, theirs = pty.openpty()
        child = subprocess.Popen(
            [CISTERN, "compare", "--workload", "pair/64", "--contender", "floor", "--rounds", "1", *TINY, *options],
            stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.DEVNULL,
            env={**{k: v for k, v in os.environ.items() if k != "NO_COLOR"}, "TERM": "xterm", **environment})
        os.close(theirs)
        text = b""
        while True:
            try:
                chunk = os.read(ours, 65536)
            except OSError:  # how Linux ends a terminal whose other side is closed
                break
            if not chunk:
                break
            text += chunk
        os.close(ours)
        self.assertEqual(child.wait(timeout=60), 0)
        return text.decode()

    def test_are_for_a_terminal_that_wants_them(self):
        self.assertIn("\x1b[", self.on_a_terminal())
        self.assertNotIn("\x1b", self.on_a_terminal("--no-color"))
        self.assertNotIn("\x1b", self.on_a_terminal(NO_COLOR="1"))
        self.assertNotIn("\x1b", self.on_a_terminal(TERM="dumb"))

    def test_are_not_for_a_pipe(self):
        result = run("compare", "--workload", "pair/64", "--contender", "floor", "--rounds", "1", *TINY)
        self.assertNotIn("\x1b", result.stdout + result.stderr)


class Interruption(TestCase):
    def interrupted(self, signal_number, *arguments, enough):
        """Sends the signal once `enough` of the marked processes run; the exit status and the document."""
        mark = "CISTERN_TEST_MARK=" + uuid.uuid4().hex
        name, value = mark.split("=")
        child = subprocess.Popen(
            [CISTERN, "compare", "--json", self.file("result.json"), *arguments],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, name: value},
            preexec_fn=lambda: [signal.signal(s, signal.SIG_DFL) for s in (signal.SIGINT, signal.SIGTERM)])
        deadline = time.monotonic() + 30
        while len(processes_with(mark)) < enough and time.monotonic() < deadline:
            time.sleep(0.01)
        child.send_signal(signal_number)
        output, errors = child.communicate(timeout=30)
        self.assertEqual(processes_with(mark), [])
        self.assertEqual(child.returncode, 130, errors)
        self.assertIn("Interrupted", output)
        with open(self.file("result.json")) as file:
            document = json.load(file)
        self.assertFalse(document["complete"])
        return document

    def test_keeps_what_is_measured_and_leaves_no_child(self):
        # The first cell is short of its ten seconds when the signal comes; later ones would follow for minutes.
        document = self.interrupted(
            signal.SIGINT, "--workload", "pair", "--rounds", "3", "--budget-ms", "10000", enough=2)
        self.assertTrue(document["cells"])
        self.assertTrue(all(cell["status"] != "failed" for cell in document["cells"]), "an interruption is no failure")

    def test_keeps_the_cells_that_were_done(self):
        child = subprocess.Popen(
            [CISTERN, "compare", "--workload", "pair", "--rounds", "1000", "--budget-ms", "5", "--json", self.file("r.json")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        time.sleep(1.5)
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(timeout=30), 130)
        with open(self.file("r.json")) as file:
            document = json.load(file)
        self.assertFalse(document["complete"])
        self.assertTrue(any(cell["rounds"] for cell in document["cells"]))

    def test_by_sigterm_is_the_same(self):
        self.interrupted(signal.SIGTERM, "--workload", "pair", "--budget-ms", "10000", enough=2)

    def test_ends_a_program_and_its_children(self):
        document = self.interrupted(signal.SIGINT, "--", program("sleeping"), enough=3)
        self.assertEqual(document["programs"][0]["name"], "sleeping")

    def test_of_the_command_by_sigkill_ends_its_cell_too(self):
        mark = "CISTERN_TEST_MARK=" + uuid.uuid4().hex
        name, value = mark.split("=")
        child = subprocess.Popen(
            [CISTERN, "compare", "--workload", "pair", "--budget-ms", "10000"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, name: value})
        deadline = time.monotonic() + 30
        while len(processes_with(mark)) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        child.kill()
        child.wait()
        deadline = time.monotonic() + 3  # far less than the cell would take
        while processes_with(mark) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertEqual(processes_with(mark), [])


class Programs(TestCase):
    def test_are_measured_on_every_allocator_that_is_installed(self):
        found, result = self.program_document(program("allocating"), "--help")
        self.assertEqual((found["name"], found["status"]), ("allocating", "ok"))
        self.assertEqual(found["command"], [program("allocating"), "--help"])
        self.assertEqual([c["name"] for c in found["contenders"]][:2], ["glibc", "glibc-tuned"])
        for contender in found["contenders"]:
            with self.subTest(contender=contender["name"]):
                self.assertEqual(contender["status"], "ok")
                self.assertTrue(contender["as_intended"], contender["reason"])
                library = contender["name"] if not contender["name"].startswith("glibc") else "libc.so"
                self.assertIn(library, contender["bound"])
                self.assertEqual(
                    set(contender["median"]),
                    {"wall_seconds", "user_seconds", "system_seconds", "rss_peak", "minor_faults", "major_faults"})
                self.assertGreater(contender["median"]["wall_seconds"], 0)
                self.assertGreater(contender["median"]["rss_peak"], 64 << 20)
                self.assertLess(contender["median"]["rss_peak"], 96 << 20)
        self.assertEqual(set(found["verdict"]), {"best", "difference", "text"})
        self.assertLessEqual(max(map(len, result.stdout.splitlines())), 100)

    def test_have_a_peak_of_their_own_and_not_ours(self):
        # The command itself has more resident than this program: ru_maxrss of a forked child would say so.
        found, _ = self.program_document("/bin/true", options=("--rounds", "1", "--contender", "glibc"))
        self.assertLess(found["contenders"][0]["median"]["rss_peak"], 4 << 20)
        self.assertGreater(found["contenders"][0]["median"]["rss_peak"], 0)

    def test_that_end_by__exit_are_seen_to_the_end(self):
        found, _ = self.program_document(program("silent_exit"), options=("--rounds", "1", "--contender", "glibc"))
        self.assertGreater(found["contenders"][0]["median"]["rss_peak"], 0)
        self.assertTrue(found["contenders"][0]["as_intended"])

    def test_that_end_by_a_system_call_have_no_known_peak_rather_than_ours(self):
        found, result = self.program_document(
            program("silent_exit"), "unseen", options=("--rounds", "1", "--contender", "glibc"))
        self.assertEqual(found["contenders"][0]["median"]["rss_peak"], 0)
        self.assertIn("?", result.stdout)

    def test_that_go_on_without_the_probe_are_not_said_to_be_bound(self):
        for command in (("/usr/bin/env", "-u", "LD_PRELOAD", program("allocating")), ("/usr/bin/env", program("static"))):
            with self.subTest(command=command):
                found, result = self.program_document(*command)
                for contender in found["contenders"]:
                    self.assertFalse(contender["as_intended"], contender["name"])
                    self.assertEqual(contender["bound"], "")
                self.assertEqual(found["verdict"]["best"], [])
                self.assertIn("NOT known", result.stdout)

    def test_leave_no_daemon_behind(self):
        mark = "CISTERN_TEST_MARK=" + uuid.uuid4().hex
        name, value = mark.split("=")
        self.program_document("/bin/sh", "-c", "setsid -f sleep 60", options=("--rounds", "1", "--contender", "glibc"),
                              **{name: value})
        self.assertEqual(processes_with(mark), [])

    def test_with_a_malloc_of_their_own_are_not_as_intended(self):
        found, result = self.program_document(program("own_malloc"))
        for contender in found["contenders"]:
            self.assertEqual(contender["status"], "ok", contender["reason"])
            self.assertFalse(contender["as_intended"], contender["name"])
            self.assertEqual(contender["bound"], program("own_malloc"))
            self.assertIn("own_malloc", contender["reason"])
        self.assertEqual(found["verdict"]["best"], [])
        self.assertIn("NOT as intended", result.stdout)

    def test_with_an_operator_new_of_their_own_are_not_as_intended(self):
        found, _ = self.program_document(program("own_operator_new"))
        for contender in found["contenders"]:
            self.assertFalse(contender["as_intended"], contender["name"])
            self.assertIn("operator new", contender["reason"])

    def test_with_mallocs_address_in_a_fixed_place_are_as_intended(self):
        found, _ = self.program_document(program("address_taker"))
        for contender in found["contenders"]:
            self.assertTrue(contender["as_intended"], contender["name"] + ": " + contender["reason"])

    def test_behind_a_shell_are_followed(self):
        found, _ = self.program_document("sh", "-c", f"exec '{program('allocating')}'")
        for contender in found["contenders"]:
            self.assertTrue(contender["as_intended"], contender["reason"])
            self.assertGreater(contender["median"]["rss_peak"], 64 << 20)

    def test_that_fail_are_said_so_with_their_last_words(self):
        found, result = self.program_document(program("failing"), status=1)
        self.assertEqual(found["status"], "failed")
        self.assertIn("exit status 3: the disk is on fire", found["reason"])
        self.assertIn("failing", result.stderr)

    def test_that_fail_on_some_allocators_only_are_said_so_for_those(self):
        found, _ = self.program_document(program("fails_when_preloaded"), status=1, options=("--rounds", "2"))
        self.assertEqual(found["status"], "ok")
        for contender in found["contenders"]:
            own = contender["name"].startswith("glibc")
            self.assertEqual(contender["status"], "ok" if own else "failed")
            self.assertEqual(len(contender["rounds"]), 2 if own else 0)
            if not own:
                self.assertIn("signal 6", contender["reason"])

    def test_that_are_killed_by_a_signal_are_said_so(self):
        found, _ = self.program_document("sh", "-c", "kill -SEGV $$", status=1)
        self.assertIn("killed by signal 11", found["reason"])

    def test_read_what_stdin_says_and_else_nothing(self):
        words = self.file("words")
        with open(words, "w") as file:
            file.write("hello\n")
        only = ("--rounds", "1", "--contender", "glibc")
        self.program_document("sh", "-c", "read word && test $word = hello", options=(*only, "--stdin", words))
        found, _ = self.program_document("sh", "-c", "read word", options=only, status=1)
        self.assertIn("exit status 1", found["reason"])

    def test_under_a_preload_of_the_users_tell_the_truth(self):
        plain, _ = self.program_document(program("allocating"))
        other = next((c for c in plain["contenders"] if not c["name"].startswith("glibc")), None)
        if other is None:
            self.skipTest("no other allocator is installed")
        if run("--version", LD_PRELOAD=other["bound"]).returncode != 0:
            self.skipTest("a sanitizer does not let the command itself be preloaded")
        found, _ = self.program_document(program("allocating"), options=("--rounds", "1", "--contender", "glibc"),
                                         LD_PRELOAD=other["bound"])
        self.assertFalse(found["contenders"][0]["as_intended"])
        self.assertEqual(found["contenders"][0]["bound"], other["bound"])

    def test_that_the_kernel_cannot_start_are_said_why(self):
        path = self.file("no script")
        for text, why in (("exit 0", "begins with #!"), ("#!/no/such/shell", "/no/such/shell")):
            with open(path, "w") as file:
                file.write(text + "\n")
            os.chmod(path, 0o755)
            result = run("compare", "--rounds", "1", "--contender", "glibc", "--", path)
            self.assertIn(why, result.stdout + result.stderr)

    def test_with_control_characters_in_the_name_do_not_reach_the_terminal(self):
        path = self.file("a\n\x1b[31mb")
        os.symlink("/bin/true", path)
        found, result = self.program_document(path, options=("--rounds", "1", "--contender", "glibc"))
        self.assertNotIn("\x1b", result.stdout + result.stderr)
        self.assertEqual(found["name"], "a  [31mb")
        self.assertEqual(found["command"], [path])

    def test_leave_nothing_behind(self):
        temporary = tempfile.mkdtemp(dir="/tmp")
        self.addCleanup(os.rmdir, temporary)
        self.program_document("/bin/true", TMPDIR=temporary)
        self.assertEqual(os.listdir(temporary), [])


if __name__ == "__main__":
    CISTERN, PROGRAMS = map(os.path.abspath, sys.argv[1:3])
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
