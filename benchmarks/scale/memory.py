"""Runs a command and prints what memory it took at its peak: its own, and pages of files that it shares.

    python benchmarks/scale/memory.py graphkit train --model gcn --dataset sbm-2m --epochs 1

A page of a mapped file that was read stays in memory while there is room and is dropped when there is none. It counts
in the "resident" size all the same. The process's own memory ("anonymous": tensors, Python objects) cannot be dropped:
that it fits decides whether a command can run. Both are sampled 50 times a second, and the largest resident size is
also read from the kernel, which misses nothing. Processes that the command starts are not counted. Linux only.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

#: What is read of a process, and what it is called here.
KINDS = {"RssAnon": "anonymous", "RssFile": "file", "RssShmem": "shared", "VmHWM": "resident_peak"}


def read(process: int) -> dict[str, float]:
    """Returns the sizes of a process in MB; nothing once it has ended."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split(":") for line in lines if line.split(":")[0] in KINDS)
    return {KINDS[name]: int(value.split()[0]) / 1024 for name, value in pairs}


def watch(command: list[str], seconds: float = 0.02) -> tuple[str, dict[str, float]]:
    """Runs a command and returns its standard output, and its largest sizes in MB with how long it took.

    Raises:
        RuntimeError: If it fails.
    """
    begin = time.perf_counter()
    peak: dict[str, float] = {}
    with tempfile.TemporaryFile("w+") as output:
        child = subprocess.Popen(command, stdout=output)
        while child.poll() is None:
            for name, size in read(child.pid).items():
                peak[name] = max(peak.get(name, 0.0), size)
            time.sleep(seconds)
        output.seek(0)
        text = output.read()
    if child.returncode:
        raise RuntimeError(f"the command ended with {child.returncode}: {' '.join(command)}")
    return text, {**peak, "seconds": time.perf_counter() - begin}


def main() -> None:
    """Prints what the command prints, and then its sizes as JSON."""
    output, peak = watch(sys.argv[1:])
    print(output, end="")
    print(json.dumps({name: round(value, 1) for name, value in peak.items()}), file=sys.stderr)


if __name__ == "__main__":
    main()
