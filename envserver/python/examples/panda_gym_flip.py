"""panda-gym's Flip, which its wheel cannot make: the picture on the cube is left out of it.

    armature-serve --env panda_gym_flip:PandaFlip-v3

hosts it without the picture, with this folder on PYTHONPATH. Needs panda-gym.
"""

from __future__ import annotations

from typing import Any

import panda_gym  # noqa: F401 - registers the environments
from panda_gym.pybullet import PyBullet

_create_box = PyBullet.create_box


def _create_plain_box(self: Any, *args: Any, texture: Any = None, **rest: Any) -> None:
    _create_box(self, *args, **rest)


PyBullet.create_box = _create_plain_box
