"""Drake's cart-pole, simulated by Drake itself, in the cluster.

    pip install drake                           # beside this package
    cd envserver/python/examples                # armature-serve finds modules where it starts
    bazel run //deploy:cluster -- cartpole_ppo environment.id=drake \\
        "cluster.env_server_command=armature-serve --env drake_cartpole:make --env_id drake"

trains on it. To step it from Python:

    armature-serve --env drake_cartpole:make --env_id drake --listen 127.0.0.1:5557
    armature.make_vec("127.0.0.1:5557", num_envs=8)

It is the task of `cartpole`, which Armature simulates on Bullet, in the same state and units:
a policy of the one plays the other (`play.py RUN_DIR --server 127.0.0.1:5557 --env_id ...`).
"""

from __future__ import annotations

import math
from typing import Any

import gymnasium as gym
import numpy as np
from pydrake.gym import DrakeGymEnv
from pydrake.multibody.plant import MultibodyPlant
from pydrake.multibody.tree import PrismaticJoint, RevoluteJoint, SpatialInertia, UnitInertia
from pydrake.systems.analysis import Simulator
from pydrake.systems.framework import Context, DiagramBuilder, EventStatus

PHYSICS_PERIOD_S = 0.01
CONTROL_PERIOD_S = 0.05
FORCE_MAX_N = 10.0
CART_MASS_KG, CART_EDGE_M = 1.0, 0.2
POLE_MASS_KG, POLE_LENGTH_M = 0.1, 0.5
# Beyond either, the episode is terminated.
POSITION_MAX_M, ANGLE_MAX_RAD = 2.4, 0.2
# An episode begins within +-: position, angle, and their velocities.
START = (0.1, 0.15, 0.0, 0.1)


def make(time_limit_s: float = 5.0) -> gym.Env[Any, Any]:
    """Observation: [position m, angle rad (0: upright), m/s, rad/s]. Action: [force N].

    Reward 1 a step.
    """
    bound = np.array([2 * POSITION_MAX_M, math.pi, np.inf, np.inf])
    env = DrakeGymEnv(
        _simulator(),
        CONTROL_PERIOD_S,
        action_space=gym.spaces.Box(-FORCE_MAX_N, FORCE_MAX_N, (1,), np.float64),
        observation_space=gym.spaces.Box(-bound, bound, dtype=np.float64),
        reward=lambda system, context: 1.0,
        action_port_id="force",
        observation_port_id="state",
        reset_handler=_set_start,
    )
    env.dt = CONTROL_PERIOD_S  # As armature-serve asks for the control period.
    return gym.wrappers.TimeLimit(env, round(time_limit_s / CONTROL_PERIOD_S))


def _simulator() -> Simulator:
    builder = DiagramBuilder()
    plant = builder.AddNamedSystem("plant", MultibodyPlant(PHYSICS_PERIOD_S))
    cart_inertia = SpatialInertia(CART_MASS_KG, np.zeros(3), UnitInertia.SolidCube(CART_EDGE_M))
    cart = plant.AddRigidBody("cart", cart_inertia)
    # A point at the end of a rod without mass.
    pole_inertia = UnitInertia(POLE_LENGTH_M**2, POLE_LENGTH_M**2, 0)
    tip = np.array([0, 0, POLE_LENGTH_M])
    pole = plant.AddRigidBody("pole", SpatialInertia(POLE_MASS_KG, tip, pole_inertia))
    rail = PrismaticJoint("rail", plant.world_frame(), cart.body_frame(), [1, 0, 0])
    plant.AddJointActuator("force", plant.AddJoint(rail), FORCE_MAX_N)
    # A push in +x tips the pole to a positive angle.
    plant.AddJoint(RevoluteJoint("pin", cart.body_frame(), pole.body_frame(), [0, -1, 0]))
    plant.Finalize()
    builder.ExportInput(plant.get_actuation_input_port(), "force")
    builder.ExportOutput(plant.get_state_output_port(), "state")
    diagram = builder.Build()
    simulator = Simulator(diagram)

    def terminate(context: Context) -> EventStatus:
        position, angle, *_ = diagram.GetOutputPort("state").Eval(context)
        if abs(position) > POSITION_MAX_M or abs(angle) > ANGLE_MAX_RAD:
            return EventStatus.ReachedTermination(diagram, "off the rail or tipped over")
        return EventStatus.DidNothing()

    simulator.set_monitor(terminate)  # Asked after every physics step.
    return simulator


def _set_start(simulator: Simulator, context: Context, seed: int | None) -> None:
    """Without a seed, which armature-serve always gives, the start is another each time."""
    state = np.random.default_rng(seed).uniform(-1, 1, 4) * START
    context.SetDiscreteState(state)
