#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The report's page, made by report_render (the first argument) from invented documents and opened in Chromium."""

import functools
import json
import pathlib
import re
import subprocess
import sys
import unittest

import browser
import sample_document

RENDER = sys.argv.pop(1) if len(sys.argv) > 1 else "report_render"
DRIVER = pathlib.Path(__file__).with_name("drive_page.js").read_text(encoding="utf-8")
SKIPPED = 77


@functools.cache
def document(name):
    return sample_document.DOCUMENTS[name]()


@functools.cache
def page(name):
    done = subprocess.run([RENDER], input=json.dumps(document(name), ensure_ascii=False).encode(), capture_output=True,
                          check=True, timeout=60)
    return done.stdout.decode("utf-8")


@functools.cache
def shown(name, query=""):
    return browser.dump(page(name), query)


@functools.cache
def driven(name, width=1280):
    """The page after drive_page.js turned every knob, and what it saw."""
    body, end = page(name).rsplit("</body>", 1)
    dom = browser.dump(f"{body}<script>{DRIVER}</script></body>{end}", width=width)
    return dom, json.loads(root(dom).attributes["data-driven"])


def root(dom):
    return next(dom.all("html"))


def charts(dom):
    return {one.attributes["data-chart"]: one for one in dom.with_attribute("data-chart")}


def colours(dom):
    chips = dom.with_attribute("data-colour")
    return {one.attributes["data-contender"]: one.attributes["data-colour"] for one in chips}


def painted(chart, attribute, colour):
    return sum(1 for one in chart.all("path") if one.attributes.get(attribute) == colour)


def dashed_lines(chart):
    return sum(1 for one in chart.all("path") if "stroke-dasharray" in one.attributes)


def texts(chart):
    return [one.text for one in chart.all("text")]


def measured(doc, workload=None, threads=1):
    """How many cells of each contender are measured."""
    counts = {}
    for cell in doc["cells"]:
        if cell["status"] == "ok" and cell["threads"] == threads and workload in (None, cell["workload"]):
            counts[cell["contender"]] = counts.get(cell["contender"], 0) + 1
    return counts


def pool_cell(doc, workload, contender, threads):
    return next(cell for cell in doc["cells"]
                if (cell["workload"], cell["contender"], cell["threads"]) == (workload, contender, threads))


