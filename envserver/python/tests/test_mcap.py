"""Recorded episodes as MCAP, and the program armature-episodes."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from episode_messages import box_shape, frame_message, record_reach, scene_message, write
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

import armature
from armature import episodes, episodes_command, wire
from armature.tensors import set_tensor


@pytest.fixture(scope="module")
def reach(server: str, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return record_reach(server, tmp_path_factory.mktemp("episodes"))


def decoded(path: pathlib.Path) -> Iterator[tuple[str, int, Any]]:
    """Topic, time in ns and message, decoded by nothing but the file's own schemas."""
    reader = pytest.importorskip("mcap.reader")
    with path.open("rb") as file:
        for schema, channel, message in reader.make_reader(
            file, validate_crcs=True
        ).iter_messages():
            assert (schema.encoding, channel.message_encoding) == ("protobuf", "protobuf")
            pool = descriptor_pool.DescriptorPool()
            for each in descriptor_pb2.FileDescriptorSet.FromString(schema.data).file:
                pool.AddSerializedFile(each.SerializeToString())
            kind = message_factory.GetMessageClass(pool.FindMessageTypeByName(schema.name))
            assert message.log_time == message.publish_time
            yield channel.topic, message.log_time, kind.FromString(message.data)


def of(path: pathlib.Path, topic: str) -> list[tuple[int, Any]]:
    return [(time_ns, message) for name, time_ns, message in decoded(path) if name == topic]


def export(tmp_path: pathlib.Path, *messages: Any) -> pathlib.Path:
    pytest.importorskip("mcap")
    frames = episodes.export_mcap(write(tmp_path / "file", *messages), tmp_path / "out")
    assert frames == sum(message.WhichOneof("kind") == "frame" for message in messages)
    return tmp_path / "out"


def xyz(message: Any) -> list[float]:
    return [message.x, message.y, message.z]


