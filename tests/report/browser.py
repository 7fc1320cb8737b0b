# SPDX-License-Identifier: MIT
"""A page as headless Chromium shows it: the elements of its DOM after the scripts have run."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
from html.parser import HTMLParser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
VOID = {"meta", "link", "br", "img", "input", "hr"}


class Element:
    def __init__(self, tag, attributes):
        self.tag, self.attributes, self.children, self.own_text = tag, dict(attributes), [], ""

    def all(self, tag=None):
        """This element's descendants, in order."""
        for child in self.children:
            if tag in (None, child.tag):
                yield child
            yield from child.all(tag)

    def with_attribute(self, name):
        return [one for one in self.all() if name in one.attributes]

    def by_id(self, name):
        return next((one for one in self.all() if one.attributes.get("id") == name), None)

    @property
    def text(self):
        return self.own_text + "".join(child.text for child in self.children)


class TreeBuilder(HTMLParser):
    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.root = Element("document", {})
        self.path = [self.root]

    def handle_starttag(self, tag, attrs):
        made = Element(tag, attrs)
        self.path[-1].children.append(made)
        if tag not in VOID:
            self.path.append(made)

    def handle_endtag(self, tag):
        if any(one.tag == tag for one in self.path):
            while self.path.pop().tag != tag:
                pass

    def handle_data(self, data):
        text = Element("#text", {})
        text.own_text = data
        self.path[-1].children.append(text)


def parse(html):
    builder = TreeBuilder()
    builder.feed(html)
    return builder.root


def dump(page, query="", width=1280):
    """The DOM of an HTML text once its scripts have run. The browser has an empty profile and no name resolution."""
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "page.html")
        file.write_text(page, encoding="utf-8")
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync",
                   "--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder}/profile",
                   f"--window-size={width},1000", "--virtual-time-budget=20000", "--dump-dom",
                   f"{file.as_uri()}?{query}"]
        quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, start_new_session=True, **quiet) as run:
            try:
                out, _ = run.communicate(timeout=120)
            except subprocess.TimeoutExpired:
                os.killpg(run.pid, signal.SIGKILL)
                raise
    return parse(out.decode("utf-8"))
