"""The environments that a server hosts: their specs and rewards, asked of probe workers.

A probe worker holds one environment of one config and answers for all of them. The server
itself never imports or runs what users wrote.
Bounds: KEPT_MAX probe workers are kept; each answers one question at a time.
Thread safety: none; everything happens on one event loop and nothing blocks it.
"""

from __future__ import annotations

import asyncio
import base64
import collections
import dataclasses
import difflib
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import grpc

from armature import wire
from armature.errors import ArmatureError, WireError
from armature.serve.calls import CALL_NAMES, Call, CallLimits, describe_hung
from armature.serve.env_source import EnvSource, HostOptions
from armature.serve.status import RefusalError
from armature.serve.worker import job_frame
from armature.serve.workers import Worker, WorkerPool
from armature.spec import EnvSpec
from armature.tensors import get_tensor, wire_dtype

KEPT_MAX = 8
_log = logging.getLogger("armature.serve")

_ERROR_CODES = {
    "config": grpc.StatusCode.INVALID_ARGUMENT,
    "refused": grpc.StatusCode.FAILED_PRECONDITION,
    "threw": grpc.StatusCode.INTERNAL,
}


@dataclasses.dataclass(frozen=True)
class Hosted:
    """What is known of an environment with a config; `step_s`: seconds that a step takes."""

    spec: EnvSpec
    spec_hash: int
    step_s: float


class _Probe:
    """One probe worker. Of no more use once `is_lost`."""

    def __init__(self, env_id: str, pool: WorkerPool, job: bytes, limits: CallLimits) -> None:
        self.hosted: Hosted | None = None
        self.goal_refusal = ""  # Why it computes no rewards.
        self._env_id = env_id
        self._limits = limits
        self._noted: set[str] = set()
        self.users = 0  # Calls that run or wait.
        self.is_lost = False
        self._turn = asyncio.Lock()
        self._answer: asyncio.Future[bytes] | None = None
        self._worker: Worker = pool.start(job, self._on_frame, self._on_lost)

    async def ask(self, frame: bytes, call: Call) -> bytes:
        """The answer to a frame. RefusalError: an error, no answer in time, a dead worker."""
        name, limit_s = CALL_NAMES[call], self._limits.of(call)
        async with self._turn:
            if self.is_lost:
                raise RefusalError(grpc.StatusCode.INTERNAL, f"{name}: its worker has ended")
            self._answer = asyncio.get_running_loop().create_future()
            self._worker.send(frame)
            try:
                answer = await asyncio.wait_for(self._answer, limit_s)
            except asyncio.TimeoutError:
                self.close(kill=True)
                raise RefusalError(
                    grpc.StatusCode.DEADLINE_EXCEEDED, describe_hung(call, limit_s)
                ) from None
            except asyncio.CancelledError:
                self.close(kill=True)  # Its answer would be taken for the next one's.
                raise
        if answer[:1] == b"A":
            return answer[1:]
        error = json.loads(answer[1:])
        verb = " threw" if error["kind"] == "threw" else ""
        sentence = f"{name}{verb}: {error['text']}"
        if error.get("traceback"):
            _log.warning("env %s: %s\n%s", self._env_id, sentence, error["traceback"])
        raise RefusalError(_ERROR_CODES[error["kind"]], sentence)

    def note(self, kind: str, text: str) -> None:
        """Logs what is noticed of the environment, each kind of thing once."""
        if kind not in self._noted:
            self._noted.add(kind)
            _log.warning("env %s: %s", self._env_id, text)

    def close(self, kill: bool = False) -> None:
        self.is_lost = True
        if kill:
            self._worker.kill()
        else:
            self._worker.close()

    def _on_frame(self, frame: bytes) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(frame)

    def _on_lost(self, sentence: str) -> None:
        self.is_lost = True
        self._on_frame(b"E" + json.dumps({"kind": "threw", "text": sentence}).encode())


