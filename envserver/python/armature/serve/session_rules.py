"""What a session refuses before anything is done, each with the status that the client gets.

Thread safety: free functions.
"""

from __future__ import annotations

from typing import Any

import grpc

from armature.errors import WireError
from armature.serve.status import RefusalError
from armature.spec import EnvSpec
from armature.transport import MESSAGE_BYTES_MAX, ProtocolVersionError, check_handshake

GROUPS_MAX = 2
INVALID = grpc.StatusCode.INVALID_ARGUMENT


def check_open(request: Any) -> None:
    """RefusalError: an OpenSession that no environment could be opened with."""
    try:
        check_handshake(request.handshake)
    except ProtocolVersionError as error:
        raise RefusalError(grpc.StatusCode.FAILED_PRECONDITION, str(error)) from error
    except WireError as error:
        raise RefusalError(INVALID, str(error)) from error
    if request.num_envs == 0:
        raise RefusalError(INVALID, "OpenSession.num_envs is 0, expected at least 1")
    if not 1 <= request.num_groups <= GROUPS_MAX:
        raise RefusalError(
            INVALID, f"OpenSession.num_groups is {request.num_groups}, expected 1..{GROUPS_MAX}"
        )
    if request.num_envs % request.num_groups != 0:
        raise RefusalError(
            INVALID,
            f"OpenSession.num_envs is {request.num_envs}, expected a multiple of num_groups, "
            f"{request.num_groups}",
        )


def check_spec(spec: EnvSpec, spec_hash: int, request: Any) -> None:
    """RefusalError: not what the OpenSession expects, or too large for a message."""
    if request.expected_spec_hash not in (0, spec_hash):
        raise RefusalError(
            grpc.StatusCode.FAILED_PRECONDITION,
            f"OpenSession.expected_spec_hash is {request.expected_spec_hash:016x}, expected this "
            f"server's {spec_hash:016x}: another version or another env_config",
        )
    group_size = request.num_envs // request.num_groups
    row_bytes = sum(field.size * field.dtype.itemsize for field in spec.observation)
    row_bytes *= 2  # Every slot may send a final observation, too.
    row_bytes += sum(field.size * field.dtype.itemsize for field in spec.goal_extra)
    row_bytes += 4 * len(spec.metrics) + 8 * len(spec.parameters)
    row_bytes += 4 * spec.action.size if spec.reports_executed_action else 0
    if row_bytes * group_size > MESSAGE_BYTES_MAX:
        raise RefusalError(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"a step batch of {group_size} slots may take {row_bytes * group_size} bytes, "
            f"{MESSAGE_BYTES_MAX} are allowed: open smaller sessions",
        )


def check_question(spec: EnvSpec, kind: str) -> None:
    """RefusalError: the environment cannot do what is asked of a slot."""
    if kind == "RenderRequest":
        if not spec.can_render:
            raise _unable("the environment does not render")
        width, height = spec.render_width_px, spec.render_height_px
        if width * height * 3 > MESSAGE_BYTES_MAX:
            raise RefusalError(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"a frame of {width} x {height} pixels takes {width * height * 3} bytes, "
                f"{MESSAGE_BYTES_MAX} are allowed",
            )
    elif not spec.saves_state:
        raise _unable("the environment does not save its state")


def check_last_state(renders: bool, has_ended: bool, slot: int) -> None:
    """RefusalError: there is no picture of this slot's last state."""
    if not renders:
        reason = "the session was opened without `renders`"
    elif not has_ended:
        reason = f"the last step ended no episode of slot {slot}"
    else:
        return
    raise RefusalError(INVALID, f"RenderRequest.last_state is set, but {reason}")


def check_slot(kind: str, slot: int, slots: int) -> None:
    if slot >= slots:
        raise RefusalError(INVALID, f"{kind}.slot is {slot}, expected 0..{slots - 1}")


def check_parameters(spec: EnvSpec, kind: str, values: Any) -> dict[int, float]:
    """As EnvSpec.check_parameters, of the message `kind`. RefusalError."""
    try:
        return spec.check_parameters(dict(values))
    except WireError as error:
        raise RefusalError(INVALID, f"{kind}: {error}") from error


def came_before_opened(kind: str) -> RefusalError:
    return RefusalError(
        INVALID, f"{kind} came before SessionOpened was sent, expected OpenSession first"
    )


def came_out_of_turn(name: str, group: int) -> RefusalError:
    return RefusalError(
        INVALID,
        f"{name} came before the last message of group {group} was answered, expected one at "
        "a time",
    )


def _unable(text: str) -> RefusalError:
    return RefusalError(grpc.StatusCode.FAILED_PRECONDITION, text)
