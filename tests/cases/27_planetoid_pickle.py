"""A user loads Cora from raw files that somebody else put there; ind.cora.graph is a pickle that calls a function.
graphkit unpickled the file and thereby called it.
Right: only what Planetoid files hold (arrays, sparse matrices, dictionaries, lists) is unpickled; others are refused.
"""

import os
import pathlib
import pickle
import sys
import tempfile

from graphkit.data import load

root = pathlib.Path(os.environ.get("GRAPHKIT_DATA", "nowhere"))
if not (root / "Planetoid/Cora/raw/ind.cora.graph").exists():
    print("skip: GRAPHKIT_DATA has no Planetoid/Cora/raw/ind.cora.graph")
    sys.exit(0)
temporary = tempfile.TemporaryDirectory()
folder = pathlib.Path(temporary.name)
os.environ["GRAPHKIT_CACHE"] = str(folder / "cache")
marker = folder / "executed"


class Payload:
    def __reduce__(self):
        return os.mkdir, (str(marker),)


raw = folder / "root" / "Planetoid" / "Cora" / "raw"
raw.mkdir(parents=True)
for path in (root / "Planetoid" / "Cora" / "raw").iterdir():
    (raw / path.name).symlink_to(path)
(raw / "ind.cora.graph").unlink()
(raw / "ind.cora.graph").write_bytes(pickle.dumps(Payload()))
said = "loaded"
try:
    load("cora", root=folder / "root")
except Exception as error:
    said = f"{type(error).__name__}: {str(error)[:80]}"
bad = [f"the code in the raw file was run ({said})"] if marker.exists() else []
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok the code in the raw file was not run")
sys.exit(bool(bad))