class EveryChart(unittest.TestCase):
    def setUp(self):
        self.dom = shown("full", "theme=light")
        self.charts = charts(self.dom)
        self.colours = colours(self.dom)

    def assert_marks(self, chart, expected, attribute="fill"):
        self.assertTrue(expected)
        marks = {name: painted(self.charts[chart], attribute, self.colours[name]) for name in self.colours}
        self.assertEqual({name: count for name, count in marks.items() if count}, expected)
        named = set(json.loads(self.charts[chart].attributes["data-series"]))
        self.assertEqual(named - {"live", "baseline"}, set(expected))

    def test_has_the_charts_and_nothing_else(self):
        self.assertEqual(list(self.charts), ["speed", "threads", "memory", "returned", "classes", "latency",
                                             "tradeoff", "program-0", "program-1", "program-2", "program-3"])
        for name, chart in self.charts.items():
            self.assertEqual(len(list(chart.all("svg"))), 1, name)

    def test_speed_has_a_mark_for_each_cell_and_a_row_for_each_workload(self):
        self.assert_marks("speed", measured(document("full")))
        self.assertLessEqual({one["name"] for one in document("full")["workloads"]}, set(texts(self.charts["speed"])))

    def test_speed_has_whiskers_and_a_dashed_line_for_the_baseline(self):
        for name in measured(document("full")):
            self.assertEqual(painted(self.charts["speed"], "stroke", self.colours[name]), 1, name)
        self.assertEqual(dashed_lines(self.charts["speed"]), 1)

    def test_throughput_has_a_line_with_a_mark_for_each_number_of_threads_and_a_name_at_its_end(self):
        expected = {name: count + measured(document("full"), "larson", 2)[name]
                    for name, count in measured(document("full"), "larson", 1).items()}
        self.assert_marks("threads", expected)
        for name in expected:
            self.assertEqual(painted(self.charts["threads"], "stroke", self.colours[name]), 1, name)
            self.assertIn(name, texts(self.charts["threads"]))

    def test_memory_has_a_line_for_each_contender_and_a_dashed_one_for_what_is_live(self):
        self.assert_marks("memory", measured(document("full"), "memory"), "stroke")
        self.assertIn("live", json.loads(self.charts["memory"].attributes["data-series"]))
        self.assertEqual(dashed_lines(self.charts["memory"]), 1)

    def test_memory_that_comes_back_has_a_bar_a_ring_and_a_dot(self):
        there = measured(document("full"), "memory")
        self.assert_marks("returned", {name: 2 for name in there})
        for name in there:  # the ring and the line
            self.assertEqual(painted(self.charts["returned"], "stroke", self.colours[name]), 2, name)

    def test_class_fill_has_a_row_for_each_class_and_its_parts_in_shades_of_the_pools_colour(self):
        chart = self.charts["classes"]
        fills = pool_cell(document("full"), "larson", "bucket-pool", 1)["classes"]
        parts = ("live", "cached_threads", "cached_depot", "retained")
        bars = sum(1 for fill in fills for part in parts if fill[part])
        in_legend = len(parts)
        self.assertEqual(painted(chart, "stroke", self.colours["bucket-pool"]), bars + in_legend)
        self.assertEqual(painted(chart, "fill", self.colours["bucket-pool"]),
                         sum(1 for fill in fills if fill["live"]) + 1)
        legend = {"live", "cached in threads", "cached in the depot", "retained in spans"}
        self.assertEqual(set(json.loads(chart.attributes["data-series"])) - {"together"}, legend)
        rows = {f"{fill['bytes']} B" for fill in fills if fill["bytes"] < 1000}
        self.assertLessEqual(legend | rows, set(texts(chart)))

    def test_class_fill_offers_the_pools_and_no_other_contender(self):
        select = next(one for one in self.dom.by_id("classes").with_attribute("data-select")
                      if one.attributes["data-select"] == "contender")
        self.assertEqual([one.text for one in select.all("option")], ["bucket-pool", "bucket-pool-pmr"])

    def test_latency_has_four_percentiles(self):
        self.assert_marks("latency", {name: 4 for name in measured(document("full"), "larson")})

    def test_tradeoff_has_a_named_point_for_each_contender(self):
        expected = measured(document("full"), "memory")
        self.assert_marks("tradeoff", expected)
        self.assertLessEqual(set(expected), set(texts(self.charts["tradeoff"])))

    def test_programs_have_bars_of_time_and_memory_with_their_values(self):
        for index in (0, 2, 3):
            entries = document("full")["programs"][index]["contenders"]
            self.assert_marks(f"program-{index}", {one["name"]: 2 for one in entries})
            values = [text for text in texts(self.charts[f"program-{index}"]) if text.endswith("MiB")]
            self.assertGreaterEqual(len(values), len(entries))

    def test_one_colour_means_one_contender(self):
        self.assertEqual(len(set(self.colours.values())), len(sample_document.CONTENDERS))

    def test_each_says_how_to_read_it(self):
        for section in self.dom.all("section"):
            if charts(section):
                how = next(one for one in section.all("p") if one.attributes.get("class") == "how")
                self.assertRegex(how.text, r"(Left|Right|Higher|Lower|Shorter|Down)[a-z ]* is (better|faster)")


