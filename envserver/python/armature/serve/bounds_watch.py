"""Which observations lie outside the bounds that their space declares.

They are passed on all the same: what is learned from them is right, and many environments
overstep their bounds a little. But normalising by the bounds would be wrong.
Thread safety: none; one worker's rows.
"""

from __future__ import annotations

import numpy as np

from armature.serve.shared_batch import SharedBatch
from armature.spec import EnvSpec, FieldSpec


class BoundsWatch:
    """Looks at `rows` of a batch, all at once; not at the last ones of episodes, for speed."""

    def __init__(self, spec: EnvSpec, batch: SharedBatch, rows: slice) -> None:
        self._watched = []
        for field, values in zip(spec.observation, batch.observation):
            if _is_bounded(field):
                space = field.space()
                self._watched.append((field.name, values[rows], space.low, space.high))

    def look(self) -> tuple[int, str]:
        """How many observations are outside, and a sentence on the first one."""
        count = 0
        sentence = ""
        for name, values, low, high in self._watched:
            outside = (values < low) | (values > high)
            if not outside.any():
                continue
            count += int(outside.reshape(len(values), -1).any(axis=1).sum())
            index = np.unravel_index(int(np.argmax(outside)), outside.shape)
            place = str([int(i) for i in index[1:]]) if len(index) > 1 else ""
            sentence = sentence or (
                f"observation '{name}'{place} was {values[index]:g}, its space declares "
                f"{low[index[1:]]:g}..{high[index[1:]]:g}"
            )
        return count, sentence


def _is_bounded(field: FieldSpec) -> bool:
    """Whether there is a bound that a value of the dtype can be beyond."""
    space = field.space()
    if field.dtype.kind == "f":
        return bool(np.isfinite(space.low).any() or np.isfinite(space.high).any())
    limits = np.iinfo(field.dtype)
    return bool((space.low > limits.min).any() or (space.high < limits.max).any())
