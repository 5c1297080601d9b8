"""What this process and those that it started take of the machine, as Prometheus series.

Thread safety: all methods.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
# Fields of /proc/PID/stat after the name, which may hold anything: see proc(5). The time of
# children that were waited for is among them, so that the sum never falls.
_UTIME, _CSTIME, _RSS = 11, 14, 21


class ProcessUsage(Collector):
    """The worker processes are where simulators run: they count with their server."""

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily]:
        ticks = pages = 0
        for fields in _stat_of_all(os.getpid()):
            ticks += sum(map(int, fields[_UTIME : _CSTIME + 1]))
            pages += int(fields[_RSS])
        yield CounterMetricFamily(
            "armature_process_cpu_seconds",
            "Time of processors that the process and its workers took.",
            value=ticks / _TICKS_PER_S,
        )
        yield GaugeMetricFamily(
            "armature_process_resident_memory_bytes",
            "Memory that the process and its workers hold; what they share counts for each.",
            value=pages * _PAGE_BYTES,
        )


def _stat_of_all(pid: int) -> Iterator[list[str]]:
    """Of `pid` and of all that it started, and they; without those that end meanwhile."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            yield file.read().rpartition(")")[2].split()
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                children = file.read().split()
        except OSError:
            continue
        for child in children:
            yield from _stat_of_all(int(child))
