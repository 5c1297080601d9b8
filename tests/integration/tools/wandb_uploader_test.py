"""//deploy:wandb_uploader, with the real client, offline."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator
from typing import Any

import runs
from tool import DEPLOY, ENDS_WITHIN_S, WithFolder, run, write_run
from wandb.proto import wandb_internal_pb2


def read_offline(run_dir: pathlib.Path) -> list[list[Any]]:
    """The records of each offline run that the client wrote, oldest first."""
    return [list(records(path)) for path in sorted(run_dir.glob("wandb/offline-run-*/run-*.wandb"))]


def records(path: pathlib.Path) -> Iterator[Any]:
    """LevelDB's log format after the client's header of 7 bytes."""
    content, at, whole = path.read_bytes(), 7, b""
    block, header = 1 << 15, struct.Struct("<IHB")
    last_of_record = (1, 4)
    while at < len(content):
        if (left := block - at % block) < header.size:
            at += left
            continue
        _, length, kind = header.unpack_from(content, at)
        at += header.size
        whole += content[at : at + length]
        at += length
        if kind in last_of_record:
            yield wandb_internal_pb2.Record.FromString(whole)
            whole = b""


def history(offline_run: list[Any]) -> list[dict[str, float]]:
    rows = []
    for record in offline_run:
        if record.WhichOneof("record_type") == "history":
            items = {"/".join(i.nested_key) or i.key: i.value_json for i in record.history.item}
            rows.append({k: json.loads(v) for k, v in items.items() if not k.startswith("_")})
    return rows


class UploaderTest(WithFolder):
    def setUp(self) -> None:
        super().setUp()
        for variable in [name for name in os.environ if name.startswith("WANDB_")]:
            self.addCleanup(os.environ.__setitem__, variable, os.environ.pop(variable))
        self.run_dir = self.folder / "run"
        write_run(self.run_dir, 1, 0.9, [-5, -4])
        (self.run_dir / "run.json").write_text('{"run_id": "abc123"}')

        # The client looks into the user's folder for a login: this user has none.
        self.netrc = self.folder / "netrc"
        self.environment = {
            **os.environ,
            "NETRC": str(self.netrc),
            "WANDB_CONFIG_DIR": str(self.folder),
        }

    @contextlib.contextmanager
    def following(self, why: str = "neither", **variables: str) -> Iterator[subprocess.Popen[str]]:
        """The uploader, once it has said where it writes and why there."""
        process = subprocess.Popen(
            [DEPLOY / "wandb_uploader", self.run_dir],
            env={**self.environment, **variables},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        said = process.stdout.readline()
        self.assertIn(why, said)
        self.assertIn("upload with: wandb sync", said)
        yield process
        process.communicate(timeout=ENDS_WITHIN_S)
        self.assertEqual(process.returncode, 0)

    def write_result(self) -> None:
        runs.write_atomically(self.run_dir / "result.json", '{"return_mean": -3.0}')

    def test_rows_that_come_while_it_runs_are_logged_until_the_run_ends(self) -> None:
        with self.following():
            with open(self.run_dir / "evaluations.csv", "a") as file:
                file.write("300,-3\n")
            self.write_result()
        (offline,) = read_offline(self.run_dir)
        self.assertEqual(
            history(offline),
            [{"env_steps": 100 * i, "eval/mean_reward": i - 6} for i in (1, 2, 3)],
        )
        (begun,) = [r.run for r in offline if r.WhichOneof("record_type") == "run"]
        self.assertEqual((begun.run_id, begun.project), ("abc123", "armature"))
        config = {item.key: item.value_json for item in begun.config.update}
        self.assertEqual(config["algorithm.sac.gamma"], "0.9")
        summary = {
            (item.key or "/".join(item.nested_key)): item.value_json
            for record in offline
            for item in record.summary.update
        }
        self.assertEqual(summary["result/return_mean"], "-3.0")

    def test_videos_are_logged_at_their_step_and_the_last_one_is_awaited(self) -> None:
        videos = self.run_dir / "videos"
        videos.mkdir()
        (videos / "step_100.mp4").write_bytes(b"first")
        (videos / "step_100.episodes").touch()
        (videos / "step_200.episodes").touch()
        self.write_result()
        with self.following():
            runs.write_atomically(videos / "step_200.mp4", "second")
        (offline,) = read_offline(self.run_dir)
        logged = [row for row in history(offline) if "evaluation/_type" in row]
        self.assertEqual([row["env_steps"] for row in logged], [100, 200])
        self.assertEqual({row["evaluation/_type"] for row in logged}, {"video-file"})

    def test_a_resumed_offline_run_is_one_folder_with_its_first_part(self) -> None:
        with self.following() as process:
            process.send_signal(signal.SIGTERM)
        with open(self.run_dir / "evaluations.csv", "a") as file:
            file.write("300,-3\n")
        self.write_result()
        with self.following():
            pass
        (offline,) = read_offline(self.run_dir)
        self.assertEqual([row["env_steps"] for row in history(offline)], [100, 200, 300])
        (begun,) = [r.run for r in offline if r.WhichOneof("record_type") == "run"]
        self.assertEqual(begun.run_id, "abc123")
        # A part that was uploaded already is replaced, not added to.
        self.assertFalse(begun.resumed)

    def test_project_and_group_are_keys_of_the_configuration(self) -> None:
        config = json.loads((self.run_dir / "config.yaml").read_text())
        config["run"].update(wandb_project="arms", wandb_group="table 1")
        (self.run_dir / "config.yaml").write_text(json.dumps(config))
        self.write_result()
        with self.following(WANDB_PROJECT="another"):
            pass
        (offline,) = read_offline(self.run_dir)
        (begun,) = [r.run for r in offline if r.WhichOneof("record_type") == "run"]
        self.assertEqual((begun.project, begun.run_group), ("arms", "table 1"))

    def test_a_login_is_respected_and_so_is_wandb_mode(self) -> None:
        key = "0123456789abcdef" * 3
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(ENDS_WITHIN_S)
            address = "127.0.0.1:%d" % server.getsockname()[1]
            self.netrc.write_text(f"machine {address} login user password {key}\n")
            self.netrc.chmod(0o600)
            url = {"WANDB_BASE_URL": f"http://{address}"}
            process = subprocess.Popen(
                [DEPLOY / "wandb_uploader", self.run_dir],
                env={**self.environment, **url},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            try:
                server.accept()[0].close()  # It does not write offline: it calls.
            finally:
                process.kill()
                process.wait()
            self.write_result()
            with self.following("WANDB_MODE", WANDB_MODE="offline", WANDB_API_KEY=key, **url):
                pass
        self.assertEqual(len(read_offline(self.run_dir)), 1)

    def test_a_folder_that_is_no_run_is_told_in_one_line(self) -> None:
        self.assert_refused(
            run("wandb_uploader", self.folder), "is not a run: it has no config.yaml"
        )

    def test_a_client_that_is_not_installed_is_told_in_one_line(self) -> None:
        (self.folder / "wandb.py").write_text("raise ImportError('no', name='wandb')")
        self.assert_refused(
            run("wandb_uploader", self.run_dir, PYTHONPATH=str(self.folder)), "pip install wandb"
        )
