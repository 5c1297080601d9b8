"""Makes the golden files of the Drake tasks by running Drake itself.

    pip install drake==1.51.1
    python make_golden.py            # all files, about five minutes
    python make_golden.py push       # one of them

Writes cart_pole.txt, finger.txt, flight.txt, push.txt and random.txt beside this script. Each
begins with comments that say what its lines mean. Units are SI, if not said otherwise. A given
version of Drake gives the same files again; other versions may differ in the last digits, and
after contacts in more.

The plants are those of Drake Gym's cart-pole and box flip-up, built here from their numbers. The
loop below counts physics steps itself and computes the finger's controller, so that a control step
has exactly as many physics steps as it should.
"""

import math
import pathlib
import sys

import numpy as np
from pydrake.common.value import Value
from pydrake.geometry import Box, Sphere
from pydrake.math import RigidTransform, RotationMatrix
from pydrake.multibody.math import SpatialForce
from pydrake.multibody.plant import (
    AddMultibodyPlant,
    CoulombFriction,
    ExternallyAppliedSpatialForce,
    MultibodyPlantConfig,
)
from pydrake.multibody.tree import (
    FixedOffsetFrame,
    PlanarJoint,
    PrismaticJoint,
    RevoluteJoint,
    SpatialInertia,
    UnitInertia,
)
from pydrake.systems.framework import DiagramBuilder

GRAVITY = 9.81


def numbers(values):
    return " ".join(f"{value:.9g}" for value in values)


def rounded(values, digits=4):
    """Inputs with few digits, so that the file holds exactly what was used."""
    return np.round(np.asarray(values, float), digits)


def exact(force):
    """A multiple of 1/64: the task's actions are float32, which holds it exactly."""
    return np.round(force * 64) / 64


class Simulation:
    """A discrete plant that is stepped one physics step at a time."""

    def __init__(self, time_step_s):
        self.builder = DiagramBuilder()
        # Without sampled ports the plant's update is its only event.
        config = MultibodyPlantConfig(time_step=time_step_s, use_sampled_output_ports=False)
        self.plant, _ = AddMultibodyPlant(config, self.builder)

    def finalize(self):
        self.plant.Finalize()
        self.diagram = self.builder.Build()
        self.root = self.diagram.CreateDefaultContext()
        self.context = self.plant.GetMyMutableContextFromRoot(self.root)
        port = self.plant.get_actuation_input_port()
        self.actuation = port.FixValue(self.context, [0.0] * port.size())

    def actuate(self, force):
        self.actuation.GetMutableData().get_mutable_value().SetFromVector(force)

    def state(self):
        return self.context.get_discrete_state_vector().value()

    def step(self):
        self.root.SetDiscreteState(self.diagram.EvalUniquePeriodicDiscreteUpdate(self.root))


class CartPole(Simulation):
    """State: x, theta, x_dot, theta_dot."""

    LENGTH = 0.5

    def __init__(self):
        super().__init__(time_step_s=0.01)
        cart = self.plant.AddRigidBody("cart", self.point_mass(1.0, 0.0))
        self.pole = self.plant.AddRigidBody("pole", self.point_mass(0.1, self.LENGTH))
        slider = self.plant.AddJoint(
            PrismaticJoint("slider", self.plant.world_frame(), cart.body_frame(), [1, 0, 0])
        )
        self.plant.AddJoint(
            RevoluteJoint("pin", cart.body_frame(), self.pole.body_frame(), [0, -1, 0])
        )
        self.plant.AddJointActuator("slider", slider)
        self.finalize()
        self.push_port = self.plant.get_applied_spatial_force_input_port()

    def reset(self, state, mass):
        self.plant.SetPositionsAndVelocities(self.context, state)
        inertia = self.point_mass(mass, self.LENGTH)
        self.pole.SetSpatialInertiaInBodyFrame(self.context, inertia)

    @staticmethod
    def point_mass(mass, height):
        return SpatialInertia(mass, [0, 0, height], UnitInertia(height**2, height**2, 0))

    def control_step(self, force, push):
        """Returns the number of physics steps, fewer than 5 if the episode has ended."""
        self.actuate([force])
        applied = ExternallyAppliedSpatialForce()
        applied.body_index = self.pole.index()
        applied.p_BoBq_B = [0, 0, self.LENGTH]
        applied.F_Bq_W = SpatialForce([0, 0, 0], [push, 0, 0])
        self.push_port.FixValue(self.context, Value([applied]))
        for i in range(5):
            self.step()
            if self.fallen():
                return i + 1
        return 5

    def fallen(self):
        return abs(self.state()[1]) > 0.2 or abs(self.state()[0]) > 2.4


