"""Children forked from one warm parent: PyTorch and PyG are imported once, then each job costs a fork.

A job is a function without arguments. It runs in a child with limits of its own; its outcome is the value that it
returned, or the signal or the time limit that ended it.
"""

import os
import pickle
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

if not hasattr(os, "fork"):  # Windows
    pytest.skip("jobs are forked", allow_module_level=True)


@dataclass
class Outcome:
    """Outcome of a job: its value, or the signal or limit that ended it.

    Args:
        value: What the job returned, or ``None`` if it did not end by itself.
        signal: The signal that ended the child, or 0.
        late: Whether the time limit ended it.
        seconds: The time from the fork to the end, in seconds.
        memory: The growth of the resident memory of the child, in bytes.
    """

    value: Any = None
    signal: int = 0
    late: bool = False
    seconds: float = 0.0
    memory: int = 0


def run_forked(job: Callable[[], Any], seconds: float = 60, address_space: int | None = None) -> Outcome:
    """Runs a job in a forked child and waits for it.

    Args:
        job: The function to run; what it returns is pickled.
        seconds: The time after which the child is killed.
        address_space: The bytes that the child may map beyond what it has at the start.
    """
    reader, writer = os.pipe()
    start = time.monotonic()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _work(job, writer, address_space)
    os.close(writer)
    data, late = _receive(reader, start + seconds)
    if late:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    used = time.monotonic() - start
    if late or os.WIFSIGNALED(status):
        return Outcome(None, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0, late, used)
    value, memory = pickle.loads(data) if data else (None, 0)
    return Outcome(value, 0, False, used, memory)


def _work(job: Callable[[], Any], writer: int, address_space: int | None) -> None:
    """Runs the job in the child, sends its value and ends the child."""
    try:
        before = _memory("VmRSS")
        if address_space is not None:
            import resource

            limit = _memory("VmSize") + address_space
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        with open("/proc/self/clear_refs", "w") as file:  # the peak counts from here
            file.write("5")
        value = job()
        data = pickle.dumps((value, _memory("VmHWM") - before))
        while data:
            data = data[os.write(writer, data) :]
    finally:
        os._exit(0)


def _memory(field: str) -> int:
    """Returns a field of the status of this process, in bytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(field + ":"))


def _receive(reader: int, end: float) -> tuple[bytes, bool]:
    """Returns all that the child sends until it ends, and whether the time ran out before."""
    parts = []
    try:
        while True:
            ready, _, _ = select.select([reader], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                return b"", True
            chunk = os.read(reader, 1 << 16)
            if not chunk:
                return b"".join(parts), False
            parts.append(chunk)
    finally:
        os.close(reader)
