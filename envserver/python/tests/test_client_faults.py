"""What the client does when a server, or its own process, does what it should not."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from scripted_server import SPEC, frame, scripted_server, step_batch

import armature
from armature import connection, wire
from armature.errors import ArmatureError, ServerError, WireError
from armature.serve.env_source import parse_config
from armature.tensors import set_tensor

FIRST = [[1.0, 2.0], [3.0, 4.0]]
SECOND = [[5.0, 6.0], [7.0, 8.0]]
ACTION = np.zeros((2, 1), np.float32)
TIMEOUT_S = 20.0


def answer_with(*responses: Any) -> Any:
    """A script: the first observations, then one response a request."""

    def script(requests: Iterator[Any]) -> Iterator[Any]:
        yield step_batch(0, FIRST)
        for response in responses:
            next(requests)
            yield response
        for _ in requests:  # Until the client ends the session.
            pass

    return script


def test_restarted_slot_is_truncated_in_its_last_valid_observation() -> None:
    restarted = step_batch(1, SECOND, restarted=[0, 1], reward=[1, 0])
    restarted.step.fault.append("env scripted slot 1 step 1: threw; simulator replaced")
    with scripted_server(answer_with(restarted)) as address:
        env = armature.make_vec(address, 2)
        env.reset()
        observation, reward, terminated, truncated, infos = env.step(ACTION)
        env.close()
    np.testing.assert_array_equal(observation, SECOND)
    assert reward[0] == 1 and np.isnan(reward[1])  # None was given.
    assert terminated.tolist() == [False, False]
    assert truncated.tolist() == [False, True]
    assert infos["final_obs"][0] is None
    np.testing.assert_array_equal(infos["final_obs"][1], FIRST[1])
    assert infos["restarted"].tolist() == [False, True]
    assert infos["final_info"]["restarted"].tolist() == [False, True]
    assert infos["fault"].tolist() == [
        None,
        "env scripted slot 1 step 1: threw; simulator replaced",
    ]


def test_restarted_slot_beside_one_that_ended_keeps_both_final_observations() -> None:
    batch = step_batch(1, SECOND, restarted=[0, 1], terminated=[1, 0])
    batch.step.final_slot.append(0)
    set_tensor(batch.step.final_observation.add(), np.array([[9, 9]], np.float32))
    batch.step.fault.append("slot 1: hung; simulator replaced")
    with scripted_server(answer_with(batch)) as address:
        env = armature.make_vec(address, 2)
        env.reset()
        *_, infos = env.step(ACTION)
        np.testing.assert_array_equal(infos["final_obs"][0], [9, 9])
        np.testing.assert_array_equal(infos["final_obs"][1], FIRST[1])
        np.testing.assert_array_equal(env.reset()[0], SECOND)  # All have ended: no new episode.
        env.close()


def test_single_env_says_that_its_simulator_was_replaced() -> None:
    def script(requests: Iterator[Any]) -> Iterator[Any]:
        yield step_batch(0, FIRST[:1])
        next(requests)
        batch = step_batch(1, SECOND[:1], restarted=[1])
        batch.step.fault.append("slot 0: hung")
        yield batch
        next(requests, None)

    with scripted_server(script) as address:
        env = armature.make(address)
        env.reset()
        observation, reward, terminated, truncated, info = env.step(ACTION[0])
        np.testing.assert_array_equal(observation, FIRST[0])
        assert np.isnan(reward) and (terminated, truncated) == (False, True)
        assert info == {"restarted": True, "fault": "slot 0: hung"}
        np.testing.assert_array_equal(env.reset()[0], SECOND[0])
        env.close()


def broken_batches() -> dict[str, Any]:
    """A batch for each rule that it breaks, by what the error must say."""
    cases: dict[str, Any] = {}
    short_observation = step_batch(1, SECOND)
    set_tensor(short_observation.step.observation[0], np.zeros((1, 2), np.float32))
    cases[r"observation 'observation'\[1,0\] is nan"] = step_batch(1, [[1, 2], [np.nan, 4]])
    cases[r"observation 'observation': shape is \[1,2\], expected \[2,2\]"] = short_observation
    cases[r"reward\[0\] is inf"] = step_batch(1, SECOND, reward=[np.inf, 0])
    cases["terminated: holds 2, expected 0 or 1"] = step_batch(1, SECOND, terminated=[2, 0])
    cases["two are set in one slot"] = step_batch(1, SECOND, restarted=[1, 0], truncated=[1, 0])
    cases[r"final_slot is \[\], expected the slots that ended, \[1\]"] = step_batch(
        1, SECOND, terminated=[0, 1]
    )
    cases["group 0 step 7, expected group 0 step 1"] = step_batch(7, SECOND)
    cases["sent frame, expected step"] = frame(0, np.zeros((2, 3, 3)))
    no_observation = step_batch(1, SECOND)
    del no_observation.step.observation[:]
    cases["observation: 0 fields came, expected 1"] = no_observation
    wrong_dtype = step_batch(1, SECOND)
    set_tensor(wrong_dtype.step.reward, np.zeros(2))
    cases["reward: dtype is DTYPE_FLOAT64, expected DTYPE_FLOAT32"] = wrong_dtype
    return cases


@pytest.mark.parametrize("message", broken_batches())
def test_batch_that_breaks_the_protocol_is_refused_by_field_and_server(message: str) -> None:
    with scripted_server(answer_with(broken_batches()[message])) as address:
        env = armature.make_vec(address, 2)
        env.reset()
        with pytest.raises(WireError, match=f"{address}.*{message}"):
            env.step(ACTION)
        env.close()


def test_frames_come_from_the_slots_asked_for() -> None:
    def script(requests: Iterator[Any]) -> Iterator[Any]:
        yield step_batch(0, FIRST)
        for request in requests:
            slot = request.render.slot
            yield frame(slot, np.full((2, 3, 3), 40 + slot))

    with scripted_server(script) as address:
        env = armature.make_vec(address, 2, render_mode="rgb_array")
        env.reset()
        frames = env.render()
        assert frames is not None
        assert [picture.shape for picture in frames] == [(2, 3, 3)] * 2
        assert [int(picture[0, 0, 0]) for picture in frames] == [40, 41]
        env.close()
        silent = armature.make_vec(address, 2)
        assert silent.render() is None
        silent.close()


def test_frame_of_another_size_is_refused() -> None:
    with scripted_server(answer_with(frame(0, np.zeros((3, 3, 3))))) as address:
        env = armature.make_vec(address, 2, render_mode="rgb_array")
        env.reset()
        with pytest.raises(WireError, match=r"frame.rgb: shape is \[3,3,3\], expected \[2,3,3\]"):
            env.render()
        env.close()


def test_server_that_never_answers_is_an_error_after_the_timeout() -> None:
    with scripted_server(answer_with()) as address:
        env = armature.make_vec(address, 2, timeout_s=0.2)
        env.reset()
        with pytest.raises(ServerError, match=r"step 1: no answer for 0.2 s") as caught:
            env.step(ACTION)
        assert caught.value.code == "DEADLINE_EXCEEDED"
        env.close()


def test_lease_is_renewed_while_the_client_is_silent() -> None:
    beaten_twice = threading.Event()
    beats = itertools.count(1)

    def beat() -> None:
        if next(beats) == 2:
            beaten_twice.set()

    server = scripted_server(answer_with(step_batch(1, SECOND)), lease_s=0.2, on_heartbeat=beat)
    with server as address:
        env = armature.make_vec(address, 2)
        env.reset()
        assert beaten_twice.wait(TIMEOUT_S)
        np.testing.assert_array_equal(env.step(ACTION)[0], SECOND)
        env.close()


def test_clients_wait_longer_than_a_server_may_take_to_make_an_environment() -> None:
    assert connection.TIMEOUT_S > wire.START_LIMIT_S == 600


@pytest.mark.parametrize(
    "value", ["3", "true", "null", '"3"', "[1]", "word", "", 3, 1.5, True, None]
)
def test_a_config_value_arrives_as_what_the_caller_gave(value: Any) -> None:
    arrived = parse_config(connection.encode_config({"key": value}))["key"]
    assert (arrived, type(arrived)) == (value, type(value))


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as Python has it, also where a shell started the tests in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def silent() -> Iterator[str]:
    """Address of a server that answers Describe only when the test has ended."""
    ended = threading.Event()
    with scripted_server(answer_with(), before_describe=lambda: ended.wait(TIMEOUT_S)) as address:
        yield address
        ended.set()


def test_server_that_describes_nothing_is_named_after_the_timeout(silent: str) -> None:
    with pytest.raises(ServerError, match=rf"{silent}: .*Describe: no answer for 0.2 s"):
        armature.describe(silent, timeout_s=0.2)


@pytest.mark.usefixtures("interruptible")
def test_waiting_for_a_description_can_be_interrupted() -> None:
    ended = threading.Event()

    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        ended.wait(TIMEOUT_S)

    with scripted_server(answer_with(), before_describe=interrupt) as address:
        try:
            with pytest.raises(KeyboardInterrupt):
                armature.describe(address)
        finally:
            ended.set()


class Waited:
    """A session's stream that tells when it is waited for."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.begun = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def receive(self) -> Any:
        self.begun.set()
        return self._stream.receive()


