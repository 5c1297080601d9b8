"""Programs that tests start.

None outlives the process that started it, however that ends, and no wait for one is endless.
Thread safety: none.
"""

from __future__ import annotations

import queue
import subprocess
import threading
from typing import Any

# What no test should ever need.
DEADLINE_S = 60.0


class Program:
    """A program that runs until it is stopped. What it says is read all the while, so that its
    pipe never fills up."""

    def __init__(
        self, command: list[str], ready: str, silence_max_s: float = DEADLINE_S, **options: Any
    ) -> None:
        """Returns once it has said a line with `ready` in it, which is self.ready.

        RuntimeError: it ended before, or has said nothing for `silence_max_s`; it is dead then.
        """
        # A kernel's promise: it is killed when this process is no more.
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            stdout=subprocess.PIPE,
            text=True,
            **options,
        )
        self._said: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        before = ""
        try:
            while ready not in (line := self._line(silence_max_s)):
                before += line
        except BaseException as error:  # Ctrl-C too.
            self.kill()
            raise RuntimeError(
                f"{command} was not ready: {error}, status {self.process.returncode}; "
                f"it said: {before}"
            ) from error
        self.ready = line

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(DEADLINE_S)

    def stop(self, number: int) -> tuple[int, str]:
        """Sends a signal. Exit status and what was said since it was ready.

        RuntimeError: it, or what it has started, has not ended within DEADLINE_S.
        """
        self.process.send_signal(number)
        self._reader.join(DEADLINE_S)
        if self._reader.is_alive():
            self.kill()
            raise RuntimeError(f"{self.process.args} has not ended {DEADLINE_S:g} s after {number}")
        said = "".join(iter(self._said.get, None))
        return self.process.wait(DEADLINE_S), said

    def _line(self, timeout_s: float) -> str:
        try:
            line = self._said.get(timeout=timeout_s)
        except queue.Empty:
            raise RuntimeError(f"it has said nothing for {timeout_s:g} s") from None
        if line is None:
            self.process.wait(DEADLINE_S)
            raise RuntimeError("it ended")
        return line

    def _read(self) -> None:
        """Until it, and whoever has its pipe too, has ended."""
        assert self.process.stdout is not None
        with self.process.stdout as pipe:
            for line in pipe:
                self._said.put(line)
        self._said.put(None)
