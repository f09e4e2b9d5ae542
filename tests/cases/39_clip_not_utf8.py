"""A user has clips as CSV in Latin-1, with a letter that is not ASCII.
graphkit raised a bare UnicodeDecodeError without the name of the file.
Right: a ValueError that names the file.
"""

import pathlib
import sys
import tempfile

import numpy as np

from graphkit.data import load

temporary = tempfile.TemporaryDirectory()
folder = pathlib.Path(temporary.name)
rows = ["file,label,split"]
for i in range(9):
    np.savetxt(folder / f"c{i}.csv", np.ones((6, 60)), delimiter=",")
    rows.append(f"c{i}.csv,{'abc'[i % 3]},{['train', 'val', 'test'][i // 3]}")
(folder / "labels.csv").write_text("\n".join(rows) + "\n")
(folder / "c4.csv").write_bytes("é".encode("latin-1") + b"," * 59 + b"\n")
bad = []
try:
    load(str(folder), layout="nw-ucla-20")
    bad.append("accepted")
except Exception as error:
    if not isinstance(error, ValueError) or isinstance(error, UnicodeError) or "c4.csv" not in str(error):
        bad.append(f"{type(error).__name__}: {str(error)[:100]}")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok the file is named")
sys.exit(bool(bad))