class Catalog:
    def __init__(
        self,
        sources: Sequence[EnvSource],
        options: HostOptions,
        pool: WorkerPool,
        limits: CallLimits,
    ) -> None:
        """ArmatureError: two sources have one id."""
        self.options = options
        self._pool = pool
        self._limits = limits
        self._sources: dict[str, EnvSource] = {}
        for source in sources:
            if source.env_id in self._sources:
                raise ArmatureError(f"env id '{source.env_id}' is given twice: use --env_id")
            self._sources[source.env_id] = source
        # Least recently used first.
        self._probes: collections.OrderedDict[Any, _Probe] = collections.OrderedDict()

    @property
    def env_ids(self) -> list[str]:
        return sorted(self._sources)

    def source(self, env_id: str) -> EnvSource:
        """RefusalError, NOT_FOUND: not hosted; the message lists what is."""
        found = self._sources.get(env_id)
        if found is None:
            nearest = difflib.get_close_matches(env_id, self.env_ids, 1)
            hint = f"; did you mean '{nearest[0]}'?" if nearest else "."
            raise RefusalError(
                grpc.StatusCode.NOT_FOUND,
                f"unknown environment '{env_id}'{hint} Hosted here: {', '.join(self.env_ids)}",
            )
        return found

    async def describe(self, env_id: str, config: Mapping[str, str]) -> Hosted:
        """RefusalError: unknown id, refused config, or the environment cannot be hosted."""
        async with _Use(self, env_id, config) as probe:
            return await self._hosted(probe)

    async def compute_reward(self, request: Any) -> Any:
        """A ComputeRewardResponse. RefusalError: as `describe`; no goal; bad tensors."""
        async with _Use(self, request.env_id, dict(request.env_config)) as probe:
            spec = (await self._hosted(probe)).spec
            _check_goals(spec, request)
            if probe.goal_refusal:
                raise RefusalError(grpc.StatusCode.FAILED_PRECONDITION, probe.goal_refusal)
            answer = await probe.ask(b"C" + request.SerializeToString(), Call.COMPUTE_REWARD)
        response = wire.ComputeRewardResponse.FromString(answer)
        try:
            get_tensor(response.reward, response.reward.dtype, (-1,), "reward")
        except WireError as error:
            raise RefusalError(grpc.StatusCode.INTERNAL, str(error)) from error
        return response

    def note(self, env_id: str, config: Mapping[str, str], kind: str, text: str) -> None:
        """What a slot noticed, of a kind that SlotWorker has: said once."""
        probe = self._probes.get(_key(env_id, config))
        if probe is None:
            return
        if kind == "goal_reward":
            probe.goal_refusal = text
            text = f"{text}: hindsight is refused from now on"
        probe.note(kind, text)

    async def _hosted(self, probe: _Probe) -> Hosted:
        if probe.hosted is None:
            answer = json.loads(await probe.ask(b"P", Call.MAKE))
            message = wire.EnvSpec.FromString(base64.b64decode(answer["spec"]))
            spec = EnvSpec.from_wire(message)
            probe.hosted = Hosted(spec, spec.hash(), answer["step_s"])
            self._pool.preload(answer["modules"])
            probe.goal_refusal = answer["goal_refusal"]
            for text in answer["warnings"]:
                probe.note(text, text)
        return probe.hosted

    def take(self, env_id: str, config: Mapping[str, str]) -> _Probe:
        source = self.source(env_id)
        key = _key(env_id, config)
        probe = self._probes.get(key)
        if probe is None or probe.is_lost:
            try:
                job = job_frame(source, dict(config), self.options)
                probe = _Probe(env_id, self._pool, job, self._limits)
            except (ArmatureError, OSError) as error:
                raise RefusalError(grpc.StatusCode.UNAVAILABLE, str(error)) from error
            self._probes[key] = probe
        self._probes.move_to_end(key)
        probe.users += 1
        return probe

    def give_back(self, probe: _Probe) -> None:
        probe.users -= 1
        if probe.hosted is None and not probe.users:
            probe.close()  # It cannot be hosted like this: nothing to keep.
        for key, kept in list(self._probes.items()):
            if kept.is_lost:
                del self._probes[key]
            elif len(self._probes) > KEPT_MAX and not kept.users:
                kept.close()
                del self._probes[key]


def _key(env_id: str, config: Mapping[str, str]) -> Any:
    return (env_id, tuple(sorted(config.items())))


class _Use:
    """A probe while it is used."""

    def __init__(self, catalog: Catalog, env_id: str, config: Mapping[str, str]) -> None:
        self._catalog = catalog
        self._probe = catalog.take(env_id, config)

    async def __aenter__(self) -> _Probe:
        return self._probe

    async def __aexit__(self, *_: object) -> None:
        self._catalog.give_back(self._probe)


def _check_goals(spec: EnvSpec, request: Any) -> None:
    if not spec.has_goal:
        code = grpc.StatusCode.FAILED_PRECONDITION
        raise RefusalError(code, "the environment has no goal")
    field = spec.field(spec.achieved_field)
    # The field's own dtype, or float32, as goals are stored for learning.
    own = wire_dtype(field.dtype)
    float32 = wire_dtype("<f4")
    count = -1
    try:
        for name in ("achieved_goal", "desired_goal"):
            tensor = getattr(request, name)
            dtype = own if tensor.dtype == own else float32
            count = len(get_tensor(tensor, dtype, (count, *field.shape), name))
        if len(request.extra) != len(spec.goal_extra):
            names = [field.name for field in spec.goal_extra]
            raise WireError(
                f"extra: {len(request.extra)} fields came, expected {len(names)}: {names}"
            )
        for tensor, extra in zip(request.extra, spec.goal_extra):
            get_tensor(tensor, float32, (count, *extra.shape), f"extra '{extra.name}'")
    except WireError as error:
        raise RefusalError(grpc.StatusCode.INVALID_ARGUMENT, str(error)) from error
