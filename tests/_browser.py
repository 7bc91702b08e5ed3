"""A real browser for pages: headless Chromium, driven over its debugging pipe."""

import base64
import json
import os
import shutil
import subprocess
import tempfile

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "chromium-headless-shell")
PROGRAM = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
]
# What a page looks like to a reader: its width against the window's, and its pictures.
MEASURE = """JSON.stringify({
    overflow: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    pictures: [...document.querySelectorAll("svg")].map(e => {
        const box = e.getBoundingClientRect();
        return [box.width, box.height, e.querySelectorAll("path, use").length];
    }),
    scripts: document.scripts.length,
    requests: performance.getEntriesByType("resource").map(e => e.name),
    background: getComputedStyle(document.body).backgroundColor,
    height: document.documentElement.scrollHeight,
    text: document.body.innerText,
})"""


class Browser:
    """A browser with one tab; a context manager."""

    def __enter__(self):
        here, self._to = os.pipe()
        self._from, there = os.pipe()
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        command = f'exec "$0" "$@" 3<&{here} 4>&{there}'
        flags = [*FLAGS, f"--user-data-dir={self._folder.name}", "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", command, PROGRAM, *flags],  # noqa: S607 - what a shell is called
            pass_fds=(here, there),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(here)
        os.close(there)
        self._rest, self._number, self.events, self._session = b"", 0, [], None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(20)
        os.close(self._to)
        os.close(self._from)
        self._folder.cleanup()

    def send(self, method, **params):
        """Send a command and return its result; events are collected meanwhile."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while (got := self._receive()).get("id") != self._number:
            self.events.append(got)
        assert "error" not in got, got
        return got["result"]

    def _receive(self):
        while b"\0" not in self._rest:
            data = os.read(self._from, 1 << 20)
            assert data, "the browser has closed its pipe"
            self._rest += data
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def open(self, path, width, *, dark=False, media=""):
        """Open a file at a width; return what `MEASURE` finds, and what the console has."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        self.send("Emulation.setEmulatedMedia", media=media, features=scheme)
        self.events.clear()
        self.send("Page.navigate", url=path.as_uri())
        while not any(each.get("method") == "Page.loadEventFired" for each in self.events):
            self.events.append(self._receive())
        found = self.send("Runtime.evaluate", expression=MEASURE)["result"]["value"]
        logs = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
        console = [each["params"] for each in self.events if each.get("method") in logs]
        dialogs = [e for e in self.events if e.get("method") == "Page.javascriptDialogOpening"]
        return json.loads(found) | {"console": console, "dialogs": dialogs}

    def screenshot(self, path):
        """Write a picture of the whole page."""
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))
