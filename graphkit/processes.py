"""Which processes live: asked by those that share a folder, on one machine or on several."""

import hashlib
import os
import socket
from functools import cache
from pathlib import Path


@cache
def machine_id() -> str:
    """Returns eight letters that stand for this machine since it was started, and for this container on it.

    Numbers of processes mean something only where these letters are the same.
    """
    parts = [socket.gethostname()]
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        try:
            parts.append(os.readlink(path) if path.endswith("pid") else Path(path).read_text(encoding="ascii").strip())
        except OSError:  # not on this operating system
            parts.append("")
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:8]


def started(process: int) -> str:
    """Returns when a process of this machine was started, in a unit of the system's own; empty where it cannot say.

    Two processes that get the same number, one after the other, differ in it.
    """
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]  # the name before it may hold anything


def alive(process: int, since: str = "") -> bool:
    """Returns whether a process of this machine runs; where that cannot be asked, as if it did.

    Args:
        process: Its number.
        since: What :func:`started` said of it; if another process has its number now, it does not run.
    """
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    now = started(process)
    return not since or not now or now == since
