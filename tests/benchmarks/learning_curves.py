"""Trains configs over several seeds and draws their evaluation curves.

usage: learning_curves.py --cluster PATH [--seeds 1,2,3] [--out docs/benchmarks]
           [--beside NAME=CSV] [--set KEY=VALUE] CONFIG...

PATH is the launcher, e.g. bazel-bin/deploy/cluster. Needs matplotlib. For each
config, writes OUT/<config>.png (mean return and success rate of the deterministic
evaluations against env steps, a line a seed), OUT/<config>.csv with the points, and
prints a Markdown table. --beside draws another program's seeds in grey behind ours, from
a CSV of the same columns (sb3_curves.py).
"""

import argparse
import csv
import json
import pathlib
import subprocess
import sys
import tempfile

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402
import matplotlib.ticker  # noqa: E402


def train(cluster, config, seed, output_dir, overrides):
    name = f"{config}_seed{seed}"
    command = [cluster, config, f"run.seed={seed}", f"run.name={name}",
               f"run.output_dir={output_dir}", "learner.listen=127.0.0.1:0", *overrides]
    completed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    run_dir = max((pathlib.Path(output_dir) / name).iterdir())
    print(f"{config} seed {seed}: {completed.stdout.strip().splitlines()[-1]}", file=sys.stderr)
    with open(run_dir / "evaluations.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    result = json.loads((run_dir / "result.json").read_text())
    return rows, result


def read_curves(path):
    curves = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            curves.setdefault(row["seed"], []).append(row)
    return curves


def draw(path, config, curves, beside):
    has_success = "eval/success_rate" in next(iter(curves.values()))[0]
    figure, axes = plt.subplots(1, 1 + has_success, figsize=(4.5 * (1 + has_success), 3.2),
                                squeeze=False)
    columns = [("eval/mean_reward", "return, mean of an evaluation"),
               ("eval/success_rate", "success rate")]
    for axis, (column, label) in zip(axes[0], columns):
        for name, others in beside.items():
            for rows in others.values():
                if column not in rows[0]:
                    continue
                axis.plot([int(row["env_steps"]) for row in rows],
                          [float(row[column]) for row in rows], color="0.65", linewidth=1,
                          label=name)
                name = None  # One entry of the legend for all its seeds.
        for seed, rows in curves.items():
            axis.plot([int(row["env_steps"]) for row in rows],
                      [float(row[column]) for row in rows], marker=".", label=f"seed {seed}")
        axis.set_xlabel("env steps")
        axis.set_ylabel(label)
        axis.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
        axis.grid(alpha=0.3)
    axes[0][0].legend(frameon=False)
    figure.suptitle(config)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cluster", required=True)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--out", default="docs/benchmarks", type=pathlib.Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--beside", action="append", default=[], metavar="NAME=CSV")
    parser.add_argument("configs", nargs="+")
    args = parser.parse_args()
    beside = {name: read_curves(path)
              for name, path in (pair.split("=", 1) for pair in args.beside)}
    print("| config | seed | env steps | return | success | wall s |\n|---|---|---|---|---|---|")
    for config in args.configs:
        curves = {}
        with tempfile.TemporaryDirectory() as output_dir:
            for seed in args.seeds.split(","):
                rows, result = train(args.cluster, config, seed, output_dir, args.set)
                curves[seed] = rows
                print(f"| {config} | {seed} | {result['env_steps']} | {result['return_mean']:.2f} | "
                      f"{result['success_rate']} | {result['wall_s']:.1f} |", flush=True)
        draw(args.out / f"{config}.png", config, curves, beside)
        with open(args.out / f"{config}.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, ["seed", *rows[0].keys()])
            writer.writeheader()
            for seed, seed_rows in curves.items():
                writer.writerows({"seed": seed, **row} for row in seed_rows)


if __name__ == "__main__":
    main()
