"""Process identification, for files that several processes share."""

import hashlib
import os
import socket
import sys
from functools import cache
from pathlib import Path


@cache
def machine_id() -> str:
    """Returns an id of eight characters for this machine, its boot and its container.

    Process ids are comparable on machines with the same id only.
    """
    parts = [socket.gethostname()]
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        try:
            parts.append(os.readlink(path) if path.endswith("pid") else Path(path).read_text(encoding="ascii").strip())
        except OSError:  # not on this operating system
            parts.append("")
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:8]


def started(process: int) -> str:
    """Returns the start time of a process in clock ticks; empty if unknown.

    The start time distinguishes processes with the same id.
    """
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]  # the process name in parentheses may contain anything


def alive(process: int, since: str = "") -> bool:
    """Returns whether a process of this machine is running; true if unknown.

    Args:
        process (int): Process id.
        since (str, optional): Start time of the process from :func:`started`, to detect reuse of the id.
            (default: ``""``)
    """
    if sys.platform == "win32":  # where os.kill ends a process
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    now = started(process)
    return not since or not now or now == since