def test_every_state_has_its_poses_and_every_step_its_numbers(
    reach: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    pytest.importorskip("mcap")
    out = tmp_path / "out"
    recording = episodes.load(reach)
    states = sum(episode.steps + 1 for episode in recording.episodes)
    assert episodes.export_mcap(reach, out) == states

    transforms = of(out, "/tf")
    poses = np.array(
        [
            [
                [*xyz(each.translation), *xyz(each.rotation), each.rotation.w]
                for each in message.transforms
            ]
            for _, message in transforms
        ]
    )
    np.testing.assert_array_equal(poses, np.concatenate([e.poses for e in recording.episodes]))
    for time_ns, message in transforms:
        for each, body in zip(message.transforms, recording.setting.bodies):
            assert (each.parent_frame_id, each.child_frame_id) == ("world", body)
            assert each.timestamp.seconds * 10**9 + each.timestamp.nanos == time_ns

    def numbers(topic: str) -> Any:
        return np.array([message.value for _, message in of(out, topic)])

    played = recording.episodes
    np.testing.assert_array_equal(numbers("/reward"), np.concatenate([e.reward for e in played]))
    np.testing.assert_array_equal(numbers("/action"), np.concatenate([e.action for e in played]))
    for name in ("observation", "achieved_goal", "desired_goal"):
        rows = np.concatenate([e.observation[name] for e in played])  # type: ignore[call-overload]
        np.testing.assert_array_equal(
            numbers(f"/observation/{name}").astype(np.float32), rows.astype(np.float32)
        )
    np.testing.assert_array_equal(numbers("/return")[[-1]], [played[-1].return_sum])
    assert set(numbers("/episode")) == {0, 1}


def test_each_body_with_shapes_is_an_entity_that_follows_its_frame(
    reach: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    pytest.importorskip("mcap")
    out = tmp_path / "out"
    episodes.export_mcap(reach, out)
    recording = episodes.load(reach)
    ((time_ns, meshes),) = of(out, "/meshes")
    ((_, others),) = of(out, "/scene")
    assert time_ns == 0
    shapes = recording.scene.shape
    entities = [*meshes.entities, *others.entities]
    shown = {recording.setting.bodies[shape.body] for shape in shapes}
    assert sorted(entity.id for entity in entities) == sorted(shown)
    for entity in entities:
        assert entity.frame_id == entity.id and entity.frame_locked
    triangles = sum(len(each.indices) for e in meshes.entities for each in e.triangles)
    names = [shape.mesh.name for shape in shapes if shape.WhichOneof("geometry") == "mesh"]
    assert triangles == sum(recording.meshes[name].triangle.size for name in names) > 0
    assert not any(entity.triangles for entity in others.entities)


def one_entity(tmp_path: pathlib.Path, shape: Any, *meshes: Any) -> Any:
    """What becomes of a body that is this shape."""
    opened = scene_message("body")
    opened.opened.scene.shape[0].CopyFrom(shape)
    out = export(tmp_path, opened, *meshes, frame_message(0))
    ((_, update),) = of(out, "/scene") + of(out, "/meshes")
    (entity,) = update.entities
    return entity


def shape_message(**geometry: Any) -> Any:
    half = np.sqrt(0.5)  # A quarter turn about x: the shape's z is -y of its body.
    return wire.SceneShape(pose=[1, 2, 3, half, 0, 0, half], colour=[0.1, 0.2, 0.3, 1], **geometry)


def test_boxes_spheres_and_cylinders_have_full_extents(tmp_path: pathlib.Path) -> None:
    (cube,) = one_entity(tmp_path, shape_message(box={"x": 1, "y": 2, "z": 3})).cubes
    assert xyz(cube.size) == [1, 2, 3] and xyz(cube.pose.position) == [1, 2, 3]
    assert cube.pose.orientation.x == cube.pose.orientation.w == np.sqrt(0.5)
    assert [cube.color.r, cube.color.g, cube.color.b, cube.color.a] == [0.1, 0.2, 0.3, 1]
    (sphere,) = one_entity(tmp_path, shape_message(sphere={"radius": 2})).spheres
    assert xyz(sphere.size) == [4, 4, 4]
    flat = shape_message(cylinder={"radius": 2, "length": 5})
    (cylinder,) = one_entity(tmp_path, flat).cylinders
    assert xyz(cylinder.size) == [4, 4, 5]
    assert (cylinder.bottom_scale, cylinder.top_scale) == (1, 1)


def test_a_capsule_is_a_cylinder_with_a_sphere_at_each_end(tmp_path: pathlib.Path) -> None:
    entity = one_entity(tmp_path, shape_message(capsule={"radius": 1, "length": 6}))
    (cylinder,) = entity.cylinders
    assert xyz(cylinder.size) == [2, 2, 6]
    ends = sorted(xyz(sphere.pose.position) for sphere in entity.spheres)
    np.testing.assert_allclose(ends, [[1, -1, 3], [1, 5, 3]], atol=1e-12)
    assert all(xyz(sphere.size) == [2, 2, 2] for sphere in entity.spheres)


def normals(primitive: Any) -> tuple[Any, Any]:
    """Corners, [t, 3, 3], and normals, [t, 3], of a list of triangles."""
    points = np.array([xyz(point) for point in primitive.points])
    corners = points[np.array(primitive.indices).reshape(-1, 3)]
    return corners, np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def test_a_plane_is_a_large_square_that_faces_up(tmp_path: pathlib.Path) -> None:
    (plane,) = one_entity(tmp_path, shape_message(plane={})).triangles
    corners, normal = normals(plane)
    assert (corners[..., 2] == 0).all() and (normal[:, 2] > 0).all()
    assert normal[:, 2].sum() / 2 == np.ptp(corners[..., 0]) * np.ptp(corners[..., 1])


def test_a_mesh_is_scaled_and_faces_outwards_when_mirrored(tmp_path: pathlib.Path) -> None:
    mesh = wire.WatchResponse()
    mesh.mesh.name = "corner"
    vertex = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    set_tensor(mesh.mesh.vertex, vertex)
    set_tensor(mesh.mesh.triangle, np.array([[0, 2, 1], [1, 2, 3]], np.int32))
    for scale in ([2, 3, 4], [2, -3, 4]):
        shape = shape_message(mesh={"name": "corner", "scale": scale})
        (primitive,) = one_entity(tmp_path, shape, mesh).triangles
        corners, normal = normals(primitive)
        np.testing.assert_array_equal(np.unique(corners.reshape(-1, 3), axis=0)[-1], [2, 0, 0])
        centre = (vertex * scale).mean(axis=0)
        outwards = ((corners.mean(axis=1) - centre) * normal).sum(axis=-1)
        assert (outwards > 0).all()


def test_a_height_field_has_its_rows_along_y(tmp_path: pathlib.Path) -> None:
    shape = shape_message(height_field={"cell_x": 0.5, "cell_y": 1})
    height = np.arange(6, dtype=np.float32).reshape(2, 3)
    set_tensor(shape.height_field.height, height)
    (primitive,) = one_entity(tmp_path, shape).triangles
    points = [xyz(point) for point in primitive.points]
    assert points[0] == [-0.5, -0.5, 0] and points[2] == [0.5, -0.5, 2]
    assert points[3] == [-0.5, 0.5, 3]
    corners, normal = normals(primitive)
    assert len(corners) == 4 and (normal[:, 2] > 0).all()
    assert normal[:, 2].sum() / 2 == pytest.approx(1)  # The area that it covers.


def test_time_goes_on_over_episodes_and_scenes_replace_each_other(tmp_path: pathlib.Path) -> None:
    changed = frame_message(1, episode=1, last=True)
    changed.frame.changed_index.append(0)
    changed.frame.changed_shape.add().CopyFrom(box_shape(0, 1.0))
    out = export(
        tmp_path,
        scene_message("one", "two"),
        *(frame_message(step, 2, last=step == 2) for step in range(3)),
        frame_message(0, 2, episode=1),
        set_bodies(changed, 2),
        scene_message("three"),
        frame_message(0, episode=2),
    )
    times = [time_ns for time_ns, _ in of(out, "/tf")]
    assert times == [0, 100_000_000, 200_000_000, 300_000_000, 400_000_000, 500_000_000]
    scenes = of(out, "/scene")
    assert [time_ns for time_ns, _ in scenes] == [0, 400_000_000, 500_000_000]
    shown = [
        {entity.id: entity.cubes[0].color.r for entity in update.entities} for _, update in scenes
    ]
    assert shown == [{"one": 0.5, "two": 0.5}, {"one": 1.0, "two": 0.5}, {"three": 0.5}]
    # Each stands for itself: whoever seeks gets the last one only.
    assert all([deletion.type for deletion in update.deletions] == [1] for _, update in scenes)


def test_meshes_are_not_sent_again_when_other_bodies_change(tmp_path: pathlib.Path) -> None:
    opened = scene_message("field", "box")
    field = opened.opened.scene.shape[0].height_field
    set_tensor(field.height, np.zeros((2, 2), np.float32))
    changed = frame_message(1, 2, last=True)
    changed.frame.changed_index.append(1)
    changed.frame.changed_shape.add().CopyFrom(box_shape(1, 1.0))
    out = export(
        tmp_path,
        opened,
        frame_message(0, 2),
        changed,
        scene_message("other"),
        frame_message(0, episode=1),
    )
    assert [[e.id for e in update.entities] for _, update in of(out, "/meshes")] == [["field"], []]
    assert [[e.id for e in update.entities] for _, update in of(out, "/scene")] == [
        ["box"],
        ["box"],
        ["other"],
    ]


def set_bodies(message: Any, bodies: int) -> Any:
    set_tensor(message.frame.pose, np.zeros((bodies, 7), np.float32))
    return message


def test_what_mcap_cannot_be_made_of_is_named(tmp_path: pathlib.Path) -> None:
    pytest.importorskip("mcap")
    path = tmp_path / "file"

    def said(*messages: Any) -> str:
        with pytest.raises(armature.ArmatureError) as caught:
            episodes.export_mcap(write(path, *messages), tmp_path / "out")
        return str(caught.value)

    assert "frame 0.pose: shape is [2,7], expected [1,7]" in said(
        scene_message("box"), frame_message(0, 2)
    )
    meshed = scene_message("box")
    meshed.opened.scene.shape[0].mesh.name = "cup"
    assert "mesh 'cup' is missing" in said(meshed, frame_message(0))
    astray = scene_message("box")
    astray.opened.scene.shape[0].body = 4
    assert "a shape is of body 4, the scene has 1" in said(astray, frame_message(0))
    assert not (tmp_path / "out").exists()
    with pytest.raises(armature.ArmatureError, match="cannot be written: No such file"):
        episodes.export_mcap(path, tmp_path / "no" / "folder")


def test_without_the_extra_its_installation_is_named(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "file", scene_message("box"), frame_message(0))
    monkeypatch.setitem(sys.modules, "mcap.writer", None)
    monkeypatch.delitem(sys.modules, "armature.mcap_export", raising=False)
    monkeypatch.delattr(armature, "mcap_export", raising=False)
    with pytest.raises(armature.ArmatureError, match=r"pip install '\./envserver/python\[mcap\]'"):
        episodes.export_mcap(path, tmp_path / "out")


def test_the_program_says_what_a_file_holds(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(
        tmp_path / "boxes.episodes",
        scene_message("box"),
        *(frame_message(step, last=step == 2) for step in range(3)),
        *(frame_message(step, episode=1) for step in range(2)),
    )
    path.write_bytes(path.read_bytes()[:-8])
    assert episodes_command.main(["info", str(path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{path}: boxes, 2 episodes, 3 steps of 0.1 s",
        "observation: observation [2]",
        "action: Box 1",
        "bodies: box",
        "episode  steps     return  end",
        "      0      2          3  terminated",
        "      1      1          1  unfinished",
        "finished: 1, mean return 3",
        "The file has no end: what wrote it was killed, or is still writing.",
    ]
    out = tmp_path / "demonstrations"
    assert episodes_command.main(["demonstrations", str(path), str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 1 episodes, 2 steps, mean return 3\n"
    assert episodes_command.main(["info", str(out)]) == 1
    assert capsys.readouterr().err == (
        f"armature-episodes: {out}: no recording of episodes: is not a gzip file\n"
    )


def test_the_program_writes_mcap(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("mcap")
    path = write(tmp_path / "file", scene_message("box"), frame_message(0))
    out = tmp_path / "out.mcap"
    assert episodes_command.main(["mcap", str(path), str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: 1 frames\n"
    assert [message.value for _, message in of(out, "/return")] == [0]
