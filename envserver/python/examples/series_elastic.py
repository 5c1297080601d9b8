"""A series-elastic joint, simulated: what a network that stands for it learns from.

A motor turns the joint through a gear and a spring. The drive gets a position target over a bus,
wants the torque of a PD controller, and reaches it as well as its motor, friction and spring let
it. All quantities are those of the joint's side of the gear, in SI units. Parameters are of the
order of ANYmal's drives (Hutter et al. 2016), not measured on one.

Thread safety: none needed; every array is the caller's. Random numbers come from one generator.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

RECORD_S = 0.0025  # Between samples: the physics step of the ANYmal task.


@dataclasses.dataclass(frozen=True)
class Drive:
    """What is the same in every joint of the robot."""

    proportional_gain: float = 50.0  # N.m/rad
    derivative_gain: float = 0.2  # N.m.s/rad
    torque_max: float = 40.0  # N.m, of motor and of wanted torque
    speed_max: float = 12.0  # rad/s, at which the motor has no torque left
    speed_full: float = 9.0  # rad/s, up to which it has all of it
    delay_s: float = 0.004  # From a target to the drive that knows it
    position_period_s: float = 0.0025  # Of the PD controller
    torque_period_s: float = 0.0004  # Of the loop from spring torque to motor
    torque_gain: float = 4.0  # Of that loop, N.m/N.m
    torque_damping: float = 10.0  # Of that loop, N.m.s/rad of spring speed
    motor_inertia: float = 0.04  # kg.m^2
    spring: float = 350.0  # N.m/rad
    spring_damping: float = 0.4  # N.m.s/rad
    coulomb: float = 2.0  # N.m, gear
    viscous: float = 0.3  # N.m.s/rad, gear
    stick_speed: float = 0.03  # rad/s, below which Coulomb friction fades


@dataclasses.dataclass(frozen=True)
class Loads:
    """What the joints move, n of them; each takes turns between two inertias."""

    inertia: Array  # [2, n], kg.m^2
    damping: Array  # [n], N.m.s/rad
    gravity: Array  # [n], N.m at a right angle
    hanging: Array  # [n], rad, where gravity does nothing
    push: Array  # [n], N.m, size of the slow random torque
    stance_s: Array  # [n], s, mean time with one inertia


@dataclasses.dataclass(frozen=True)
class Recording:
    """n joints, sampled every RECORD_S: each [steps, n]."""

    target: Array  # rad
    position: Array  # rad
    velocity: Array  # rad/s
    torque: Array  # N.m, of the spring: what the joint gets


def draw_loads(n: int, generator: np.random.Generator) -> Loads:
    """Legs in the air and legs under the robot."""
    swing = np.exp(generator.uniform(np.log(0.06), np.log(0.5), n))
    stance = swing * np.exp(generator.uniform(0, np.log(12), n))
    return Loads(
        inertia=np.stack([swing, stance]),
        damping=generator.uniform(0.2, 2, n),
        gravity=generator.uniform(0, 15, n),
        hanging=generator.uniform(-np.pi, np.pi, n),
        push=generator.uniform(0, 12, n),
        stance_s=generator.uniform(0.1, 0.6, n),
    )


def draw_targets(n: int, steps: int, generator: np.random.Generator) -> Array:
    """Position targets, [steps, n]: smooth, stepped, or as jittery as an untrained policy's.

    A target holds for one, two or four samples, as policies of 400, 200 and 100 Hz have it.
    """
    time = np.arange(steps) * RECORD_S
    smooth = np.zeros((steps, n))
    for frequency_max in (0.5, 1.5, 4.0):
        frequency = generator.uniform(0.1, frequency_max, n)
        size = generator.uniform(0, 0.4 / frequency_max, n)
        phase = generator.uniform(0, 2 * np.pi, n)
        smooth += size * np.sin(2 * np.pi * frequency * time[:, None] + phase)

    # A step at each sample with the joint's own probability; the first sample is one as well.
    is_step = generator.random((steps, n)) < RECORD_S / generator.uniform(0.05, 0.8, n)
    is_step[0] = True
    sizes = generator.normal(0, 1, (steps, n)) * generator.uniform(0.02, 0.3, n)
    last = np.maximum.accumulate(np.where(is_step, np.arange(steps)[:, None], 0), axis=0)
    stepped = np.take_along_axis(sizes, last, axis=0)

    jitter = np.exp(generator.uniform(np.log(0.003), np.log(0.2), n))
    jittery = generator.normal(0, 1, (steps, n)) * jitter

    kind = generator.integers(0, 4, n)  # 0 smooth, 1 stepped, 2 smooth and jittery, 3 all
    targets = np.where(kind != 1, smooth, 0.0)
    targets += np.where(kind % 2 == 1, stepped, 0.0)
    targets += np.where(kind >= 2, jittery, 0.0)
    hold = generator.choice([1, 2, 4], n)
    held = np.arange(steps)[:, None] // hold * hold
    return np.take_along_axis(targets, held, axis=0)


def draw_inertias(loads: Loads, steps: int, generator: np.random.Generator) -> Array:
    """[steps, n]: which of its two inertias a joint moves, at each sample."""
    n = loads.damping.size
    changes = generator.random((steps, n)) < RECORD_S / loads.stance_s
    which = (np.cumsum(changes, axis=0) + generator.integers(0, 2, n)) % 2
    return np.where(which == 0, loads.inertia[0], loads.inertia[1])


def draw_pushes(loads: Loads, steps: int, generator: np.random.Generator) -> Array:
    """[steps, n]: random torques on the loads, which change within about 0.1 s."""
    keep = np.exp(-RECORD_S / 0.1)
    pushes = np.zeros((steps, loads.push.size))
    noise = generator.normal(0, np.sqrt(1 - keep**2), pushes.shape) * loads.push
    for step in range(1, steps):
        pushes[step] = keep * pushes[step - 1] + noise[step]
    return pushes


def ideal_torque(
    drive: Drive, target: npt.ArrayLike, position: npt.ArrayLike, velocity: npt.ArrayLike
) -> Array:
    """What the same joint gets if its drive is perfect: PD control without delay or friction."""
    error = np.asarray(target) - np.asarray(position)
    wanted = drive.proportional_gain * error - drive.derivative_gain * np.asarray(velocity)
    return np.clip(wanted, -drive.torque_max, drive.torque_max)


def available_torque(drive: Drive, torque: Array, speed: Array) -> Array:
    """`torque` as far as a motor that turns at `speed` has it: less the faster it turns already."""
    fading = (drive.speed_max - np.sign(torque) * speed) / (drive.speed_max - drive.speed_full)
    limit = drive.torque_max * np.clip(fading, 0, 1)
    return np.clip(torque, -limit, limit)


def simulate(
    drive: Drive, loads: Loads, targets: Array, generator: np.random.Generator
) -> Recording:
    """Runs all joints side by side, from rest at their first targets; `targets` is [steps, n]."""
    step_s = 0.0002
    steps, n = targets.shape
    inertias = draw_inertias(loads, steps, generator)
    pushes = draw_pushes(loads, steps, generator)
    delay = round(drive.delay_s / step_s)
    per_record = round(RECORD_S / step_s)
    position_period = round(drive.position_period_s / step_s)
    torque_period = round(drive.torque_period_s / step_s)

    position, velocity = targets[0].copy(), np.zeros(n)
    motor_position, motor_velocity = position.copy(), np.zeros(n)
    wanted, motor = np.zeros(n), np.zeros(n)
    record = Recording(*(np.zeros((steps, n)) for _ in range(4)))
    for step in range(steps * per_record):
        sample, within = divmod(step, per_record)
        stretch = motor_position - position
        spring = drive.spring * stretch + drive.spring_damping * (motor_velocity - velocity)
        if within == 0:
            record.target[sample], record.torque[sample] = targets[sample], spring
            record.position[sample], record.velocity[sample] = position, velocity
        if step % position_period == 0:
            known = targets[max(step - delay, 0) // per_record]
            wanted = ideal_torque(drive, known, position, velocity)
        if step % torque_period == 0:
            asked = wanted + drive.torque_gain * (wanted - spring)
            asked -= drive.torque_damping * (motor_velocity - velocity)
            motor = available_torque(drive, asked, motor_velocity)
        friction = drive.coulomb * np.tanh(motor_velocity / drive.stick_speed)
        friction += drive.viscous * motor_velocity
        motor_velocity = motor_velocity + step_s * (motor - friction - spring) / drive.motor_inertia
        motor_position = motor_position + step_s * motor_velocity
        load = spring - loads.damping * velocity + pushes[sample]
        load -= loads.gravity * np.sin(position - loads.hanging)
        velocity = velocity + step_s * load / inertias[sample]
        position = position + step_s * velocity
    return record