class ThePage(unittest.TestCase):
    def test_meets_no_error_with_any_document(self):
        for name in sample_document.DOCUMENTS:
            with self.subTest(name):
                attributes = root(shown(name)).attributes
                self.assertEqual(attributes["data-errors"], "")
                self.assertEqual(attributes.get("data-ready"), "true")

    def test_has_no_empty_panel(self):
        for name in sample_document.DOCUMENTS:
            for chart in charts(shown(name)).values():
                with self.subTest(name, chart=chart.attributes["data-chart"]):
                    self.assertGreater(len(json.loads(chart.attributes["data-series"])), 0)
                    self.assertGreater(len(list(chart.all("path"))), 0)

    def test_names_nothing_to_load(self):
        for one in shown("full").all():
            for attribute in ("src", "href", "xlink:href", "data", "poster", "srcset"):
                self.assertRegex(one.attributes.get(attribute, "#"), "^(#|data:)", one.tag)
        css = "".join(one.text for one in shown("full").all("style"))
        self.assertNotRegex(css, r"@import|url\(")

    def test_keeps_the_licences_of_the_library(self):
        self.assertIn("Licensed to the Apache Software Foundation (ASF) under one", page("nothing"))
        self.assertIn("BSD 3-Clause License", page("nothing"))

    def test_draws_whatever_is_chosen_and_drops_what_is_switched_off(self):
        dom, seen = driven("full")
        self.assertEqual(root(dom).attributes["data-errors"], "")
        self.assertGreater(seen["choices"], 150)
        self.assertEqual((seen["empty"], seen["stillThere"], seen["loaded"]), ([], [], 0))

    def test_has_no_texts_on_each_other_and_none_cut_off(self):
        for name, width in (("full", 1280), ("full", 500), ("hostile", 500), ("interrupted", 900)):
            with self.subTest(name, width=width):
                _, seen = driven(name, width)
                self.assertEqual((seen["overlaps"][:9], seen["cut"][:9]), ([], []))
                self.assertLessEqual(seen["wide"], 0)

    def test_tells_the_numbers_of_a_mark_that_is_pointed_at(self):
        tips = driven("full")[1]["tips"]
        self.assertEqual(list(tips), list(charts(shown("full"))))
        for chart, words in tips.items():
            self.assertRegex(words, r"[0-9] (ns|µs|ms|s|KiB|MiB|M/s|k/s)\b", chart)

    def test_is_dark_where_asked(self):
        light, dark = colours(shown("full", "theme=light")), colours(shown("full", "theme=dark"))
        self.assertEqual(light.keys(), dark.keys())
        self.assertTrue(all(light[name] != dark[name] for name in light))

    def test_leaves_out_contenders_and_sections_by_its_address(self):
        dom = shown("full", "only=speed&hide=floor,jemalloc")
        visible = [one.attributes["id"] for one in dom.all("section") if "hidden" not in one.attributes]
        self.assertEqual(visible, ["speed"])
        self.assertNotIn("floor", json.loads(charts(dom)["speed"].attributes["data-series"]))

    def test_shows_the_fill_of_a_pool_that_is_not_left_out(self):
        chart = charts(shown("full", "theme=light&hide=bucket-pool"))["classes"]
        self.assertGreater(painted(chart, "fill", colours(shown("full", "theme=light"))["bucket-pool-pmr"]), 1)


