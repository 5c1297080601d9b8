"""Compares exported policies in ONNX Runtime with what actors did: see export_test.sh.

usage: export_test.py EXAMPLES TRAINED.onnx
"""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

import numpy as np
import onnxruntime
from safetensors.numpy import load_file

# Of the action's range. Both sides compute in float32, with sums in another order and another exp,
# which depend on the CPU: up to 2e-6 was seen.
TOLERANCE = 1e-5
EXAMPLES = 5 * 4 * 2 * 2  # Heads and action spaces, activations, with and without normaliser and layer norm.


def act(session: Any, fields: dict[str, Any]) -> Any:
    return session.run(["action"], {each.name: fields[each.name] for each in session.get_inputs()})[
        0
    ]


def difference(session: Any, acted: dict[str, Any], action: dict[str, Any]) -> float:
    """The largest, of all rows, in parts of the action's range; choices: how many differ."""
    sent = acted["sent"]  # float32 [n, A]
    actual = act(session, acted)
    one_by_one = [act(session, {k: v[i : i + 1] for k, v in acted.items()})[0] for i in range(8)]
    if "box" not in action:
        shape = sent.shape[:1] if "discrete" in action else sent.shape
        assert actual.dtype == np.int64 and actual.shape == shape
        columns = actual.reshape(sent.shape)
        constant = [i for i, column in enumerate(columns.T) if len(set(column)) == 1]
        assert not constant, "the same choice for all observations compares nothing"
        assert (np.array(one_by_one) == actual[:8]).all()
        return float((columns != sent).sum())
    low, high = (np.array(action["box"][bound], np.float32) for bound in ("low", "high"))
    assert actual.dtype == np.float32 and actual.shape == sent.shape
    assert (actual >= low).all() and (actual <= high).all(), "beyond the bounds"
    assert (actual.std(axis=0) > 0.01 * (high - low)).all(), "constant actions compare nothing"
    np.testing.assert_allclose(np.array(one_by_one), actual[:8], rtol=1e-5, atol=1e-5)
    return float(np.abs((actual - sent) / (high - low)).max())


def main() -> None:
    examples, trained = map(pathlib.Path, sys.argv[1:])
    paths = sorted(examples.glob("*.onnx"))
    assert len(paths) == EXAMPLES, f"{len(paths)} examples, expected {EXAMPLES}"
    largest = 0.0
    for path in paths:
        session = onnxruntime.InferenceSession(path)
        metadata = session.get_modelmeta().custom_metadata_map
        assert metadata["run_id"] == "example" and metadata["env_steps"] == "800", metadata
        action = json.loads(metadata["env"])["action"]
        found = difference(session, load_file(path.with_suffix(".acted")), action)
        assert found <= TOLERANCE, f"{path.name}: actions differ by {found}"
        largest = max(largest, found)
    session = onnxruntime.InferenceSession(trained)
    fields = {
        each.name: np.zeros((3, *each.shape[1:]), np.float32) for each in session.get_inputs()
    }
    action = act(session, fields)
    assert action.shape == (3, 3) and (np.abs(action) <= 1).all(), action
    print(f"export_test: {len(paths)} policies; largest difference {largest:.1e} of the range")


if __name__ == "__main__":
    main()