@pytest.mark.usefixtures("interruptible")
def test_interrupted_step_can_be_followed_by_a_reset() -> None:
    def script(requests: Iterator[Any]) -> Iterator[Any]:
        yield step_batch(0, FIRST)
        for request in requests:
            if request.WhichOneof("kind") == "actions":
                assert stream.begun.wait(TIMEOUT_S)
                os.kill(os.getpid(), signal.SIGINT)

    with scripted_server(script) as address:
        env = armature.make_vec(address, 2)
        env.reset()
        (session,) = env._slots._sessions
        stream = session._stream = Waited(session._stream)  # type: ignore[assignment]
        with pytest.raises(KeyboardInterrupt):
            env.step(ACTION)
        with pytest.raises(ArmatureError, match="step 1: interrupted by KeyboardInterrupt"):
            env.step(ACTION)
        np.testing.assert_array_equal(env.reset()[0], FIRST)
        env.close()


def test_server_that_ends_the_session_is_an_error_at_once() -> None:
    def script(requests: Iterator[Any]) -> Iterator[Any]:
        yield step_batch(0, FIRST)
        next(requests)

    with scripted_server(script) as address:
        env = armature.make_vec(address, 2)
        env.reset()
        with pytest.raises(ServerError, match="step 1: the server closed the session"):
            env.step(ACTION)
        env.close()


