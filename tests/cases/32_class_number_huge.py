"""A user opens a folder of arrays of 24 nodes in which one label in y.npy is 2^29 by mistake.
graphkit made a table of 2^29 classes: gigabytes for a folder of a few kilobytes.
Right: a ValueError within 5 s and 500 MB that says that the class number cannot be right.
"""

import pathlib
import resource
import subprocess
import sys
import tempfile

import numpy as np

from graphkit.data import write_folder

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


rng, nodes = np.random.default_rng(0), np.arange(24)
x, edges = rng.normal(size=(24, 4)).astype("f4"), rng.integers(0, 24, (2, 60))
write_folder(
    folder / "g",
    x=x,
    edge_index=edges,
    y=nodes % 3,
    train_mask=nodes % 4 < 2,
    val_mask=nodes % 4 == 2,
    test_mask=nodes % 4 == 3,
)
y = np.load(folder / "g" / "y.npy")
y[0] = 2**29
np.save(folder / "g" / "y.npy", y)
bad = [said] if (said := attempt(folder / "g")) else []
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok a class number of 2^29 is refused")
sys.exit(bool(bad))
