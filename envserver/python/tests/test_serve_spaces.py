"""What becomes of Gymnasium's spaces on the wire."""

from __future__ import annotations

from typing import Any, Literal, Optional

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces

from armature.action_spec import ActionSpec
from armature.errors import ArmatureError, WireError
from armature.serve.durations import format_duration
from armature.serve.env_source import HostOptions, parse_config, parse_source, space_spec
from armature.serve.spaces import (
    ActionReader,
    MalformedError,
    NotFiniteError,
    SpaceError,
    observation_fields,
    write_observation,
)
from armature.spec import EnvSpec

BOX = spaces.Box(-1, 1, (2,), np.float32)


def written(space: gym.Space[Any], observation: Any) -> list[Any]:
    fields = observation_fields(space)
    rows = [np.full(field.spec.shape, 99, field.spec.dtype) for field in fields]
    write_observation(fields, observation, rows)
    return rows


@pytest.mark.parametrize(
    ("dtype", "carrier"),
    [
        ("float16", "float32"),
        ("float32", "float32"),
        ("float64", "float64"),
        ("int8", "int32"),
        ("int16", "int32"),
        ("int32", "int32"),
        ("int64", "int64"),
        ("uint8", "uint8"),
        ("uint16", "int32"),
        ("uint32", "int64"),
        ("uint64", "int64"),
        ("bool", "uint8"),
    ],
)
def test_a_box_of_each_dtype_crosses_as_the_nearest_that_holds_it(dtype: str, carrier: str) -> None:
    space = spaces.Box(0, 1, (2, 3), np.dtype(dtype).type)
    (field,) = observation_fields(space)
    assert (field.spec.name, field.spec.dtype, field.spec.shape) == (
        "observation",
        np.dtype(carrier),
        (2, 3),
    )
    assert (field.spec.low, field.spec.high) == ((0.0,), (1.0,))
    assert written(space, np.ones((2, 3), dtype))[0].tolist() == [[1] * 3] * 2


def test_bounds_are_none_where_infinite_and_one_an_element_where_they_differ() -> None:
    (field,) = observation_fields(spaces.Box(-np.inf, np.array([1.0, np.inf]), (2,), np.float64))
    assert field.spec.low == ()
    assert field.spec.high == (1.0, np.inf)


def test_a_scalar_keeps_its_empty_shape() -> None:
    space = spaces.Box(0, 9, (), np.float32)
    assert observation_fields(space)[0].spec.shape == ()
    assert written(space, np.float32(4))[0] == 4


def test_a_discrete_observation_is_one_hot_from_its_start_on() -> None:
    space = spaces.Discrete(3, start=5)
    assert written(space, 6)[0].tolist() == [0, 1, 0]
    for right in (np.int64(7), 7.0, [7], np.array([7], np.uint8)):
        assert written(space, right)[0].tolist() == [0, 0, 1]
    assert written(spaces.Discrete(2), np.bool_(True))[0].tolist() == [0, 1]
    for wrong in (4, 8, 6.5, [6, 6], None, "6", np.nan):
        with pytest.raises(MalformedError, match=r"in 5\.\.7"):
            written(space, wrong)


def test_multi_spaces_are_integers_with_their_bounds() -> None:
    (binary,) = observation_fields(spaces.MultiBinary(4))
    assert (binary.spec.dtype, binary.spec.shape) == (np.uint8, (4,))
    (discrete,) = observation_fields(spaces.MultiDiscrete([3, 5]))
    assert (discrete.spec.dtype, discrete.spec.high) == (np.int64, (2.0, 4.0))


