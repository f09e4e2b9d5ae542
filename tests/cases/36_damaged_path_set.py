"""A user reads a folder of stored shortest paths, in which one file of offsets is damaged.
graphkit handed out wrong paths without a word, or crashed Python.
Right: a ValueError that names the file.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

import numpy as np

temporary = tempfile.TemporaryDirectory()
folder = pathlib.Path(temporary.name)


def graphkit(*args, seconds=120):
    command = [sys.executable, "-W", "ignore", "-m", "graphkit", *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=seconds)


code = """
import sys, torch
from graphkit.sampling import PathIndex
nodes = torch.arange(34)
try:
    paths = PathIndex(sys.argv[1]).of(nodes)
    print("accepted, largest node", max(int(p.max()) for p in paths))
except ValueError as error:
    print("refused")
"""
graphkit("paths", "--dataset", "karate", "--all", "--ratio", "1", "--output", "ps")
bad = []
for value in (50_000_000, -(10**7), 5):
    shutil.rmtree(folder / "damaged", ignore_errors=True)
    shutil.copytree(folder / "ps", folder / "damaged")
    path = sorted((folder / "damaged").rglob("*ptr*.npy"))[0]
    ptr = np.load(path)
    ptr[3] = value if value != 5 else ptr[2] - 1
    np.save(path, ptr)
    command = [sys.executable, "-c", code, str(folder / "damaged")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90)
    said = (done.stdout.strip() or done.stderr.strip()).splitlines()[-1:] or [f"exit code {done.returncode}"]
    if done.returncode < 0:
        bad.append(f"offset {int(ptr[3])}: killed by signal {-done.returncode}")
    elif said != ["refused"]:
        bad.append(f"offset {int(ptr[3])}: {said[0][:90]}")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok damaged offsets are refused")
sys.exit(bool(bad))
