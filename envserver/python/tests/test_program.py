"""What tests start does not outlive them, whatever becomes of them."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys

import pytest
from program import DEADLINE_S, Program

ENDLESS = ["sh", "-c", 'echo "ready $$"; exec sleep 1000']
# Starts it, says its pid, and is killed as a test run is that someone has given up.
KILLED = f"""
import os, signal
from program import Program
print(Program({ENDLESS!r}, "ready").ready, flush=True)
input()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_program_dies_with_the_tests_however_they_end() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED],
        cwd=os.path.dirname(__file__),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as tests:
        assert tests.stdin is not None and tests.stdout is not None
        program = os.pidfd_open(int(tests.stdout.readline().split()[1]))
        tests.stdin.write("\n")
        tests.stdin.close()
        poll = select.poll()
        poll.register(program, select.POLLIN)
        assert poll.poll(1000 * DEADLINE_S)
    assert tests.returncode == -signal.SIGKILL


def test_a_program_that_never_gets_ready_is_told_with_what_it_said() -> None:
    with pytest.raises(RuntimeError, match="it ended, status 3; it said: so far\n"):
        Program(["sh", "-c", "echo so far; exit 3"], "ready")
    with pytest.raises(RuntimeError, match=r"said nothing for 0\.2 s, status -9"):
        Program(ENDLESS, "never said", silence_max_s=0.2)