class BoxFlipUp(Simulation):
    """State: box x, z, theta, finger x, z, then their velocities.

    As in the original, the box touches other bodies with its eight corners, tiny spheres, and with
    a box that is 1 mm smaller: Drake's contact model has one point per pair of shapes, so a face
    needs corners to rest on.
    """

    SIZE = np.array([0.2, 0.05, 0.3])  # x, z, depth, at theta = 0.
    RADIUS = 0.01
    LIMITS = {"seed": ((-0.5, 0.5), (-0.1, 0.3)), "current": ((-0.3, 0.3), (0.0, 0.5))}
    START_Z = {"seed": 0.025, "current": 0.15}

    def __init__(self, variant):
        super().__init__(time_step_s=0.001)
        self.limits = self.LIMITS[variant]
        self.start_z = self.START_Z[variant]
        self.add_bin()
        self.add_box()
        self.add_finger()
        self.finalize()
        port = self.plant.get_applied_generalized_force_input_port()
        self.held = port.FixValue(self.context, [0.0] * 5)

    def add_collision(self, body, shape, position, name):
        self.plant.RegisterCollisionGeometry(
            body, RigidTransform(position), shape, name, CoulombFriction(1, 1)
        )

    def add_bin(self):
        world = self.plant.world_body()
        self.add_collision(world, Box(0.63, 0.49, 0.015), [0, 0, -0.0075], "floor")
        for side in (-1, 1):
            self.add_collision(world, Box(0.05, 0.49, 0.21), [side * 0.29, 0, 0.09], f"wall{side}")

    def add_box(self):
        self.box = self.plant.AddModelInstance("box")
        inertia = SpatialInertia(1.0, [0, 0, 0], UnitInertia.SolidBox(*self.SIZE))
        body = self.plant.AddRigidBody("box", self.box, inertia)
        self.add_collision(body, Box(*(self.SIZE - 0.001)), [0, 0, 0], "box")
        for i in range(8):
            corner = self.SIZE * [(i & 1) - 0.5, (i >> 1 & 1) - 0.5, (i >> 2 & 1) - 0.5]
            self.add_collision(body, Sphere(1e-7), corner, f"corner{i}")
        # Its x and y are the world's x and z, so theta turns about the world's -y.
        turned = RigidTransform(RotationMatrix.MakeXRotation(np.pi / 2))
        plane = self.plant.AddFrame(FixedOffsetFrame("plane", self.plant.world_frame(), turned))
        self.plant.AddJoint(PlanarJoint("box", plane, body.body_frame(), [0, 0, 0]))

    def add_finger(self):
        self.finger = self.plant.AddModelInstance("finger")
        massless = SpatialInertia(0, [0, 0, 0], UnitInertia(0, 0, 0))
        carrier = self.plant.AddRigidBody("carrier", self.finger, massless)
        inertia = SpatialInertia(1.0, [0, 0, 0], UnitInertia.SolidSphere(self.RADIUS))
        finger = self.plant.AddRigidBody("finger", self.finger, inertia)
        self.add_collision(finger, Sphere(self.RADIUS), [0, 0, 0], "finger")
        parents = (self.plant.world_body(), carrier)
        axes = ([1, 0, 0], [0, 0, 1])
        for name, parent, child, axis, limits in zip(
            "xz", parents, (carrier, finger), axes, self.limits
        ):
            joint = self.plant.AddJoint(
                PrismaticJoint(name, parent.body_frame(), child.body_frame(), axis, *limits)
            )
            self.plant.AddJointActuator(name, joint)

    def reset(self, box=None, finger=(0, 0.25), velocity=(0, 0, 0, 0, 0), held=(0, 0, 0)):
        """`held` is a force on the box in x and z, and a torque on theta, in every step."""
        box = (0, self.start_z, 0) if box is None else box
        self.plant.SetPositions(self.context, np.concatenate([box, finger]))
        self.plant.SetVelocities(self.context, velocity)
        self.held.GetMutableData().get_mutable_value().SetFromVector([*held, 0, 0])
        self.integral = np.zeros(2)

    def control_step(self, target, watch=None):
        """Returns the reward; None if `watch` is false after some physics step."""
        target = np.asarray(target, float)
        for _ in range(100):
            state = self.state()
            error = target - state[3:5]
            force = 100 * error - 20 * state[8:10] + self.integral
            self.integral = self.integral + 0.001 * error
            self.actuate(force + [0, GRAVITY])
            self.step()
            if watch is not None and not watch(self.state()):
                return None
        return self.reward(target)

    def reward(self, target):
        state = self.state()
        phi = state[2] % math.pi - math.pi / 2
        error = target - state[3:5]
        speed = state[8:10]
        return 10 - 2 * phi**2 - 0.1 * (state[7] ** 2 + error @ error + speed @ speed)

    def corners(self, state):
        """[4, 2]: the box's corners in x and z."""
        c, s = math.cos(state[2]), math.sin(state[2])
        half = self.SIZE[:2] / 2
        signs = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
        return state[:2] + signs * half @ np.array([[c, s], [-s, c]])


