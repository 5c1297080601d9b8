"""Follows one slot of an env server by Watch, and comes back after whatever breaks it.

Data flow: Watch -> Watcher's thread -> on_message; what a user should know -> on_status.
Call order: Watcher open start (follow)* close.
Thread safety: all methods; the callbacks run on its own thread.
Bounds: the server drops frames that nobody has read; nothing is queued here.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Callable
from typing import Any

import grpc

from armature import wire
from armature.connection import SERVICE, TIMEOUT_S, Connection
from armature.errors import ArmatureError, ServerError
from armature.transport import TransportOptions, check_handshake

# Between two attempts: doubles from the one to the other.
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 3.0
# From a server's headers to its refusal, if that does not come with them.
_REFUSAL_S = 0.25
# How the server says that there is a session but not this slot.
_NO_SLOT = "WatchRequest.slot"


@dataclasses.dataclass(frozen=True)
class Place:
    """What is watched. `session_id` 0: the session that was opened last."""

    address: str
    session_id: int = 0
    slot: int = 0


class Watcher:
    """ArmatureError: `options` cannot be used."""

    def __init__(
        self,
        place: Place,
        options: TransportOptions,
        frames_per_s_max: float,
        on_message: Callable[[Any], None],
        on_status: Callable[[str], None],
    ) -> None:
        self._options = options
        self._frames_per_s_max = frames_per_s_max
        self._on_message = on_message
        self._on_status = on_status
        self._changed = threading.Condition()  # Its lock may be taken again.
        self._place = place  # Guarded by _changed, as the next three.
        self._asked = 0  # How often another place was asked for.
        self._closed = False
        self._call: Any = None
        self._connection = Connection(place.address, options, TIMEOUT_S)
        self._thread = threading.Thread(target=self._run, name="watcher")

    @property
    def place(self) -> Place:
        with self._changed:
            return self._place

    def open(self) -> None:
        """Returns once the slot is followed. ServerError: it cannot be."""
        try:
            call = self._open(self.place)
            refused = threading.Event()
            if call.add_callback(refused.set):  # False: it has ended already.
                refused.wait(_REFUSAL_S)
            if call.done():
                raise call
        except grpc.RpcError as error:
            raise self._explained(error) from None

    def start(self) -> None:
        """Calls back from here on; whatever breaks, it is tried again."""
        self._thread.start()

    def follow(self, place: Place) -> None:
        """Another one from here on."""
        with self._changed:
            self._place = place
            self._asked += 1
            self._cancel()

    def close(self) -> None:
        """May be called again."""
        with self._changed:
            self._closed = True
            self._cancel()
        if self._thread.is_alive():
            self._thread.join()
        self._connection.close()

    def _cancel(self) -> None:
        if self._call is not None:
            self._call.cancel()
        self._changed.notify_all()

    def _open(self, place: Place) -> Any:
        """Asks the server, and waits for its headers; a refusal comes with the first read."""
        method = self._connection.channel.unary_stream(
            SERVICE + "Watch",
            request_serializer=wire.WatchRequest.SerializeToString,
            response_deserializer=wire.WatchResponse.FromString,
        )
        request = wire.WatchRequest(
            session_id=place.session_id,
            slot=place.slot,
            frames_per_s_max=self._frames_per_s_max,
        )
        call = method(request)
        with self._changed:
            self._call = call
            if self._closed or self._place != place:
                call.cancel()
        call.initial_metadata()
        return call

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        place, asked = self.place, 0
        while True:
            try:
                if self._call is None:
                    self._open(place)
                if not self._call.done():  # Else its end is told in what follows.
                    self._on_status("waiting for the slot's next step")
                for response in self._call:
                    pause_s = _FIRST_PAUSE_S
                    if response.HasField("opened"):  # Recorded files have no handshake.
                        check_handshake(response.opened.handshake)
                    self._on_message(response)
                place = self._after_end(place, "the session has ended")
            except grpc.RpcError as error:
                if not self._has_moved(asked):
                    place = self._after_error(place, error)
            except ArmatureError as error:  # What the server sent cannot be used.
                self._on_status(f"{error}; trying again")
            with self._changed:
                self._call = None
                self._changed.wait_for(functools.partial(self._has_moved, asked), pause_s)
                if self._closed:
                    return
                if self._asked == asked:
                    pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                    self._place = place
                else:
                    pause_s, asked = _FIRST_PAUSE_S, self._asked
                    self._reach(self._place.address)
                place = self._place

    def _has_moved(self, asked: int) -> bool:
        with self._changed:
            return self._closed or self._asked != asked

    def _reach(self, address: str) -> None:
        """Has a connection to that server."""
        if address != self._connection.address:
            self._connection.close()
            self._connection = Connection(address, self._options, TIMEOUT_S)

    def _after_end(self, place: Place, what: str) -> Place:
        self._on_status(f"{what}; waiting for the next one")
        return dataclasses.replace(place, session_id=0)

    def _after_error(self, place: Place, error: Any) -> Place:
        """What to ask for next time."""
        code = error.code()
        if code == grpc.StatusCode.NOT_FOUND and _NO_SLOT in error.details() and place.slot != 0:
            self._on_status(f"{error.details()}; showing slot 0")
            return dataclasses.replace(place, slot=0)
        if code == grpc.StatusCode.NOT_FOUND and place.session_id != 0:
            return self._after_end(place, str(error.details()))
        if code == grpc.StatusCode.UNAVAILABLE:
            self._connection.reconnect()
            self._on_status(f"the env server at {place.address} is away; waiting for it")
        else:
            self._on_status(f"{self._explained(error)}; trying again")
        return place

    def _explained(self, error: Any) -> ServerError:
        return self._connection.error(error, "Watch")