class Words(unittest.TestCase):
    def words(self, name, place):
        return shown(name).by_id(place).text

    def test_tell_a_complete_run_from_an_interrupted_one(self):
        self.assertIn("Complete.", self.words("one_thread", "banner"))
        self.assertIn("Interrupted.", self.words("interrupted", "banner"))
        self.assertIn("Complete, with failures.", self.words("full", "banner"))
        self.assertIn("3 failed", self.words("full", "banner"))  # a cell, a run of a program, a program
        self.assertEqual(shown("interrupted").by_id("banner").attributes["class"], "interrupted")

    def test_count_as_measured_only_the_cells_that_were(self):
        cells = [cell for cell in document("interrupted")["cells"] if cell["status"] == "ok"]
        reached = sum(1 for cell in cells if cell["rounds"])
        self.assertIn(f"{reached} cells measured, {len(cells) - reached} not reached", self.words("interrupted", "banner"))

    def test_tell_the_machine_and_the_measurement(self):
        head = next(shown("full").all("header")).text
        for fact in ("Example CPU", "8 GiB", "6.18.0", "quick set", "3 rounds", "2 min 43 s", "of the median"):
            self.assertIn(fact, head)

    def test_tell_every_verdict(self):
        told = self.words("full", "verdicts")
        for one in document("full")["verdicts"]:
            self.assertIn(one["text"], told)

    def test_tell_why_a_program_or_a_cell_has_no_numbers(self):
        programs, table = self.words("full", "programs"), shown("full").by_id("table")
        for reason in ("exit status 139 (segmentation fault)", "statically linked", 'no program "weather" in PATH'):
            self.assertIn(reason, programs)
        self.assertEqual(programs.count("not the intended malloc"), 5)  # redis-server binds one of its own
        for reason in ("skipped: not thread-safe", "failed: killed by signal 9 after 2.1 s"):
            for place in ("tbody", "ul"):  # in its row, and in the list above the table
                self.assertIn(reason, next(table.all(place)).text)

    def test_have_a_row_for_each_cell(self):
        body = next(shown("full").by_id("table").all("tbody"))
        self.assertEqual(len(list(body.all("tr"))), len(document("full")["cells"]))

    def test_say_that_nothing_was_measured(self):
        self.assertIn("Nothing was measured", self.words("nothing", "empty"))
        self.assertEqual(charts(shown("nothing")), {})


class HostileText(unittest.TestCase):
    def test_stays_text(self):
        dom = shown("hostile")
        self.assertEqual(root(dom).attributes["data-errors"], "")
        self.assertEqual([one.text for one in dom.all("b") if one.text == "x"], [])
        bad = document("hostile")["machine"]["cpu"]
        for place in ("machine", "verdicts", "speed", "programs", "table"):
            self.assertIn(bad, dom.by_id(place).text, place)

    def test_stays_text_where_the_mouse_points(self):
        seen = driven("hostile", 500)[1]
        self.assertEqual(seen["injected"], 0)
        self.assertIn("</script><b>x</b>", seen["tips"]["program-0"])

    def test_does_not_end_the_data(self):
        data = re.search(r'<script type="application/json" id="document">(.*?)</script>', page("hostile"), re.DOTALL)
        self.assertEqual(json.loads(data.group(1)), document("hostile"))
        self.assertNotIn("\u2028", data.group(1))


class DocumentsOfAnyShape(unittest.TestCase):
    def test_one_number_of_threads_gives_bars(self):
        chart = charts(shown("one_thread"))["threads"]
        for colour in colours(shown("one_thread")).values():
            self.assertEqual(painted(chart, "fill", colour), 1)

    def test_no_memory_over_time_gives_no_such_chart(self):
        self.assertNotIn("memory", charts(shown("no_memory")))
        self.assertIn("returned", charts(shown("no_memory")))

    def test_no_contender_that_tells_its_classes_gives_no_such_chart(self):
        for name in ("one_thread", "one_contender", "nothing"):
            self.assertNotIn("classes", charts(shown(name)), name)
            self.assertIsNone(shown(name).by_id("classes"), name)

    def test_programs_alone_give_their_charts(self):
        self.assertEqual(list(charts(shown("programs_only"))), ["tradeoff", "program-0"])

    def test_no_document_is_said_so(self):
        done = subprocess.run([RENDER], input=b"{not json", capture_output=True, check=True, timeout=60)
        dom = browser.dump(done.stdout.decode())
        self.assertIn("could not be shown", dom.by_id("banner").text)
        self.assertNotEqual(root(dom).attributes["data-errors"], "")


if __name__ == "__main__":
    if browser.CHROMIUM is None:
        print("[  SKIPPED ] report.page: no Chromium here (apt-get install chromium), so the charts are not checked")
        sys.exit(SKIPPED)
    unittest.main()
