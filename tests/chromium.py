"""A real browser for tests of pages: headless Chromium, spoken to over the pipes of its DevTools protocol.

The protocol (chromedevtools.github.io/devtools-protocol) is JSON with a zero byte after each message; with
--remote-debugging-pipe Chromium reads it from file descriptor 3 and writes it to 4, so neither a port nor a library is
needed.
"""

from __future__ import annotations

import base64
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# generous: the machine may be training beside the test
PATIENCE_S = 180.0
_FLAGS = (
    *("--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--enable-unsafe-swiftshader"),
    *("--hide-scrollbars", "--mute-audio", "--no-first-run", "--disable-extensions", "--disable-background-networking"),
    *("--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required"),
)
# gives the pipes the two numbers that Chromium expects; a shell cannot where they are above 9
_RENUMBER = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


class Page:
    """One open page. `errors` collects uncaught exceptions, console errors and everything that it failed to load."""

    def __init__(self, send: Any, read: Any) -> None:
        self._send, self._read = send, read
        self._number = 0
        self._session: str | None = None
        self.errors: list[str] = []
        # addresses that the page asked for, itself included
        self.requests: list[str] = []
        self._loaded = False

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        self._send({**message, "sessionId": self._session} if self._session else message)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            answer = self._next(deadline)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result

    def open(self, path: Path, *, width: int = 1200, height: int = 900, dark: bool = False) -> None:
        """Open the file at `path` and wait until it is loaded; `width` and `height` are CSS pixels."""
        if self._session is None:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.call(f"{domain}.enable")
        self.look(width=width, height=height, dark=dark)
        self.errors.clear()
        self.requests.clear()
        self._loaded = False
        self.call("Page.navigate", url=path.resolve().as_uri())
        deadline = time.monotonic() + PATIENCE_S
        while not self._loaded:
            self._next(deadline)

    def look(self, *, width: int, height: int = 900, dark: bool = False) -> None:
        """Change the size of the window, a phone's if it is narrow, and the reader's preference for light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited if it is a promise; RuntimeError if it throws."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def wait_for(self, expression: str, patience_s: float = PATIENCE_S) -> None:
        """Wait until a JavaScript expression is true."""
        deadline = time.monotonic() + patience_s
        while not self.evaluate(expression):
            if time.monotonic() > deadline:
                raise TimeoutError(f"still not true after {patience_s} s: {expression}; errors: {self.errors}")
            time.sleep(0.1)

    def screenshot(self, selector: str | None = None) -> bytes:
        """A PNG of what the window shows, or of one element, however long it is."""
        clip: dict[str, Any] = {}
        if selector is not None:
            script = (
                f"(() => {{ const box = document.querySelector({json.dumps(selector)}).getBoundingClientRect(); return "
                "{x: box.x + scrollX, y: box.y + scrollY, width: box.width, height: box.height, scale: 1}; })()"
            )
            clip = {"clip": self.evaluate(script), "captureBeyondViewport": True}
        return base64.b64decode(self.call("Page.captureScreenshot", format="png", **clip)["data"])

    def _next(self, deadline: float) -> dict[str, Any]:
        """The next message, noted if it tells of something wrong."""
        message: dict[str, Any] = self._read(deadline)
        parameters = message.get("params", {})
        match message.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Runtime.exceptionThrown":
                details = parameters["exceptionDetails"]
                self.errors.append(details.get("exception", {}).get("description", details["text"]))
            case "Runtime.consoleAPICalled" if parameters["type"] in ("error", "assert"):
                self.errors.append(" ".join(str(given.get("value", given)) for given in parameters["args"]))
            case "Log.entryAdded" if parameters["entry"]["level"] == "error":
                self.errors.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")
            case "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])
            case "Network.loadingFailed":
                self.errors.append(f"not loaded: {parameters['errorText']}")
        return message


@contextmanager
def open_chromium(program: str) -> Iterator[Page]:
    """Start headless Chromium and yield a page; it is stopped afterwards, whatever happened."""
    to_browser, from_test = os.pipe()
    to_test, from_browser = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [sys.executable, "-c", _RENUMBER, str(to_browser), str(from_browser), program, *_FLAGS]
        process = subprocess.Popen(
            [*command, f"--user-data-dir={profile}", "about:blank"],
            pass_fds=(to_browser, from_browser),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        left = bytearray()

        def send(message: dict[str, Any]) -> None:
            data = json.dumps(message).encode() + b"\0"
            while data:
                data = data[os.write(from_test, data) :]

        def read(deadline: float) -> dict[str, Any]:
            while b"\0" not in left:
                ready, _, _ = select.select([to_test], [], [], max(0.0, deadline - time.monotonic()))
                if not ready:
                    raise TimeoutError(f"{program} has not answered in {PATIENCE_S:.0f} s")
                received = os.read(to_test, 1 << 20)
                if not received:
                    raise RuntimeError(f"{program} ended with code {process.wait()}")
                left.extend(received)
            message, _, rest = bytes(left).partition(b"\0")
            left[:] = rest
            parsed: dict[str, Any] = json.loads(message)
            return parsed

        try:
            yield Page(send, read)
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            os.close(from_test)
            os.close(to_test)
