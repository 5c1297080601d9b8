#!/usr/bin/env python3
"""Pictures a second at 640 x 480 of one scene, by our renderer, MuJoCo's own and PyBullet's.

    bazel build //common/render:render_benchmark
    python3 -m venv VENV && VENV/bin/pip install mujoco==3.17.0 pybullet==3.2.7
    VENV/bin/python tests/benchmarks/render_benchmark.py bazel-bin/common/render/render_benchmark

The scene is that of common/render/render_benchmark.cc: a floor, twelve moving primitives and a
mesh of 5,000 triangles, with shadows. The renderers take turns, so that what else the machine does
meets all alike. A line for each: pictures a second of wall time and milliseconds of CPU a picture,
both as medians of the rounds.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

os.environ.setdefault("MUJOCO_GL", "egl")

WIDTH, HEIGHT = 640, 480
PRIMITIVES = 12
RINGS = 50
POSITION, TARGET = (2, -2, 1.5), (0, 0, 0)


def ball() -> tuple[list[list[float]], list[int]]:
    """Vertices and triangles of the mesh."""
    vertices, triangles = [], []
    for i in range(RINGS + 1):
        polar = math.pi * i / RINGS
        for j in range(RINGS):
            around = 2 * math.pi * j / RINGS
            vertices.append(
                [
                    0.3 * math.sin(polar) * math.cos(around),
                    0.3 * math.sin(polar) * math.sin(around),
                    0.3 * math.cos(polar),
                ]
            )
            if i < RINGS:
                a, b = i * RINGS + j, i * RINGS + (j + 1) % RINGS
                triangles += [a, a + RINGS, b, b, a + RINGS, b + RINGS]
    return vertices, triangles


def place(i: int, frame: int) -> tuple[float, float, float]:
    """Of primitive i."""
    return (
        i % 4 * 0.5 - 0.75,
        i // 4 * 0.5 - 0.5,
        0.3 + 0.1 * math.sin(0.1 * frame + i + 1),
    )


def mujoco_drawer(samples: int, shadow_px: int) -> Callable[[int], None]:
    """MuJoCo's Python renderer: poses, update_scene, render."""
    import mujoco

    vertices, triangles = ball()
    geoms = ['box" size=".1 .1 .1', 'sphere" size=".1', 'capsule" size=".1 .15']
    bodies = "".join(
        f'<body mocap="true" pos="0 0 0"><geom type="{geoms[i % 3]}" rgba=".7 .7 .7 1"/></body>'
        for i in range(PRIMITIVES)
    )
    model = mujoco.MjModel.from_xml_string(
        f"""<mujoco><visual><global offwidth="{WIDTH}" offheight="{HEIGHT}"/>
        <quality offsamples="{samples}" shadowsize="{shadow_px}"/></visual><asset>
        <texture name="floor" type="2d" builtin="checker" width="256" height="256"/>
        <texture type="skybox" builtin="gradient" width="256" height="256"/>
        <material name="floor" texture="floor" texuniform="true"/>
        <mesh name="ball" vertex="{" ".join(str(x) for v in vertices for x in v)}"
        face="{" ".join(map(str, triangles))}"/></asset><worldbody>
        <light directional="true" pos="0 0 4" dir="-.4 .4 -.82" castshadow="true"/>
        <geom type="plane" size="0 0 1" material="floor"/>
        <geom type="mesh" mesh="ball" pos="0 0 .9" contype="0" conaffinity="0"/>{bodies}
        </worldbody></mujoco>"""
    )
    data = mujoco.MjData(model)
    camera = mujoco.MjvCamera()
    camera.lookat[:] = TARGET
    camera.distance = math.dist(POSITION, TARGET)
    camera.azimuth, camera.elevation = 135, -27.9
    renderer = mujoco.Renderer(model, HEIGHT, WIDTH)

    def draw(frame: int) -> None:
        for i in range(PRIMITIVES):
            data.mocap_pos[i] = place(i, frame)
        mujoco.mj_kinematics(model, data)
        mujoco.mj_camlight(model, data)
        renderer.update_scene(data, camera)
        renderer.render()

    return draw


