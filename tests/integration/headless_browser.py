"""Chromium without a display, driven by its DevTools protocol.

Thread safety: none. Every wait has a deadline.
"""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import json
import os
import pathlib
import queue
import signal
import subprocess
import tempfile
import threading
import urllib.request
from typing import Any

import imageio.v3
import numpy as np
from websockets.sync.client import connect

DEADLINE_S = 60.0
# WebGL in software: there is no GPU where tests run.
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-certificate-errors",
    "--no-first-run",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--remote-debugging-port=0",
)
_ENDPOINT = "DevTools listening on "
_MESSAGE_BYTES_MAX = 64 << 20


class Browser:
    """Ends with `close`, and with this process however that ends."""

    def __init__(self, width_px: int, height_px: int) -> None:
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        size = f"--window-size={width_px},{height_px}"
        profile = f"--user-data-dir={self._folder.name}"
        self._size = (width_px, height_px)
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "chromium", *_FLAGS, size, profile, "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        endpoints: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, args=(endpoints,), daemon=True)
        self._reader.start()
        endpoint = endpoints.get(timeout=DEADLINE_S)
        self._http = endpoint.replace("ws://", "http://").split("/devtools")[0]

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, url: str) -> Tab:
        request = urllib.request.Request(f"{self._http}/json/new?about:blank", method="PUT")
        with urllib.request.urlopen(request, timeout=DEADLINE_S) as answer:
            target = json.load(answer)
        return Tab(target["webSocketDebuggerUrl"], url, *self._size)

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(DEADLINE_S)
        self._reader.join(DEADLINE_S)
        self._folder.cleanup()

    def _read(self, endpoints: queue.SimpleQueue[str]) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as pipe:
            for line in pipe:
                if line.startswith(_ENDPOINT):
                    endpoints.put(line[len(_ENDPOINT) :].strip())


class Tab:
    """One viewer."""

    def __init__(self, endpoint: str, url: str, width_px: int, height_px: int) -> None:
        self._socket = connect(endpoint, max_size=_MESSAGE_BYTES_MAX, open_timeout=DEADLINE_S)
        self._url, self._loaded = "", False
        self._numbers = itertools.count(1)
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width_px,
            height=height_px,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.ask("Page.enable")
        self.ask("Page.navigate", url=url)
        while not (self._url.startswith(url) and self._loaded):
            self._receive()

    def ask(self, method: str, **parameters: Any) -> Any:
        """The answer to a command. RuntimeError: it is refused."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = self._receive()
            if message.get("id") != number:
                continue
            if "error" in message:
                raise RuntimeError(f"{method}: {message['error']}")
            return message["result"]

    def _receive(self) -> Any:
        """The next answer or event."""
        message = json.loads(self._socket.recv(timeout=DEADLINE_S))
        if message.get("method") == "Page.frameNavigated":
            frame = message["params"]["frame"]
            if "parentId" not in frame:  # Not one inside the page.
                self._url, self._loaded = frame["url"], False
        elif message.get("method") == "Page.loadEventFired":
            self._loaded = True
        return message

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript; of a promise, once it has one."""
        answer = self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_for(self, condition: str, what: str) -> Any:
        """Until an expression is true, looked at whenever the page has painted; its value."""
        return self.evaluate(
            f"""new Promise((resolve, reject) => {{
              const end = performance.now() + {DEADLINE_S * 1000};
              const look = () => {{
                const found = (() => {{ return {condition}; }})();
                if (found) resolve(found);
                else if (performance.now() > end)
                  reject(new Error({json.dumps(what)} + ": not within {DEADLINE_S:g} s; " +
                                   document.body.innerText));
                else setTimeout(look, 20);
              }};
              look();
            }})"""
        )

    def text(self) -> str:
        return str(self.evaluate("document.body.innerText"))

    def picture(self) -> np.ndarray:
        """[height, width, 3], uint8: what the window shows."""
        answer = self.ask("Page.captureScreenshot", format="png")
        return imageio.v3.imread(io.BytesIO(base64.b64decode(answer["data"])))[..., :3]

    def save(self, path: pathlib.Path | str) -> None:
        imageio.v3.imwrite(path, self.picture())

    def close(self) -> None:
        self.ask("Page.close")
        self._socket.close()
