"""Writes trajectories of panda-gym's tasks with objects, for panda_objects_test to compare ours with.

usage: pip install pybullet==3.2.7 panda-gym==3.0.7 && python3 golden_objects.py testdata

It also prints how random actions score, for the test's table.

A file is float32, little-endian. First five numbers: episodes E, steps T, and the sizes of an
action a, of an observation o and of a goal g. Then, for each episode: the objects' places [3 each]
and the goal [g]; then for each step the action [a], the observation after it [o], the achieved goal
[g] and the dense reward [1].
"""

from __future__ import annotations

import pathlib
import sys

import gymnasium
import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "python" / "examples"))
import panda_gym_flip  # noqa: F401 - registers panda-gym's environments
import panda_policies

EPISODES = 16
STEPS = 50
# Task, panda-gym's name, its objects, and the scripted policy that half of the episodes follow.
TASKS = [
    ("push", "PandaPush-v3", ["object"], panda_policies.push),
    ("slide", "PandaSlide-v3", ["object"], panda_policies.push),
    ("pick_and_place", "PandaPickAndPlace-v3", ["object"], panda_policies.pick_and_place),
    ("stack", "PandaStack-v3", ["object1", "object2"], panda_policies.stack),
    ("flip", "PandaFlip-v3", ["object"], None),
]

UPRIGHT = np.array([0.0, 0.0, 0.0, 1.0])
ON_TABLE = {"slide": 0.015}  # Height of the centre; else 0.02.


def random_actions(rng: np.random.Generator, size: int) -> np.ndarray:
    """Held for a few steps, and downwards more often, so that they meet things."""
    actions = np.repeat(rng.uniform(-1, 1, (STEPS // 5 + 1, size)), 5, axis=0)[:STEPS]
    actions[:, 2] -= 0.3
    return np.clip(actions, -1, 1).astype(np.float32)


def start(env, task: str, objects: list[str], rng: np.random.Generator) -> np.ndarray:
    """Puts the objects where ours begin: on the table, apart."""
    height = ON_TABLE.get(task, 0.02)
    while True:
        places = np.column_stack(
            [rng.uniform(-0.15, 0.15, (len(objects), 2)), np.full(len(objects), height)]
        )
        if len(objects) < 2 or np.linalg.norm(places[0] - places[1]) >= 0.1:
            break
    for name, place in zip(objects, places, strict=True):
        env.sim.set_base_pose(name, place, UPRIGHT)
    return places


def closer(observation: dict[str, np.ndarray], random: np.ndarray) -> np.ndarray:
    """A random action that tends to the object and closes around it."""
    state = observation["observation"]
    action = random.copy()
    action[:3] = 0.4 * action[:3] + np.clip((state[7:10] - state[:3]) / 0.05, -0.6, 0.6)
    action[3] -= 0.3
    return np.clip(action, -1, 1)


def record(task: str, name: str, objects: list[str], policy) -> np.ndarray:
    env = gymnasium.make(name, reward_type="dense").unwrapped
    rng = np.random.default_rng(7)
    numbers: list[np.ndarray] = []
    for episode in range(EPISODES):
        observation, _ = env.reset(seed=episode)
        places = start(env, task, objects, rng)
        observation = env._get_obs()
        goal = observation["desired_goal"]
        size = env.action_space.shape[0]
        if not numbers:
            shape = (EPISODES, STEPS, size, len(observation["observation"]), len(goal))
            numbers.append(np.array(shape))
        numbers += [places.ravel(), goal]
        actions = random_actions(rng, size)
        for step in range(STEPS):
            action = actions[step]
            if episode % 2 == 1:
                action = policy(observation) if policy else closer(observation, action)
            action = action.astype(np.float32)
            observation, reward, _, _, _ = env.step(action)
            numbers += [
                action,
                observation["observation"],
                observation["achieved_goal"],
                np.array([reward]),
            ]
    env.close()
    return np.concatenate(numbers).astype("<f4")


def score(
    task: str, name: str, objects: list[str], dropped: bool = False, episodes: int = 300
) -> str:
    """dropped: the objects begin where upstream puts them, as with start=dropped."""
    env = gymnasium.make(name, reward_type="dense").unwrapped
    horizon = 100 if task == "stack" else 50
    rng = np.random.default_rng(3)
    returns = np.zeros(episodes)
    reached = 0
    for episode in range(episodes):
        env.reset(seed=episode)
        if not dropped:
            start(env, task, objects, rng)
        if task == "slide" and not dropped:
            env.task.goal[2] = ON_TABLE[task]
        for _ in range(horizon):
            action = rng.uniform(-1, 1, env.action_space.shape).astype(np.float32)
            _, reward, terminated, _, _ = env.step(action)
            returns[episode] += reward
            if terminated:
                reached += 1
                break
    env.close()
    error = returns.std() / np.sqrt(episodes)
    config = ', {{"start", "dropped"}}' if dropped else ""
    return f'Score{{"{task}", {returns.mean():.2f}, {error:.2f}, {reached / episodes:.3f}{config}}}'


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    for task, name, objects, policy in TASKS:
        record(task, name, objects, policy).tofile(folder / f"{task}.f32")
        print(score(task, name, objects), flush=True)
        if task in ("slide", "stack"):
            print(score(task, name, objects, dropped=True), flush=True)


if __name__ == "__main__":
    main()
