"""The standard health service, grpc.health.v1.Health, without its package.

On the wire a HealthCheckRequest is a string in field 1 and a HealthCheckResponse an enum in
field 1: exactly as google.protobuf's StringValue and Int32Value, which take their place.
Thread safety: none; everything happens on one event loop.
"""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
from google.protobuf.wrappers_pb2 import Int32Value, StringValue

SERVICE_NAME = "grpc.health.v1.Health"
# The one call that needs no token: orchestrators cannot pass one.
CHECK = f"/{SERVICE_NAME}/Check"

# HealthCheckResponse.ServingStatus.
SERVING = 1
NOT_SERVING = 2
SERVICE_UNKNOWN = 3  # Watch only; Check answers NOT_FOUND.


class HealthService:
    """Of the whole server ("") and of the services it was made with."""

    def __init__(self, *services: str) -> None:
        self._services = ("", *services)
        self._ended = asyncio.Event()

    def end(self) -> None:
        """From now on nothing serves; who watches is told."""
        self._ended.set()

    async def check(self, request: StringValue, call: Any) -> Int32Value:
        if request.value not in self._services:
            await call.abort(grpc.StatusCode.NOT_FOUND, f"unknown service '{request.value}'")
        return Int32Value(value=self._status(request.value))

    async def watch(self, request: StringValue, call: Any) -> None:
        """The status now, and again when it changes."""
        await call.write(Int32Value(value=self._status(request.value)))
        await self._ended.wait()
        if request.value in self._services:
            await call.write(Int32Value(value=NOT_SERVING))

    def handlers(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            SERVICE_NAME,
            {
                "Check": grpc.unary_unary_rpc_method_handler(
                    self.check, StringValue.FromString, Int32Value.SerializeToString
                ),
                "Watch": grpc.unary_stream_rpc_method_handler(
                    self.watch, StringValue.FromString, Int32Value.SerializeToString
                ),
            },
        )

    def _status(self, service: str) -> int:
        if service not in self._services:
            return SERVICE_UNKNOWN
        return NOT_SERVING if self._ended.is_set() else SERVING
