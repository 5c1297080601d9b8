"""Writes mujoco_quadruped.h: how MuJoCo moves TestQuadruped(only_feet) of robots.cc.

usage: mujoco_quadruped.py    # pip: mujoco; run after a change of the robot

`flight`: 0.2 s from a stirred state, without contacts. `drop`: 1 s from 5 cm above the ground, joints
held by PD torques. Steps of 0.1 ms, semi-implicit Euler as in our world, so that the rest is the
models' difference: none in flight, and on the ground the contacts', which give way in MuJoCo.
"""

import pathlib
import re

import mujoco
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
STEP_S = 1e-4
STANCE = [0, 0.8, -1.6]
STIFFNESS, DAMPING = 200, 4  # N.m/rad, N.m.s/rad
FLOATING = """<link name="world"/><joint name="root" type="floating"><parent link="world"/>
<child link="trunk"/></joint><mujoco><compiler fusestatic="true" discardvisual="true"/></mujoco>"""


def urdf():
    source = (HERE / "robots.cc").read_text()
    trunk, leg = (re.search(rf'{name}\[\] = R"\((.*?)\)";', source, re.DOTALL).group(1)
                  for name in ("kTrunk", "kLeg"))
    text = f'<robot name="quadruped">{FLOATING}{trunk}'
    for name in ("FL", "FR", "RL", "RR"):
        x, y = "" if name[0] == "F" else "-", "" if name[1] == "L" else "-"
        part = leg.replace("X-", "-" if x == "" else "").replace("Y-", "-" if y == "" else "")
        text += part.replace("LEG", name).replace("X", x).replace("Y", y)
    return re.sub("SHAPE.*?END", "", text, flags=re.DOTALL) + "</robot>"


def make_model():
    spec = mujoco.MjSpec.from_string(urdf())
    spec.option.timestep = STEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_EULER
    plane = spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 1])
    for geom in spec.geoms:
        geom.friction[0] = 1
        geom.solref[:] = [0.002, 1]  # Stiff.
    plane.friction[0] = 1
    return spec.compile()


def row(data):
    rotation = np.zeros(9)
    mujoco.mju_quat2Mat(rotation, data.qpos[3:7])
    return [*data.qpos[:3], *rotation[6:], *data.qpos[7:]]  # Position, the world's up, joints.


def flight(model):
    data = mujoco.MjData(model)
    data.qpos[:7] = [0, 0, 1, 1, 0, 0, 0]
    data.qpos[7:] = STANCE * 4
    data.qvel[:6] = [0.3, -0.2, 0.1, 1, -0.5, 0.7]  # Linear, angular (equal to the world's here).
    data.qvel[6:] = [0.5, -1, 1.5, -0.5, 1, 1, 1, 0.5, -0.5, -1, -0.5, 1]
    for _ in range(2000):
        mujoco.mj_step(model, data)
    return row(data)


def drop(model):
    data = mujoco.MjData(model)
    data.qpos[:7] = [0, 0, 0.366, 1, 0, 0, 0]
    data.qpos[7:] = STANCE * 4
    for _ in range(10000):
        data.qfrc_applied[6:] = (STIFFNESS * (np.array(STANCE * 4) - data.qpos[7:]) -
                                 DAMPING * data.qvel[6:])
        mujoco.mj_step(model, data)
    return row(data)


def main():
    model = make_model()
    lines = ["// Made by mujoco_quadruped.py, with MuJoCo " + mujoco.__version__ + ".",
             "// Base position (3), the world's up in the base's frame (3), joints (12).",
             "#ifndef ARMATURE_ENVSERVER_BULLET_TESTING_MUJOCO_QUADRUPED_H_",
             "#define ARMATURE_ENVSERVER_BULLET_TESTING_MUJOCO_QUADRUPED_H_", "",
             "namespace armature {", ""]
    for name, values in (("kMujocoFlight", flight(model)), ("kMujocoDrop", drop(model))):
        lines.append(f"constexpr double {name}[18] = {{")
        lines += ["    " + ", ".join(f"{value:.9g}" for value in values[i:i + 6]) + ","
                  for i in range(0, 18, 6)]
        lines += ["};", ""]
    lines += ["}  // namespace armature", "",
              "#endif  // ARMATURE_ENVSERVER_BULLET_TESTING_MUJOCO_QUADRUPED_H_", ""]
    (HERE / "mujoco_quadruped.h").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
