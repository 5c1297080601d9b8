"""The stream of a session, written and read on the thread of whoever waits for it.

gRPC's own streams of Python take two threads more, one that sends and one that receives, and each
step waits until both have been woken: with two cores at work, longer than all else a step costs a
client. So `open_stream` makes the call from the parts of which gRPC makes its blocking calls
(`OwnThreadStream`). They are no public interface, so where a gRPC does not have them it makes a
public stream (`ThreadedStream`): slower, and otherwise the same.

Call order: (send | receive)* (half_close receive*)? end.
Thread safety: one thread at a time, but for `send_heartbeat` and `cancel`.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from typing import Any, Union

import grpc

from armature import wire

_SENT, _RECEIVED, _STATUS, _STARTED = "sent", "received", "status", "started"
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_HEARTBEAT = wire.RolloutRequest(heartbeat=wire.Heartbeat())


class StreamError(grpc.RpcError):
    """How a call ended, as the errors of gRPC's own calls say it."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self._code = code
        self._details = details

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details


class OwnThreadStream:
    """A stream that nobody but its user waits for. AttributeError, ImportError or TypeError where
    this gRPC is not made of the parts it needs."""

    def __init__(self, channel: grpc.Channel, method: str) -> None:
        from grpc._cython import cygrpc

        self._grpc = cygrpc
        # Of whoever takes events, and never waited for by a heartbeat. Reentrant: a thread that has
        # it may collect the session, and so end the stream.
        self._turn = threading.RLock()
        self._status: StreamError | None = None
        self._pending = 3  # Operations whose end has not been taken; with none there is no call.
        self._call = channel._channel.segregated_call(
            cygrpc.PropagationConstants.GRPC_PROPAGATE_DEFAULTS,
            method.encode(),
            None,
            None,
            None,
            None,
            (
                ((cygrpc.SendInitialMetadataOperation(None, 0),), _STARTED),
                ((cygrpc.ReceiveStatusOnClientOperation(0),), _STATUS),
                ((cygrpc.ReceiveInitialMetadataOperation(0),), _STARTED),
            ),
        )

    def send(self, request: Any) -> None:
        self._send(self._grpc.SendMessageOperation(request.SerializeToString(), 0))

    def send_heartbeat(self) -> None:
        """From any thread. Sends nothing while the stream's user sends or waits."""
        if not self._turn.acquire(blocking=False):
            return
        try:
            self._send(self._grpc.SendMessageOperation(_HEARTBEAT.SerializeToString(), 0))
        finally:
            self._turn.release()

    def receive(self) -> Any:
        """The next RolloutResponse; None: the server has ended the stream. grpc.RpcError: it, or
        the connection, has failed."""
        message = None
        with self._turn:
            if self._begin(self._grpc.ReceiveMessageOperation(0), _RECEIVED):
                event = self._take()
                while event.tag != _RECEIVED:
                    event = self._take()
                message = event.batch_operations[0].message()
            if message is None:
                status = self._wait_for_status()
                if status.code() is grpc.StatusCode.OK:
                    return None
                raise status
        try:
            return wire.RolloutResponse.FromString(message)
        except Exception as error:  # Each protobuf has its own.
            raise StreamError(
                grpc.StatusCode.INTERNAL, f"cannot read the response: {error}"
            ) from None

    def half_close(self) -> None:
        self._send(self._grpc.SendCloseFromClientOperation(0))

    def cancel(self) -> None:
        """From any thread."""
        self._call.cancel(self._grpc.StatusCode.cancelled, "Locally cancelled by application!")

    def end(self) -> None:
        """Cuts the stream off, if it has not ended, and frees the call."""
        self.cancel()
        with self._turn:
            while self._pending:
                self._take()

    def _send(self, operation: Any) -> None:
        with self._turn:
            while not self._begin(operation, _SENT) and self._status is None:
                self._take()  # The end of the one before.

    def _wait_for_status(self) -> StreamError:
        while self._status is None:
            self._take()
        return self._status

    def _begin(self, operation: Any, tag: str) -> bool:
        """Whether it could: one of each kind at a time, until its end is taken; none at the end."""
        if not self._pending:
            return False
        try:
            if not self._call.operate((operation,), tag):
                return False
        except ValueError:  # gRPC's "too many operations".
            return False
        self._pending += 1
        return True

    def _take(self) -> Any:
        """The next event. An operation that failed is followed by the status."""
        try:
            event = self._call.next_event()
        except BaseException:  # E.g. KeyboardInterrupt, at which gRPC gives up the call.
            self._pending = 0
            self._status = StreamError(grpc.StatusCode.CANCELLED, "interrupted")
            raise
        self._pending -= 1
        if event.tag == _STATUS:
            status = event.batch_operations[0]
            details = status.details()
            if isinstance(details, bytes):
                details = details.decode("utf-8", "replace")
            code = _CODES.get(status.code(), grpc.StatusCode.UNKNOWN)
            self._status = StreamError(code, details or "")
        return event


class ThreadedStream:
    """A public stream of gRPC."""

    def __init__(self, channel: grpc.Channel, method: str) -> None:
        stream = channel.stream_stream(
            method,
            request_serializer=wire.RolloutRequest.SerializeToString,
            response_deserializer=wire.RolloutResponse.FromString,
        )
        self._requests: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._call = stream(iter(self._requests.get, None))

    def send(self, request: Any) -> None:
        self._requests.put(request)

    def send_heartbeat(self) -> None:
        self._requests.put(_HEARTBEAT)

    def receive(self) -> Any:
        return next(self._call, None)

    def half_close(self) -> None:
        self._requests.put(None)

    def cancel(self) -> None:
        self._call.cancel()

    def end(self) -> None:
        self._requests.put(None)
        self._call.cancel()


RolloutStream = Union[OwnThreadStream, ThreadedStream]


def open_stream(channel: grpc.Channel, method: str) -> RolloutStream:
    with contextlib.suppress(AttributeError, ImportError, TypeError):
        return OwnThreadStream(channel, method)
    return ThreadedStream(channel, method)