def cart_pole(rng):
    yield "Cart-pole episodes. A line that begins with 'episode': the pole's mass, and the"
    yield "start's x, theta, x_dot, theta_dot. Then a line per control step: force on the cart,"
    yield "force along x at the pole's mass, number of physics steps (fewer than 5 in the step"
    yield "that ends the episode), x, theta, x_dot, theta_dot after it. The last 20 episodes are"
    yield "balanced for up to 40 steps."
    yield None
    simulation = CartPole()
    for episode in range(320):
        balanced = episode >= 300
        mass = rounded(0.1 + rng.uniform(-0.05, 0.05))
        start = rounded(rng.uniform([-0.1, -0.15, -0.5, -0.1], [0.1, 0.15, 0.5, 0.1]))
        simulation.reset(start, mass)
        yield f"episode {numbers([mass, *start])}"
        for _ in range(40 if balanced else 100):
            force = exact(rng.uniform(-10, 10))
            if balanced:
                gains = np.array([2, -60, 4, -12])
                force = exact(np.clip(gains @ simulation.state() + 0.1 * force, -10, 10))
            push = rounded(rng.uniform(-1, 1))
            steps = simulation.control_step(force, push)
            yield f"{numbers([force, push])} {steps} {numbers(simulation.state())}"
            if simulation.fallen():
                break


def finger(rng):
    yield "The finger moves without touching box, bin or joint limits. A line that begins with"
    yield "'episode': the variant, and the start's x, z, x_dot, z_dot. Then a line per control"
    yield "step: target x, z, and x, z, x_dot, z_dot after it. The box lies at x = 0."
    yield None
    for variant in ("seed", "current"):
        simulation = BoxFlipUp(variant)
        low, high = np.transpose(simulation.limits)

        def clear(state):
            x, z = state[3:5]
            inside = abs(x) < 0.24 and z > 0.015
            above_box = abs(x) > 0.12 or z > 0.07
            return (
                all(low + 0.002 < state[3:5])
                and all(state[3:5] < high - 0.002)
                and (inside and above_box or z > 0.21)
            )

        made = 0
        while made < 100:
            start = rounded(rng.uniform(low, high), 3)
            speed = rounded(rng.uniform(-1, 1, 2), 3)
            simulation.reset((0, 0.025, 0), start, (0, 0, 0, *speed))
            lines = [f"episode {variant} {numbers([*start, *speed])}"]
            while len(lines) < 9:
                target = rounded(rng.uniform(low, high), 3)
                if simulation.control_step(target, clear) is None:
                    break
                state = simulation.state()
                lines.append(f"{numbers(target)} {numbers([*state[3:5], *state[8:10]])}")
            if len(lines) > 2:
                made += 1
                yield from lines


def flight(rng):
    yield "The box flies before it touches anything. A line that begins with 'episode': the"
    yield "start's x, z, theta, x_dot, z_dot, theta_dot, a force on the box along x and z, and a"
    yield "torque about theta's axis, which act all the time. Then a line per control step: x, z,"
    yield "theta, x_dot, z_dot, theta_dot. The finger waits at (0.45, 0.25), outside the bin."
    yield None
    simulation = BoxFlipUp("seed")

    def clear(state):
        corners = simulation.corners(state)
        return np.abs(corners[:, 0]).max() < 0.25 and corners[:, 1].min() > 0.02

    made = 0
    while made < 100:
        start = rounded(rng.uniform([-0.1, 0.2, -3], [0.1, 0.6, 3]))
        speed = rounded(rng.uniform([-0.4, -1, -6], [0.4, 4, 6]))
        held = rounded(rng.uniform([-1, -5, -0.02], [1, 5, 0.02]))
        simulation.reset(start, (0.45, 0.25), (*speed, 0, 0), held)
        lines = [f"episode {numbers([*start, *speed, *held])}"]
        while len(lines) < 9 and simulation.control_step((0.45, 0.25), clear) is not None:
            lines.append(numbers([*simulation.state()[:3], *simulation.state()[5:8]]))
        if len(lines) > 2:
            made += 1
            yield from lines


