"""How many CPUs this process may use: its affinity, and its container's quota.

Thread safety: free functions.
"""

from __future__ import annotations

import contextlib
import math
import os
import pathlib


def usable_cpus(root: pathlib.Path = pathlib.Path("/")) -> int:
    """At least 1. `root`: where /proc and /sys are."""
    return max(1, math.ceil(min(len(os.sched_getaffinity(0)), cpu_quota(root))))


def cpu_quota(root: pathlib.Path) -> float:
    """CPUs that the control group and those above it may use at once; infinite: no limit."""
    quota = math.inf
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return quota
    mounts = root / "sys/fs/cgroup"
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:  # cgroup v2.
            quota = min(quota, *(_v2(folder) for folder in _upwards(mounts, path)))
        elif "cpu" in controllers.split(","):
            for mount in (mounts / controllers, mounts / "cpu"):
                quota = min(quota, *(_v1(folder) for folder in _upwards(mount, path)))
    return quota


def _upwards(mount: pathlib.Path, path: str) -> list[pathlib.Path]:
    """The group's folder and those of the groups above it.

    Inside a container the path may be the host's, of which only the mount itself is there.
    """
    folder = mount / path.lstrip("/")
    folders = [folder, *folder.parents]
    return folders[: folders.index(mount) + 1]


def _v2(folder: pathlib.Path) -> float:
    with contextlib.suppress(OSError, ValueError):
        quota, period = (folder / "cpu.max").read_text().split()
        if quota != "max":
            return int(quota) / int(period)
    return math.inf


def _v1(folder: pathlib.Path) -> float:
    with contextlib.suppress(OSError, ValueError):
        quota = int((folder / "cpu.cfs_quota_us").read_text())
        if quota > 0:
            return quota / int((folder / "cpu.cfs_period_us").read_text())
    return math.inf
