"""The examples series_elastic.py and train_actuator.py: the joint, the network, the file."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

EXAMPLES = pathlib.Path(__file__).resolve().parents[1] / "examples"


@pytest.fixture
def elastic(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(EXAMPLES)
    import series_elastic

    return series_elastic


@pytest.fixture
def training(monkeypatch: pytest.MonkeyPatch) -> Any:
    pytest.importorskip("torch", reason="torch is not installed")
    monkeypatch.syspath_prepend(EXAMPLES)
    import train_actuator

    return train_actuator


def record(elastic: Any, n: int, steps: int, seed: int = 0) -> Any:
    generator = np.random.default_rng(seed)
    loads = elastic.draw_loads(n, generator)
    targets = elastic.draw_targets(n, steps, generator)
    return elastic.simulate(elastic.Drive(), loads, targets, generator)


def test_the_same_seed_gives_the_same_recording(elastic: Any) -> None:
    first, again, other = (record(elastic, 5, 80, seed=seed) for seed in (1, 1, 2))
    for field in dataclasses.fields(first):
        values = getattr(first, field.name)
        assert values.shape == (80, 5)
        assert np.isfinite(values).all()
        np.testing.assert_array_equal(values, getattr(again, field.name))
        assert not np.array_equal(values, getattr(other, field.name))


def test_a_target_holds_for_one_two_or_four_samples(elastic: Any) -> None:
    targets = elastic.draw_targets(200, 80, np.random.default_rng(0))
    changes = [np.flatnonzero(np.diff(each)) + 1 for each in targets.T]
    moving = [each for each in changes if len(each) >= 80 // 4 - 1]  # Not those with steps alone.
    assert {np.gcd.reduce(each) for each in moving} == {1, 2, 4}


def test_a_motor_has_its_torque_up_to_its_speed_and_can_always_brake(elastic: Any) -> None:
    drive = elastic.Drive(torque_max=40, speed_full=9, speed_max=12)
    speed = np.array([0.0, 9.0, 10.5, 12.0, 20.0, -20.0])
    pushing = elastic.available_torque(drive, np.full(6, 100.0), speed)
    np.testing.assert_allclose(pushing, [40, 40, 20, 0, 0, 40])
    braking = elastic.available_torque(drive, np.full(6, -100.0), speed)
    np.testing.assert_allclose(braking, [-40, -40, -40, -40, -40, 0])


def held_still(elastic: Any, target: float) -> Any:
    """A joint that cannot move, asked to after 40 samples."""
    loads = elastic.Loads(
        inertia=np.full((2, 1), 1e9),
        damping=np.zeros(1),
        gravity=np.zeros(1),
        hanging=np.zeros(1),
        push=np.zeros(1),
        stance_s=np.ones(1),
    )
    targets = np.where(np.arange(200) < 40, 0.0, target)[:, None]
    return elastic.simulate(elastic.Drive(), loads, targets, np.random.default_rng(0))


def test_the_torque_follows_a_step_after_the_delay_and_comes_close(elastic: Any) -> None:
    drive = elastic.Drive()
    recording = held_still(elastic, 0.4)  # 20 N.m.
    torque = recording.torque[:, 0]
    samples = int(drive.delay_s / elastic.RECORD_S)
    assert np.abs(torque[: 41 + samples]).max() < 1e-6
    assert torque[60] > 10
    assert torque[-1] == pytest.approx(20, abs=drive.coulomb / (1 + drive.torque_gain) + 0.1)


def test_a_torque_beyond_the_drives_limit_is_not_reached(elastic: Any) -> None:
    recording = held_still(elastic, 3.0)  # 150 N.m.
    assert 30 < recording.torque[-1, 0] <= 40.5
    ideal = elastic.ideal_torque(
        elastic.Drive(), recording.target, recording.position, recording.velocity
    )
    assert ideal.max() == 40


def test_inputs_are_errors_then_velocities_newest_first(training: Any, elastic: Any) -> None:
    recording = record(elastic, 3, 40)
    examples = training.examples_of(recording, elastic.Drive())
    assert examples.inputs.shape == ((40 - 8) * 3, 6)
    error = recording.target - recording.position
    t, joint = 20, 1
    expected = [error[t - age, joint] for age in (0, 4, 8)]
    expected += [recording.velocity[t - age, joint] for age in (0, 4, 8)]
    row = (t - 8) * 3 + joint
    np.testing.assert_allclose(examples.inputs[row], expected, rtol=1e-6)
    assert examples.torque[row] == np.float32(recording.torque[t, joint])


def test_a_short_training_writes_a_file_that_is_better_than_an_ideal_drive(
    training: Any, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--joints", "60", "--seconds", "1", "--updates", "150", "--hidden", "16", "8"]
    files = [tmp_path / name for name in ("first.safetensors", "again.safetensors")]
    for file in files:
        training.main([str(file), *arguments, "--activation", "tanh"])
    assert files[0].read_bytes() == files[1].read_bytes()
    last = capsys.readouterr().out.splitlines()[-4:]
    assert [line[:20].strip() for line in last][0::3] == ["all", "most jittery third"]
    _, _, error, ideal = (float(word) for word in last[0].split()[1:])
    assert 0 < error < ideal

    with safe_open(files[0], "numpy") as stored:
        metadata = stored.metadata()
        shapes = {name: stored.get_tensor(name).shape for name in stored.keys()}  # noqa: SIM118
    crc = metadata.pop("crc32c")
    content = files[0].read_bytes()
    assert crc == f"{training.crc32c(content[8 + int.from_bytes(content[:8], 'little') :]):08x}"
    assert metadata == {
        "kind": "armature actuator network",
        "format_version": "1",
        "activation": "tanh",
        "history_interval_s": "0.01",
        "torque_max": "40.0",
    }
    assert shapes == {
        "input.scale": (6,),
        "output.scale": (1,),
        "layer.0.weight": (16, 6),
        "layer.0.bias": (16,),
        "layer.1.weight": (8, 16),
        "layer.1.bias": (8,),
        "layer.2.weight": (1, 8),
        "layer.2.bias": (1,),
    }
