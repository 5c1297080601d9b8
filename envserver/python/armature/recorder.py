"""Records a policy's episodes on an env server to a file.

Data flow: policy -> RemoteEnv.step -> the step's frame from Watch -> with observation: the file.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable
from typing import Any

from armature import wire
from armature.env import RemoteEnv
from armature.episode_file import Writer
from armature.episodes import Recording, flat_observation, load
from armature.errors import ArmatureError
from armature.spec import EnvSpec
from armature.watch import Watch

_TRIES_AN_EPISODE = 10


def record_episodes(
    path: str | pathlib.Path,
    env: RemoteEnv,
    policy: Callable[[Any], Any],
    episodes: int,
    *,
    seed: int = 0,
) -> Recording:
    """Plays `episodes` episodes of `policy` in `env` and writes them to `path`; reads them back.

    `env` is made by `armature.make`, without wrappers; its environment has a scene, as all of our
    own have. `policy(observation)` gives an action. The episodes are those of `seed`: always the
    same. Those that a fault cut short are left out. The file grows by one whole episode at a time.
    ArmatureError: `env` is another environment or has no scene, `episodes` is less than 1, ten
    episodes in a row were cut short, or what the server reports.
    """
    if not isinstance(env, RemoteEnv):
        raise ArmatureError(
            f"env is {env}, expected what armature.make gives, without wrappers; only env servers "
            "show scenes"
        )
    if episodes < 1:
        raise ArmatureError(f"episodes is {episodes}, expected at least 1")
    watch = env.watch()
    try:
        recorder = _Recorder(env, policy, watch)
        with Writer(path) as writer:
            for number in range(episodes):
                for message in recorder.whole_episode(number, seed if number == 0 else None):
                    writer.write(message)
                writer.flush()
    finally:
        watch.close()
    return load(path)


class _Recorder:
    def __init__(self, env: RemoteEnv, policy: Callable[[Any], Any], watch: Watch) -> None:
        self._opening: list[Any] = []  # `opened` and the meshes, until they are given away.
        self._env = env
        self._policy = policy
        self._watch = watch
        self._spec: EnvSpec | None = None  # Known from `opened` on.
        self._fault = ""  # The last one, in the server's words.
        self._unseen: dict[int, Any] = {}  # Shapes that frames which are not kept have changed.

    def whole_episode(self, number: int, seed: int | None) -> list[Any]:
        """The messages of the next episode that no fault cuts short, as that of the file's number.

        `seed`: as of RemoteEnv.reset.
        """
        for _ in range(_TRIES_AN_EPISODE):
            frames = self._episode(seed)
            if frames:
                break
            seed = None
        else:
            raise ArmatureError(
                f"{_TRIES_AN_EPISODE} episodes in a row were cut short, the last by: {self._fault}"
            )
        for message in frames:
            message.frame.episode = number
        opening, self._opening = self._opening, []
        return opening + frames

    def _episode(self, seed: int | None) -> list[Any]:
        """Its frames; none if a fault cut it short."""
        observation, _ = self._env.reset(seed=seed)
        frames = [self._frame(0, observation)]
        while True:
            observation, _, terminated, truncated, info = self._env.step(self._policy(observation))
            if info.get("restarted"):
                self._fault = info["fault"]
                for message in frames:
                    self._drop(message.frame)
                return []
            frames.append(self._frame(len(frames), observation))
            if terminated or truncated:
                return frames

    def _frame(self, step: int, observation: Any) -> Any:
        """The frame of that step of the episode, with the observation.

        Frames before it belong to an episode that was cut short.
        """
        while True:
            message = self._watch.receive()
            if message.WhichOneof("kind") == "opened":
                self._spec = EnvSpec.from_wire(message.opened.spec)
                for member in ("handshake", "session_id", "client", "num_envs"):
                    message.opened.ClearField(member)  # Not of the episodes.
            if message.WhichOneof("kind") != "frame":
                self._opening.append(message)
            elif message.frame.episode_step != step:
                self._drop(message.frame)
            else:
                assert self._spec is not None
                self._show_unseen(message.frame)
                message.frame.observation.extend(flat_observation(self._spec, observation))
                return message

    def _drop(self, frame: Any) -> None:
        self._unseen.update(zip(frame.changed_index, frame.changed_shape))

    def _show_unseen(self, frame: Any) -> None:
        changed = {**self._unseen, **dict(zip(frame.changed_index, frame.changed_shape))}
        self._unseen = {}
        frame.changed_index[:] = changed.keys()
        shapes = [
            wire.SceneShape.FromString(shape.SerializeToString()) for shape in changed.values()
        ]
        frame.ClearField("changed_shape")
        frame.changed_shape.extend(shapes)
