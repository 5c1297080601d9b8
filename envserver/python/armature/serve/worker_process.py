"""How a process becomes a worker: ``python -m armature.serve.worker_process PARENT FD...``,
or in a fork of its parent. See armature.serve.fork_server.

Thread safety: one thread.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from armature.serve import worker

# prctl's number in linux/prctl.h; it has been the same since Linux 2.1.57.
_PR_SET_PDEATHSIG = 1


def spawn(descriptors: Sequence[int]) -> int:
    """Starts a new interpreter as a worker; its process id. The caller keeps its descriptors."""
    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)
    words = [str(number) for number in (os.getpid(), *descriptors)]
    return os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", __name__, *words],
        os.environ,
        setpgroup=0,
        setsigdef=[signal.SIGCHLD],
    )


def run(parent: int, descriptors: Sequence[int]) -> NoReturn:
    """Serves until there is nothing to do; dies with `parent`."""
    status = 1
    try:
        os.setpgid(0, 0)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # It died before the kernel knew of the wish.
            os._exit(status)
        status = worker.run(*descriptors)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    run(int(sys.argv[1]), [int(word) for word in sys.argv[2:]])