def tiny_drawer() -> Callable[[int], None]:
    """PyBullet's TinyRenderer, which draws in software and needs no OpenGL."""
    import pybullet as p

    p.connect(p.DIRECT)
    vertices, triangles = ball()
    shapes = [
        p.createVisualShape(p.GEOM_BOX, halfExtents=[0.1] * 3),
        p.createVisualShape(p.GEOM_SPHERE, radius=0.1),
        p.createVisualShape(p.GEOM_CAPSULE, radius=0.1, length=0.3),
    ]
    # It has no plane without end.
    floor = p.createVisualShape(p.GEOM_BOX, halfExtents=[10, 10, 0.01])
    p.createMultiBody(0, -1, floor, [0, 0, -0.01])
    bodies = [p.createMultiBody(0, -1, shapes[i % 3]) for i in range(PRIMITIVES)]
    mesh = p.createVisualShape(p.GEOM_MESH, vertices=vertices, indices=triangles)
    p.createMultiBody(0, -1, mesh, [0, 0, 0.9])
    view = p.computeViewMatrix(POSITION, TARGET, [0, 0, 1])
    projection = p.computeProjectionMatrixFOV(45, WIDTH / HEIGHT, 0.03, 60)

    def draw(frame: int) -> None:
        for i, body in enumerate(bodies):
            p.resetBasePositionAndOrientation(body, place(i, frame), [0, 0, 0, 1])
        p.getCameraImage(WIDTH, HEIGHT, view, projection, shadow=1, renderer=p.ER_TINY_RENDERER)

    return draw


def measure(draw: Callable[[int], None], seconds: float) -> tuple[float, float]:
    """Pictures a second, CPU milliseconds a picture."""
    draw(0)
    frames, began, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        frames += 1
        draw(frames)
    wall = time.perf_counter() - began
    return frames / wall, 1e3 * (time.process_time() - cpu) / frames


def ours(binary: str, samples: int, shadow_px: int, seconds: float) -> tuple[float, float]:
    name = f"BM_Draw/{WIDTH}/{HEIGHT}/{samples}/{shadow_px}/"
    run = subprocess.run(
        [
            binary,
            f"--benchmark_filter={name}",
            f"--benchmark_min_time={seconds}",
            "--benchmark_format=json",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    (result,) = json.loads(run.stdout)["benchmarks"]
    if "error_message" in result:
        raise SystemExit(f"{name}: {result['error_message']}")
    return 1e3 / result["real_time"], result["cpu_time"]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("binary", help="//common/render:render_benchmark, built")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2)
    flags = parser.parse_args()
    in_python = {
        "mujoco.Renderer, 4 samples, shadows 4096 (its defaults)": mujoco_drawer(4, 4096),
        "mujoco.Renderer, 4 samples, shadows 2048": mujoco_drawer(4, 2048),
        "pybullet TinyRenderer": tiny_drawer(),
    }
    of_ours = {
        "ours, 4 samples, shadows 2048 (its defaults)": (4, 2048),
        "ours, 4 samples, shadows 4096": (4, 4096),
        "ours, 1 sample, shadows 1024": (0, 1024),
    }
    results: dict[str, list[tuple[float, float]]] = {}
    for _ in range(flags.rounds):
        for name, (samples, shadow_px) in of_ours.items():
            figures = ours(flags.binary, samples, shadow_px, flags.seconds)
            results.setdefault(name, []).append(figures)
        for name, draw in in_python.items():
            results.setdefault(name, []).append(measure(draw, flags.seconds))
    for name, rounds in results.items():
        fps, cpu_ms = (statistics.median(column) for column in zip(*rounds))
        print(f"{name:58} {fps:6.1f} pictures/s {cpu_ms:7.1f} ms CPU")
    return 0


if __name__ == "__main__":
    sys.exit(main())
