"""One call of Watch: what a slot shows, for whoever plays it.

A player that takes each step's frame before its next step misses none. The server drops those
that come faster than they are read.
Thread safety: one thread at a time; a thread of its own takes what comes off the stream.
"""

from __future__ import annotations

import queue
import threading
from typing import Any

import grpc

from armature import wire
from armature.connection import SERVICE, Connection
from armature.errors import ServerError


class Watch:
    """The messages that one slot of a session shows; `close()` ends it.

    The server follows the slot once this is made; the first messages come with its next step or
    reset.
    """

    def __init__(self, connection: Connection, session_id: int, slot: int) -> None:
        connection.check_process()
        self._connection = connection
        self._what = f"Watch of slot {slot} of session {session_id}"
        self._came: queue.SimpleQueue[Any] = queue.SimpleQueue()
        stream = connection.channel.unary_stream(
            SERVICE + "Watch",
            request_serializer=wire.WatchRequest.SerializeToString,
            response_deserializer=wire.WatchResponse.FromString,
        )
        self._call = stream(wire.WatchRequest(session_id=session_id, slot=slot))
        self._call.initial_metadata()  # The slot is followed, or the call has ended.
        self._taker = threading.Thread(target=_take, args=(self._call, self._came), daemon=True)
        self._taker.start()

    def receive(self) -> Any:
        """The next v1.WatchResponse.

        ServerError: the server has ended the call, or nothing has come for the connection's
        `timeout_s`.
        """
        timeout_s = self._connection.timeout_s
        try:
            came = self._came.get(timeout=timeout_s)
        except queue.Empty:
            reason = f"{self._what}: nothing came for {timeout_s:g} s (timeout_s)"
            raise ServerError(self._connection.address, "DEADLINE_EXCEEDED", reason) from None
        if isinstance(came, grpc.RpcError):
            self._came.put(came)  # For the next call.
            raise self._connection.error(came, self._what)
        if came is None:
            self._came.put(None)
            reason = f"{self._what}: the session has ended"
            raise ServerError(self._connection.address, "CANCELLED", reason)
        return came

    def close(self) -> None:
        """May be called again."""
        self._call.cancel()
        self._taker.join()


def _take(call: Any, came: queue.SimpleQueue[Any]) -> None:
    """Until the stream ends: None, or the error."""
    try:
        for response in call:
            came.put(response)
        came.put(None)
    except grpc.RpcError as error:
        came.put(error)