@pytest.mark.parametrize("form", [np.int8, np.int64, np.uint8, bool, float, list])
@pytest.mark.parametrize(
    "space",
    [
        spaces.MultiBinary(3),
        spaces.Box(0, 255, (3,), np.uint8),
        spaces.Box(0, 1, (3,), np.bool_),
        spaces.Box(-9, 9, (3,), np.int16),
        spaces.MultiDiscrete([2, 2, 2]),
    ],
)
def test_whole_numbers_of_any_dtype_are_taken(space: gym.Space[Any], form: Any) -> None:
    value = [1, 0, 1] if form is list else np.array([1, 0, 1], form)
    assert written(space, value)[0].tolist() == [1, 0, 1]


@pytest.mark.parametrize("space", [spaces.MultiBinary([2, 3]), spaces.MultiDiscrete([3, 5])])
def test_a_spaces_own_sample_is_taken(space: gym.Space[Any]) -> None:
    sample = space.sample()
    assert written(space, sample)[0].tolist() == sample.tolist()


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
def test_integers_without_bounds_arrive_without_bounds(dtype: type[np.integer[Any]]) -> None:
    limits = np.iinfo(dtype)
    boxes = [spaces.Box(limits.min, limits.max, (2,), dtype)]
    if dtype is np.int64:  # Gymnasium knows no infinity of unsigned integers.
        boxes.append(spaces.Box(-np.inf, np.inf, (2,), dtype))
    for space in boxes:
        (field,) = observation_fields(space)
        assert field.spec.high == ()
        arrived = field.spec.space()
        assert (arrived.high == np.iinfo(np.int64).max).all()
        assert (arrived.low == max(limits.min, np.iinfo(np.int64).min)).all()
    low, high = np.array([0, limits.min], dtype), np.array([9, limits.max], dtype)
    half = spaces.Box(low, high, (2,), dtype)
    arrived = observation_fields(half)[0].spec.space()
    assert arrived.high.tolist() == [9, np.iinfo(np.int64).max]


def test_a_nested_dict_is_a_field_a_leaf_in_the_spaces_order() -> None:
    space = spaces.Dict({"b": BOX, "a": spaces.Dict({"x": spaces.Discrete(2), "y": BOX})})
    names = [field.spec.name for field in observation_fields(space)]
    assert sorted(names) == ["a/x", "a/y", "b"]
    rows = written(space, {"b": [1, 1], "a": {"x": 0, "y": np.array([0.5, 0])}})
    assert dict(zip(names, (row.tolist() for row in rows))) == {
        "a/x": [1, 0],
        "a/y": [0.5, 0],
        "b": [1, 1],
    }


@pytest.mark.parametrize(
    "space",
    [
        spaces.Text(3),
        spaces.Tuple([BOX]),
        spaces.Sequence(BOX),
        spaces.Dict({"a": spaces.Text(3)}),
        spaces.Dict({}),
        spaces.Box(0, 1, (0, 3)),
    ],
)
def test_other_observation_spaces_are_refused_by_name(space: gym.Space[Any]) -> None:
    with pytest.raises(SpaceError, match="observation"):
        observation_fields(space)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:Creating an ndarray from ragged")
def test_malformed_observations_say_what_came_and_what_was_expected() -> None:
    with pytest.raises(MalformedError, match=r"'observation' has shape \[3\], expected \[2\]"):
        written(BOX, np.zeros(3))
    with pytest.raises(MalformedError, match="dtype <U1, expected float32"):
        written(BOX, np.array(["a", "b"]))
    with pytest.raises(MalformedError, match=r"'observation'\[1\] is 0.5, expected a whole number"):
        written(spaces.Box(0, 9, (2,), np.int64), [0, 0.5])
    with pytest.raises(MalformedError, match=r"is 256, expected a whole number in 0\.\.255"):
        written(spaces.Box(0, 255, (1,), np.uint8), [256])
    with pytest.raises(MalformedError, match=r"'observation'\[0\] is -1, expected a whole number"):
        written(spaces.MultiBinary(2), np.array([-1, 0], np.int8))
    with pytest.raises(MalformedError, match=r"'observation' (cannot be read: |has dtype object)"):
        written(BOX, [[1, 2], [3]])
    with pytest.raises(MalformedError, match="no key 'a': it is a dict with keys b"):
        written(spaces.Dict({"a": BOX}), {"b": 1})
    with pytest.raises(NotFiniteError, match=r"'observation'\[1\] is nan"):
        written(BOX, [0, np.nan])
    with pytest.raises(NotFiniteError, match=r"'observation'\[0\] is inf"):
        written(BOX, np.array([1e300, 0]))