def push(rng):
    yield "The finger slides the box and leaves it. A line each, 'episode' and: the side it"
    yield "pushes from (-1: from the left), the box's first x, the finger's first x (z is 0.025),"
    yield "number of control steps in which the target moves on by the next number, each; 10"
    yield "steps of rest; the target goes back by 0.1 in one step; 10 steps of rest. Then the"
    yield "box's x, z and theta, and its x before the finger leaves."
    yield None
    simulation = BoxFlipUp("seed")
    made = 0
    while made < 60:
        side = rng.choice([-1, 1])
        box_x = rounded(-rng.uniform(-0.1, 0.1), 3)
        finger_x = rounded(box_x + side * rng.uniform(0.12, 0.15), 3)
        steps = rng.integers(4, 12)
        pace = rounded(-side * rng.uniform(0.01, 0.04), 3)
        if abs(finger_x + steps * pace - side * 0.1) > 0.15:
            continue  # Near a wall, or beyond it.
        simulation.reset((box_x, 0.025, 0), (finger_x, 0.025))
        target = finger_x
        for i in range(steps + 10):
            target += pace if i < steps else 0
            simulation.control_step((target, 0.025))
        pushed_x = simulation.state()[0]
        for _ in range(11):
            simulation.control_step((target + side * 0.1, 0.025))
        state = simulation.state()
        if abs(state[0] - box_x) < 0.01:
            continue
        made += 1
        inputs = f"{side} {box_x:g} {finger_x:g} {steps} {pace:g}"
        yield f"episode {inputs} {numbers([*state[:3], pushed_x])}"


def random(rng):
    yield "Episodes of 100 control steps with uniformly random targets. Kinds: the variants"
    yield "'seed' and 'current', and 'upright', a 'seed' whose box starts upright (z 0.1, theta"
    yield "pi/2). A line that begins with 'episode': the kind, the box's first x, the return, the"
    yield "box's last x, z and theta, the largest abs(theta - first theta) after a control step,"
    yield "and the largest abs(x - first x). Then ten lines of ten targets x, z, in mm."
    yield None
    for kind in ("seed", "current", "upright"):
        simulation = BoxFlipUp("seed" if kind == "upright" else kind)
        for _ in range(40):
            box_x = rounded(rng.uniform(-0.1, 0.1))
            first = (box_x, simulation.start_z, 0.0)
            if kind == "upright":
                first = (box_x, 0.1, math.pi / 2)
            simulation.reset(first)
            targets_mm = np.round(rng.uniform([-500, -100], [500, 600], (100, 2))).astype(int)
            episode_return, turned, moved = 0.0, 0.0, 0.0
            for target_mm in targets_mm:
                episode_return += simulation.control_step(target_mm / 1000)
                turned = max(turned, abs(simulation.state()[2] - first[2]))
                moved = max(moved, abs(simulation.state()[0] - first[0]))
            last = simulation.state()[:3]
            yield f"episode {kind} {box_x:g} {numbers([episode_return, *last, turned, moved])}"
            for row in targets_mm.reshape(10, 20):
                yield " ".join(map(str, row))


def write(make, seed):
    lines = make(np.random.default_rng(seed))
    path = pathlib.Path(__file__).parent / f"{make.__name__}.txt"
    with path.open("w", encoding="ascii") as file:
        file.write("# Made by make_golden.py with Drake 1.51.1.\n")
        for comment in iter(lambda: next(lines), None):
            file.write(f"# {comment}\n")
        for line in lines:
            file.write(line + "\n")
    print(path)


def main():
    makers = [cart_pole, finger, flight, push, random]
    for seed, make in enumerate(makers, start=1):
        if len(sys.argv) < 2 or make.__name__ in sys.argv[1:]:
            write(make, seed)


if __name__ == "__main__":
    main()
