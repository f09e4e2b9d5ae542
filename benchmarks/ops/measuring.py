"""What the scripts in this folder share: peak memory, and what a figure must be read with."""

import argparse
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path

import torch

from graphkit.ops import backend


def peak_memory_mb(call: Callable[[], object], warm: Callable[[], object] | None = None) -> float | None:
    """Returns what a call takes at its peak, in MB, in a forked process; None where Linux is not.

    ``warm`` is called before, for what the first calls load. Only safe while there is one thread: a fork copies the
    thread that asks for it and none of the others.
    """
    if not Path("/proc/self/clear_refs").exists():
        return None
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            torch.ones(2, requires_grad=True).exp().sum().backward()  # what the first backward pass sets up for good
            if warm is not None:
                warm()
            Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew from here
            before = _status_kb("VmHWM")
            call()
            os.write(writer, str((_status_kb("VmHWM") - before) / 1024).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return float(text) if text else None


def announce() -> dict[str, object]:
    """Prints the machine and its load, and returns them: with more threads than idle cores, figures are worthless."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    print(f"torch {torch.__version__}, {platform.machine()}, {os.cpu_count()} cores, operators: {backend()}")
    print(f"load before the start: {load}")
    return {"torch": torch.__version__, "machine": platform.machine(), "cores": os.cpu_count(), "load": load}


def options_of(doc: str | None, seconds: float) -> argparse.ArgumentParser:
    """Returns a parser with the options that the scripts share; ``seconds`` is the time for each of their cells."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--seconds", type=float, default=seconds, help="time for each row of cells")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    return parser


def write(path: Path | None, environment: dict[str, object], **figures: object) -> None:
    """Writes the figures and where they come from as JSON, if a path was given."""
    if path is not None:
        path.write_text(json.dumps({"environment": environment, **figures}, indent=2) + "\n")


def _status_kb(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1])
    raise RuntimeError(f"/proc/self/status has no {key}")
