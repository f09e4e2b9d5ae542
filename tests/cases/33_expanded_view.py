"""A user loads a .pt file of 2 kB that holds an expanded view: features of one number, [24, 134217728].
graphkit copied the view: 12 GB.
Right: a ValueError within 5 s and 500 MB.
"""

import pathlib
import resource
import subprocess
import sys
import tempfile

import torch

temporary = tempfile.TemporaryDirectory()
folder = pathlib.Path(temporary.name)
code = """
import resource, sys, time
from graphkit.data import load
before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.time()
try:
    load(sys.argv[1])
    said = "accepted"
except (ValueError, OSError):
    said = "refused"
except BaseException as error:
    said = type(error).__name__
print(said, time.time() - start, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def attempt(path, seconds=30):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (16 * 2**30, 16 * 2**30))

    try:
        done = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=seconds, preexec_fn=limit
        )
    except subprocess.TimeoutExpired:
        return f"not finished after {seconds} s"
    if not done.stdout.strip():
        return f"exit code {done.returncode}, {done.stderr.strip()[-80:]!r}"
    said, used, memory = done.stdout.split()[-3:]
    good = said == "refused" and float(used) < 5 and float(memory) < 500
    return "" if good else f"{said} after {float(used):.1f} s and {float(memory):.0f} MB"


data = {"x": torch.zeros(1, 1).expand(24, 2**27), "y": torch.arange(24) % 3, "edge_index": torch.zeros(2, 0).long()}
torch.save(data, folder / "view.pt")
bad = [said] if (said := attempt(folder / "view.pt")) else []
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok the expanded view is refused")
sys.exit(bool(bad))