def _step_in_child(env: Any, outcome: Any) -> None:
    try:
        env.step(ACTION)
    except ArmatureError as error:
        outcome.send(str(error))


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_forked_child_is_told_to_connect_itself() -> None:
    with scripted_server(answer_with(step_batch(1, SECOND))) as address:
        env = armature.make_vec(address, 2)
        env.reset()
        receiver, sender = multiprocessing.Pipe(duplex=False)
        child = multiprocessing.get_context("fork").Process(
            target=_step_in_child, args=(env, sender), daemon=True
        )
        child.start()
        assert receiver.poll(TIMEOUT_S)
        assert f"{address} was opened by process {os.getpid()}" in receiver.recv()
        child.join(TIMEOUT_S)
        np.testing.assert_array_equal(env.step(ACTION)[0], SECOND)  # The parent's goes on.
        env.close()


def _make_in_child(address: str, outcome: Any) -> None:
    try:
        armature.make(address).close()
    except ArmatureError as error:
        outcome.send(str(error))
    outcome.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork.*:DeprecationWarning")
def test_a_fork_of_a_process_that_used_grpc_is_told_to_spawn() -> None:
    with scripted_server(answer_with()) as address:
        armature.describe(address)
        receiver, sender = multiprocessing.Pipe(duplex=False)
        child = multiprocessing.get_context("fork").Process(
            target=_make_in_child, args=(address, sender), daemon=True
        )
        child.start()
        sender.close()
        assert receiver.poll(TIMEOUT_S)
        assert f"forked from process {os.getpid()}, which had used gRPC" in receiver.recv()
        child.join(TIMEOUT_S)


def test_servers_with_different_environments_of_one_name_are_refused() -> None:
    def script(requests: Iterator[Any]) -> Iterator[Any]:
        yield step_batch(0, FIRST[:1])
        next(requests, None)

    other = SPEC.to_wire()
    other.horizon = 9
    with (
        scripted_server(script) as one,
        scripted_server(script, spec=other) as two,
        pytest.raises(
            ArmatureError,
            match=rf"not the same environment on {one} and on {two}: spec.horizon is 0 and 9",
        ),
    ):
        armature.make_vec([one, two], 2)