def test_a_box_action_of_any_shape_is_flattened_on_the_wire() -> None:
    reader = ActionReader(spaces.Box(-2, 2, (2, 2), np.float64))
    assert (reader.spec.size, reader.spec.low) == (4, (-2.0,) * 4)
    row = np.array([1, 2, 3, 4], np.float32)
    action = reader.read(row)
    assert action.dtype == np.float64
    assert action.tolist() == [[1, 2], [2, 2]]
    row[:] = 0
    assert action[0, 0] == 1


def test_a_bound_that_float32_rounds_is_kept() -> None:
    space = spaces.Box(-0.1, 0.1, (1,), np.float64)
    assert space.contains(ActionReader(space).read(np.array([0.1], np.float32)))


def test_a_discrete_action_starts_where_the_space_does() -> None:
    space = spaces.Discrete(3, start=-1)
    reader = ActionReader(space)
    assert reader.spec.choices == (3,)
    assert [int(reader.read(np.array([i], np.float32))) for i in range(3)] == [-1, 0, 1]
    assert space.contains(reader.read(np.zeros(1, np.float32)))


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-2, 1, (2, 3), np.float32),
        spaces.Discrete(3, start=-1),
        spaces.MultiDiscrete([3]),
        spaces.MultiDiscrete([[3, 1], [2, 4]]),
        spaces.MultiBinary((2, 2)),
    ],
    ids=str,
)
def test_an_action_goes_over_the_wire_and_back(space: gym.Space[Any]) -> None:
    reader = ActionReader(space)
    spec = ActionSpec.from_wire(reader.spec.to_wire())
    assert spec == reader.spec
    spec.validate()
    for action in (space.sample() for _ in range(20)):
        [row] = spec.to_rows(np.asarray(action)[np.newaxis])
        back = reader.read(row)
        assert space.contains(back)
        np.testing.assert_array_equal(back, action)
    # What a client shows has the same shape and takes the same numbers.
    shown = spec.space()
    assert shown.shape == space.shape
    if not isinstance(space, spaces.MultiBinary):
        assert shown == space


def test_a_value_that_is_no_choice_is_named_on_both_sides() -> None:
    spec = ActionSpec(choices=(3, 2), start=(1, 0))
    with pytest.raises(ArmatureError, match=r"action\[1,0\] is 4, expected 1..3"):
        spec.to_rows([[1, 0], [4, 1]])
    with pytest.raises(
        ArmatureError, match=r"float64 of shape \[1, 2\].*integers of shape \[n, 2\]"
    ):
        spec.to_rows([[1.0, 0.0]])
    for bad in ([0.5, 0], [0, 2], [-1, 0], [np.nan, 0]):
        with pytest.raises(WireError, match=r"action\[0,[01]\] is .*expected a whole number in 0"):
            spec.check_choices(np.array([bad], np.float32))


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (ActionSpec(choices=(1,)), "action.discrete.count must be at least 2"),
        (ActionSpec(choices=(2, 0)), "action.multi_discrete.count must be at least 1"),
        (ActionSpec(choices=(2, 3), shape=(3,)), r"action.shape is \[3\] for 2 components"),
        (ActionSpec(choices=(2, 3), start=(1,)), r"action.start is \[1\]"),
        (ActionSpec((-1.0,), (1.0,), start=(1,)), "action.start"),
    ],
)
def test_an_action_that_breaks_the_rules_is_named(action: ActionSpec, words: str) -> None:
    with pytest.raises(WireError, match=words):
        action.validate()


