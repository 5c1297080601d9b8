"""EnvService of proto/env_service.proto on grpc.aio.

Data flow: Rollout -> Session -> SlotGroup -> workers; Describe, ComputeReward -> Catalog.
Watch is refused: Gymnasium's environments draw themselves and describe no scene.
Bounds: sessions by the SessionTable; other calls by CALLS_MAX at once
(RESOURCE_EXHAUSTED beyond).
Thread safety: none; everything happens on one event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from armature import wire
from armature.serve.health import CHECK as HEALTH_CHECK
from armature.serve.session import Session, SessionContext
from armature.serve.status import RefusalError, Status
from armature.transport import PROTOCOL_VERSION, bears_token

SERVICE_NAME = "armature.v1.EnvService"
CALLS_MAX = 256


class EnvService:
    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._calls = 0

    def end_sessions(self) -> None:
        """Ends every session with UNAVAILABLE and refuses new ones."""
        text = f"env server {self._context.server_name} is shutting down"
        self._context.table.end_all(Status(grpc.StatusCode.UNAVAILABLE, text))

    async def describe(self, request: Any, call: Any) -> Any:
        context = self._context
        response = wire.DescribeResponse(
            protocol_version=PROTOCOL_VERSION,
            server_incarnation=context.incarnation,
            env_ids=context.catalog.env_ids,
            slots_total=context.table.slots_total,
            slots_free=context.table.slots_free,
        )
        if request.env_id:
            hosted = await self._bounded(
                call,
                request.env_id,
                lambda: context.catalog.describe(request.env_id, dict(request.env_config)),
            )
            response.spec.CopyFrom(hosted.spec.to_wire())
            response.spec_hash = hosted.spec_hash
        return response

    async def compute_reward(self, request: Any, call: Any) -> Any:
        return await self._bounded(
            call, request.env_id, lambda: self._context.catalog.compute_reward(request)
        )

    async def watch(self, request: Any, call: Any) -> None:
        context = self._context
        try:
            context.table.check_slot(request.session_id, request.slot)
            raise RefusalError(
                grpc.StatusCode.FAILED_PRECONDITION,
                "a Gymnasium environment has no scene to watch; hosted with --render it gives "
                "pictures",
            )
        except RefusalError as error:
            context.metrics.count_refusal(error.code)
            await call.abort(error.code, f"env server {context.server_name}: {error.message}")

    async def rollout(self, _: Any, call: Any) -> None:
        status = await Session(self._context).serve(call)
        if status.is_ok:
            return
        # A client that does not read must not hold the stream open for longer.
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(call.abort(status.code, status.message), self._context.lease_s)

    def handlers(self) -> grpc.GenericRpcHandler:
        return grpc.method_handlers_generic_handler(
            SERVICE_NAME,
            {
                "Describe": grpc.unary_unary_rpc_method_handler(
                    self.describe,
                    wire.DescribeRequest.FromString,
                    wire.DescribeResponse.SerializeToString,
                ),
                "ComputeReward": grpc.unary_unary_rpc_method_handler(
                    self.compute_reward,
                    wire.ComputeRewardRequest.FromString,
                    wire.ComputeRewardResponse.SerializeToString,
                ),
                "Watch": grpc.unary_stream_rpc_method_handler(
                    self.watch,
                    wire.WatchRequest.FromString,
                    wire.WatchResponse.SerializeToString,
                ),
                # Responses are serialized by the session.
                "Rollout": grpc.stream_stream_rpc_method_handler(
                    self.rollout, wire.RolloutRequest.FromString, None
                ),
            },
        )

    async def _bounded(self, call: Any, env_id: str, compute: Callable[[], Awaitable[Any]]) -> Any:
        """What `compute` returns; where it refuses, ends the call and does not return."""
        self._calls += 1
        try:
            if self._calls > CALLS_MAX:
                raise RefusalError(
                    grpc.StatusCode.RESOURCE_EXHAUSTED, f"{CALLS_MAX} calls are running"
                )
            return await compute()
        except RefusalError as error:
            self._context.metrics.count_refusal(error.code)
            place = f"env server {self._context.server_name}, env {env_id}"
            await call.abort(error.code, f"{place}: {error.message}")
        finally:
            self._calls -= 1


class TokenInterceptor(grpc.aio.ServerInterceptor):
    """Lets in those that bear the token, and whoever asks for the health."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def intercept_service(self, continuation: Any, details: Any) -> Any:
        handler = await continuation(details)
        is_open = handler is None or details.method == HEALTH_CHECK
        if is_open or bears_token(details.invocation_metadata, self._token):
            return handler

        async def refuse(_: Any, call: Any) -> None:
            await call.abort(
                grpc.StatusCode.UNAUTHENTICATED,
                "the token is missing or wrong; give both sides the same token file",
            )

        if handler.request_streaming:
            return grpc.stream_stream_rpc_method_handler(refuse)
        if handler.response_streaming:
            return grpc.unary_stream_rpc_method_handler(refuse)
        return grpc.unary_unary_rpc_method_handler(refuse)
