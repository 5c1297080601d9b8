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
    """Looks at `rows` of a batch, all at once."""

    def __init__(self, spec: EnvSpec, batch: SharedBatch, rows: slice) -> None:
        self._ended = (batch.terminated[rows], batch.truncated[rows])
        self._watched = []
        for i, field in enumerate(spec.observation):
            if _is_bounded(field):
                space = field.space()
                arrays = (batch.observation[i][rows], batch.final[i][rows])
                self._watched.append((field.name, space.low, space.high, arrays))

    def look(self) -> tuple[int, str]:
        """How many observations are outside, and a sentence on the first one."""
        count = 0
        sentence = ""
        for name, low, high, (current, final) in self._watched:
            arrays = [current]
            if self._ended[0].any() or self._ended[1].any():
                arrays.append(final[(self._ended[0] | self._ended[1]) != 0])
            for values in arrays:
                outside = (values < low) | (values > high)
                if not outside.any():
                    continue
                count += int(outside.reshape(len(values), -1).any(axis=1).sum())
                if not sentence:
                    index = np.unravel_index(int(np.argmax(outside)), outside.shape)
                    place = str([int(i) for i in index[1:]]) if len(index) > 1 else ""
                    sentence = (
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
