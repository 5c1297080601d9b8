"""A channel to one env server, and the calls that need no session.

Thread safety: free functions and all methods. A connection belongs to the process that
opened it: gRPC does not survive a fork, so a forked child's calls are refused.
"""

from __future__ import annotations

import dataclasses
import json
import os
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt

from armature import wire
from armature.address import parse_address
from armature.errors import ArmatureError, ServerError, WireError
from armature.probe import explain_failure
from armature.spec import EnvSpec
from armature.tensors import WIRE_DTYPES, get_flags, get_tensor, set_tensor
from armature.transport import (
    ProtocolVersionError,
    TransportOptions,
    check_version,
    make_channel,
    uses_tls,
)

# How long a server may take to answer, unless the user says otherwise: longer than it takes to
# make an environment, so that it is the server that says what hung. Keepalive finds dead ones.
TIMEOUT_S = wire.START_LIMIT_S + 30.0
SERVICE = "/armature.v1.EnvService/"
_FLOAT32 = WIRE_DTYPES[np.dtype("<f4")]

Array = npt.NDArray[Any]


@dataclasses.dataclass(frozen=True)
class ServerDescription:
    """What an env server says of itself. `spec` is None unless an environment was named."""

    address: str
    env_ids: tuple[str, ...]
    slots_total: int
    slots_free: int
    spec: EnvSpec | None = None


def encode_config(config: Mapping[str, Any] | None) -> dict[str, str]:
    """An env_config as it is sent: JSON, but for strings that nothing else reads as.

    So "3" arrives as a string and 3 as a number. ArmatureError: a value that JSON cannot hold.
    """
    encoded = {}
    for key, value in (config or {}).items():
        if isinstance(value, np.generic):
            value = value.item()
        try:
            is_word = isinstance(value, str) and not _reads_as_json(value)
            encoded[key] = value if is_word else json.dumps(value)
        except TypeError as error:
            raise ArmatureError(f"config['{key}']: {error}; expected what JSON can hold") from error
    return encoded


def _reads_as_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


class Connection:
    """A channel to one env server and the calls that need no session.

    Thread safety: all methods. Errors: ServerError, naming the address.
    """

    def __init__(self, address: str, options: TransportOptions, timeout_s: float) -> None:
        self.address = address
        self.timeout_s = timeout_s
        self._options = options
        self._process = os.getpid()
        self._connect()

    def describe(self, env_id: str = "", config: Mapping[str, str] | None = None) -> Any:
        """The server's DescribeResponse."""
        request = wire.DescribeRequest(env_id=env_id, env_config=config)
        response = self._call("Describe", request, wire.DescribeResponse)
        try:
            check_version(response.protocol_version)
        except ProtocolVersionError as error:
            raise WireError(f"env server at {self.address}: {error}") from None
        return response

    def compute_reward(
        self,
        env_id: str,
        config: Mapping[str, str],
        spec: EnvSpec,
        achieved_goal: Array,
        desired_goal: Array,
        extra: Sequence[Array],
    ) -> tuple[Array, npt.NDArray[np.bool_]]:
        """Rewards, float32 [n], and terminated, [n], of n pairs of goals, [n, goal shape...].

        `extra`: of each of the goal's extra fields, float32 [n, field shape...].
        """
        field = spec.field(spec.achieved_field)
        request = wire.ComputeRewardRequest(env_id=env_id, env_config=config)
        n = len(achieved_goal)
        for name, goal in (("achieved_goal", achieved_goal), ("desired_goal", desired_goal)):
            if goal.shape != (n, *field.shape):
                raise ArmatureError(
                    f"{name}: shape is {list(goal.shape)}, expected {[n, *field.shape]}"
                )
            set_tensor(getattr(request, name), goal.astype(field.dtype, copy=False))
        for values in extra:
            set_tensor(request.extra.add(), values)
        response = self._call("ComputeReward", request, wire.ComputeRewardResponse)
        where = f"env server at {self.address}: ComputeRewardResponse"
        return (
            get_tensor(response.reward, _FLOAT32, [n], f"{where}.reward", copy=True),
            get_flags(response.terminated, [n], f"{where}.terminated"),
        )

    def reconnect(self) -> None:
        """Tries anew at once, where gRPC would wait after a failure. Ends what runs."""
        self.close()
        self._connect()

    def close(self) -> None:
        self._end()

    def _connect(self) -> None:
        self.channel = make_channel(self.address, self._options)
        # Runs before the interpreter ends: after that, gRPC's threads no longer answer.
        self._end = weakref.finalize(self, _close_channel, self.channel, self._process)

    def check_process(self) -> None:
        """ArmatureError: called in a forked child."""
        if os.getpid() != self._process:
            raise ArmatureError(
                f"this connection to {self.address} was opened by process {self._process} and "
                "does not survive a fork; connect in the process that uses it"
            )

    def error(self, error: grpc.RpcError, during: str) -> ServerError:
        """What gRPC reports, in our words; `during` says what was being done."""
        code = error.code().name
        message = f"{during}: {error.details() or 'no reason was given'}"
        return ServerError(self.address, code, message + self._advice(code))

    def _advice(self, code: str) -> str:
        if code == "UNAVAILABLE":
            address = parse_address(self.address)
            known = explain_failure(address, tls=uses_tls(address, self._options))
            if known:
                return f" ({known})"
            return (
                f" (is an env server running on {address}? "
                f"'armature-serve --env ID --listen {address}' starts one)"
            )
        if code == "UNAUTHENTICATED":
            return " (give the server's token file: transport=TransportOptions(token_file=...))"
        return ""

    def _call(self, method: str, request: Any, response_class: Any) -> Any:
        self.check_process()
        call = self.channel.unary_unary(
            SERVICE + method,
            request_serializer=type(request).SerializeToString,
            response_deserializer=response_class.FromString,
        )
        try:
            return call(request, timeout=self.timeout_s)
        except grpc.RpcError as error:
            # Our own deadline; a server that says what hung has other words.
            if error.details() == "Deadline Exceeded":
                reason = f"{method}: no answer for {self.timeout_s:g} s (timeout_s)"
                raise ServerError(self.address, "DEADLINE_EXCEEDED", reason) from None
            raise self.error(error, method) from None


def describe(
    address: str,
    env_id: str = "",
    *,
    config: Mapping[str, Any] | None = None,
    transport: TransportOptions | None = None,
    timeout_s: float = TIMEOUT_S,
) -> ServerDescription:
    """What the env server at `address` ("host:port" or "unix:/path") hosts.

    With `env_id`, and `config` for it, also that environment's spec. ServerError: nothing
    answers there, or it has no such environment.
    """
    connection = Connection(address, transport or TransportOptions(), timeout_s)
    try:
        response = connection.describe(env_id, encode_config(config))
    finally:
        connection.close()
    return ServerDescription(
        address,
        tuple(response.env_ids),
        response.slots_total,
        response.slots_free,
        EnvSpec.from_wire(response.spec) if env_id else None,
    )


def _close_channel(channel: grpc.Channel, process: int) -> None:
    if os.getpid() == process:
        channel.close()
