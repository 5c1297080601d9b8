"""The memory that the server and the workers of one group of slots both see.

Data flow: server writes `action` and `next_parameter` -> workers write everything else,
each its own rows -> server packs a StepBatch.
It is an anonymous file (memfd) that has no name and so cannot outlive the processes that
map it, however they die.
Thread safety: none needed: server and workers take turns, and rows belong to one worker.
"""

from __future__ import annotations

import math
import mmap
import os
from typing import Any

import numpy as np
import numpy.typing as npt

from armature.spec import EnvSpec

# Bytes of one slot's fault line and of the traceback that goes with it; longer ones are cut.
FAULT_BYTES = 512
TRACEBACK_BYTES = 2048
_ALIGNMENT = 64  # A cache line: workers do not write into each other's.


class SharedBatch:
    """Arrays of `slots` rows, and of `workers` where it is said; the same layout on both sides."""

    def __init__(self, spec: EnvSpec, slots: int, workers: int, fd: int = -1) -> None:
        """`fd`: of another process's SharedBatch; -1: makes one. OSError: no memory."""
        self._offset = 0
        self._map: mmap.mmap | None = None
        self._lay_out(spec, slots, workers)
        size = self._offset
        self.fd = fd if fd >= 0 else os.memfd_create("armature_batch")  # Closed by `close_fd`.
        try:
            if fd < 0:
                os.ftruncate(self.fd, size)
            self._map = mmap.mmap(self.fd, size)
        except BaseException:
            self.close_fd()
            raise
        self._offset = 0
        self._lay_out(spec, slots, workers)

    def close_fd(self) -> None:
        """The memory stays mapped as long as any array of it is in use."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def fault(self, row: int) -> tuple[str, str]:
        """The line and the traceback, which may be empty."""
        return _text(self._line[row]), _text(self._traceback[row])

    def set_fault(self, row: int, line: str, traceback: str = "") -> None:
        _set_text(self._line[row], line.encode(errors="replace")[: FAULT_BYTES - 1])
        # The end of a traceback says most.
        _set_text(self._traceback[row], traceback.encode(errors="replace")[1 - TRACEBACK_BYTES :])

    def _lay_out(self, spec: EnvSpec, slots: int, workers: int) -> None:
        self.action = self._array("<f4", (slots, spec.action.size))
        self.observation = [self._array(f.dtype, (slots, *f.shape)) for f in spec.observation]
        self.final = [self._array(f.dtype, (slots, *f.shape)) for f in spec.observation]
        self.reward = self._array("<f4", (slots,))
        self.terminated = self._array("u1", (slots,))
        self.truncated = self._array("u1", (slots,))
        self.restarted = self._array("u1", (slots,))
        self.is_success = self._array("u1", (slots,))
        self.metric = self._array("<f4", (slots, len(spec.metrics)))
        self.goal_extra = [self._array("<f4", (slots, *f.shape)) for f in spec.goal_extra]
        executed_size = spec.action.size if spec.reports_executed_action else 0
        self.executed_action = self._array("<f4", (slots, executed_size))
        # Of each slot's present episode, and what its next one begins with.
        self.parameter = self._array("<f8", (slots, len(spec.parameters)))
        self.next_parameter = self._array("<f8", (slots, len(spec.parameters)))
        self.cause = self._array("u1", (slots,))  # armature.serve.slot_worker.Cause.
        self.failed = self._array("u1", (slots,))  # No episode can be begun in the slot.
        self._line = self._array("u1", (slots, FAULT_BYTES))
        self._traceback = self._array("u1", (slots, TRACEBACK_BYTES))
        self.episodes = self._array("<u8", (slots,))  # Begun so far; outlives a worker.
        self.seed = self._array("<u8", (slots, 2))  # armature.serve.slot_group.SlotSeed.
        # Of each worker: how many of its observations were outside their bounds in this
        # step, the row whose environment is being called, what is called
        # (armature.serve.calls.Call), when (time.monotonic) that counts as hung, and how
        # long it was given.
        self.outside = self._array("<i8", (workers,))
        self.busy_row = self._array("<i8", (workers,))
        self.call = self._array("u1", (workers,))
        self.deadline = self._array("<f8", (workers,))
        self.timeout_s = self._array("<f8", (workers,))
        self.frame = self._array("u1", (spec.render_height_px, spec.render_width_px, 3))

    def _array(self, dtype: Any, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        dtype = np.dtype(dtype)
        begin = self._offset
        count = math.prod(shape)
        self._offset += -(-count * dtype.itemsize // _ALIGNMENT) * _ALIGNMENT
        if self._map is None:
            return np.empty((0,) * len(shape), dtype)
        if count == 0:
            return np.empty(shape, dtype)
        return np.frombuffer(self._map, dtype, count, begin).reshape(shape)


def _text(row: npt.NDArray[Any]) -> str:
    return bytes(row).split(b"\0", 1)[0].decode(errors="replace")


def _set_text(row: npt.NDArray[Any], text: bytes) -> None:
    row[: len(text) + 1] = np.frombuffer(text + b"\0", np.uint8)
