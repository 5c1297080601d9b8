"""Who holds how many of the server's slots.

Thread safety: none; everything happens on one event loop.
"""

from __future__ import annotations

from collections.abc import Callable

import grpc

from armature.serve.metrics import ServerMetrics
from armature.serve.status import RefusalError, Status


class SessionTable:
    def __init__(self, slots_total: int, metrics: ServerMetrics) -> None:
        self.slots_total = slots_total
        self._metrics = metrics
        # By session id: slots, what ends it, and the client's name.
        self._sessions: dict[int, tuple[int, Callable[[Status], None], str]] = {}
        self._last_session_id = 0
        self._ended: Status | None = None
        metrics.slots_total.set(slots_total)

    @property
    def slots_free(self) -> int:
        return self.slots_total - sum(slots for slots, _, _ in self._sessions.values())

    def acquire(self, slots: int, end: Callable[[Status], None], client: str) -> int:
        """A session id, to be given to `free`. `end` is what `end_all` calls.

        RefusalError: fewer slots are free; the server is ending.
        """
        if self._ended is not None:
            raise RefusalError(self._ended.code, self._ended.message)
        if slots > self.slots_free:
            raise RefusalError(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"num_envs is {slots}, but {self.slots_free} of {self.slots_total} slots are free",
            )
        self._last_session_id += 1
        self._sessions[self._last_session_id] = (slots, end, client)
        self._update_metrics()
        return self._last_session_id

    def free(self, session_id: int) -> None:
        del self._sessions[session_id]
        self._update_metrics()

    def check_slot(self, session_id: int, slot: int) -> None:
        """RefusalError, NOT_FOUND: no such session (0: the one opened last), or it has no such
        slot."""
        if not self._sessions:
            raise RefusalError(grpc.StatusCode.NOT_FOUND, "no session is open")
        session_id = session_id or max(self._sessions)
        if session_id not in self._sessions:
            listed = ", ".join(f"{i} of {client}" for i, (*_, client) in self._sessions.items())
            raise RefusalError(
                grpc.StatusCode.NOT_FOUND, f"session {session_id} is not open; open: {listed}"
            )
        slots = self._sessions[session_id][0]
        if slot >= slots:
            raise RefusalError(
                grpc.StatusCode.NOT_FOUND,
                f"slot is {slot}, session {session_id} has 0..{slots - 1}",
            )

    def end_all(self, status: Status) -> None:
        """Refuses sessions from now on and ends those there are."""
        self._ended = status
        for _, end, _ in list(self._sessions.values()):
            end(status)

    def _update_metrics(self) -> None:
        self._metrics.sessions.set(len(self._sessions))
        self._metrics.slots_in_use.set(self.slots_total - self.slots_free)
