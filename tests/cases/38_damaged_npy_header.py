"""A user opens an .npz file in which the header of x.npy is damaged.
graphkit showed a traceback that ends in tokenize.TokenError.
Right: one error line that names the file, exit code 2.
"""

import io
import pathlib
import struct
import subprocess
import sys
import tempfile
import zipfile

import numpy as np

temporary = tempfile.TemporaryDirectory()
folder = pathlib.Path(temporary.name)


def graphkit(*args, seconds=120):
    command = [sys.executable, "-W", "ignore", "-m", "graphkit", *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=seconds)


def array(values):
    file = io.BytesIO()
    np.save(file, values)
    return file.getvalue()


def header(text):
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", 118) + text.encode().ljust(117) + b"\n" + b"\0" * 96


bad = []
headers = {"open": "{'descr': '<f4', 'fortran_order': False, 'shape': (24, 1)", "nul": "{'descr\0: '<f4'"}
for name, text in headers.items():
    with zipfile.ZipFile(folder / f"{name}.npz", "w") as file:
        file.writestr("edge_index.npy", array(np.array([[0, 1], [1, 2]])))
        file.writestr("y.npy", array(np.arange(24) % 3))
        file.writestr("x.npy", header(text))
    done = graphkit("train", "--model", "gcn", "--dataset", f"{name}.npz", "--epochs", "1", "--quiet")
    if done.returncode != 2 or "Traceback" in done.stderr or f"{name}.npz" not in done.stderr:
        bad.append(f"{name}: exit code {done.returncode}, {done.stderr.strip().splitlines()[-1][:80]!r}")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok a damaged header is refused in one line")
sys.exit(bool(bad))