@pytest.mark.parametrize(
    ("space", "remedy"),
    [
        (spaces.Box(-np.inf, np.inf, (2,)), "TransformAction"),
        (spaces.Box(0, 9, (2,), np.int64), "ActionWrapper"),
        (spaces.Text(3), "ActionWrapper"),
        (spaces.Discrete(1), "at least 2"),
    ],
)
def test_other_action_spaces_are_refused_with_a_remedy(space: gym.Space[Any], remedy: str) -> None:
    with pytest.raises(SpaceError, match=remedy):
        ActionReader(space)


def test_a_spec_takes_horizon_and_period_from_the_environment() -> None:
    pendulum = gym.make("Pendulum-v1")
    spec = space_spec(pendulum, "p", HostOptions())
    assert (spec.id, spec.horizon, spec.control_period_s) == ("p", 200, 0.05)
    assert space_spec(pendulum, "p", HostOptions(control_period_s=0.2)).control_period_s == 0.2
    limited = gym.wrappers.TimeLimit(pendulum.unwrapped, 33)
    limited.unwrapped.spec = None
    assert space_spec(limited, "p", HostOptions()).horizon == 33


def test_the_sign_of_a_bound_of_zero_is_no_difference() -> None:
    def spec_of(low: float) -> EnvSpec:
        box = spaces.Box(np.float32(low), 5, (2,), np.float32)
        fields = tuple(field.spec for field in observation_fields(box))
        return EnvSpec("p", fields, ActionSpec((low,), (1.0,)), reward_low=low)

    positive, negative = spec_of(0.0), spec_of(-0.0)
    assert positive.hash() == negative.hash()
    assert EnvSpec.from_wire(negative.to_wire()).hash() == negative.hash()
    assert not np.signbit(negative.to_wire().observation[0].low[0])


def test_sources_are_ids_or_names_in_modules() -> None:
    assert parse_source("Pendulum-v1").env_id == "Pendulum-v1"
    source = parse_source("a.b:make", "mine")
    assert (source.module, source.name, source.env_id) == ("a.b", "make", "mine")
    assert parse_source("panda_gym:PandaReach-v3").env_id == "PandaReach-v3"
    for wrong in ("", "module:", ":name"):
        with pytest.raises(ArmatureError, match="expected ID"):
            parse_source(wrong)


def test_config_values_are_json_scalars_or_words() -> None:
    config = {"a": "1", "b": "0.5", "c": "true", "d": "null", "e": '"1"', "f": "dense", "g": "[1]"}
    assert parse_config(config) == {
        **{"a": 1, "b": 0.5, "c": True, "d": None},
        **{"e": "1", "f": "dense", "g": "[1]"},
    }


def test_words_stay_words_by_annotation_or_default() -> None:
    def factory(
        a: str,
        b: Literal["1", "2"],
        c: str | None = None,
        d: Optional[str] = None,  # noqa: UP045
        e: str | int = 1,
        f: int = 1,
        g: Any = None,
        h="word",  # type: ignore[no-untyped-def]
        **rest: Any,
    ) -> None:
        pass

    class Env:
        def __init__(self, a: str, i: float = 1.0) -> None:
            pass

    config = dict.fromkeys("abcdefghi", "3")
    words = {"a": "3", "b": "3", "c": "3", "d": "3", "e": 3, "f": 3, "g": 3, "h": "3", "i": 3}
    assert parse_config(config, factory) == words
    assert parse_config({"a": "null", "c": "null", "h": '"4"'}, factory) == {
        **{"a": "null", "c": None, "h": "4"},
    }
    assert parse_config({"a": "3", "i": "3"}, Env) == {"a": "3", "i": 3}


def test_durations_read_as_in_the_other_server() -> None:
    words = {0.05: "50ms", 1: "1s", 1.5: "1.5s", 90: "1m30s", 7200: "2h", 0.0005: "500us"}
    assert {seconds: format_duration(seconds) for seconds in words} == words
