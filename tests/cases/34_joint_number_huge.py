"""A user writes skeleton.json with one bone to joint 20000 (a joint number from another program).
graphkit worked for about ten seconds on the layout of 20,001 joints before it refused the clips.
Right: a ValueError within 5 s and 500 MB.
"""

import pathlib
import resource
import subprocess
import sys
import tempfile

import numpy as np

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


(folder / "skeleton.json").write_text('{"edges": [[20000, 0]]}')
rows = ["file,label,split"]
for i in range(9):
    np.save(folder / f"c{i}.npy", np.zeros((6, 5, 3), dtype="f4"))
    rows.append(f"c{i}.npy,{'abc'[i % 3]},{['train', 'val', 'test'][i // 3]}")
(folder / "labels.csv").write_text("\n".join(rows) + "\n")
bad = [said] if (said := attempt(folder)) else []
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok a joint number of 20000 is refused")
sys.exit(bool(bad))
