"""A user writes nodes.csv with pandas, where a missing label becomes the word nan or NaN.
graphkit made a class of its own of it and trained on it.
Right: such a cell is a missing label (or the file is refused with the line); it is never a third class.
"""

import pathlib
import sys
import tempfile

from graphkit.data import load

temporary = tempfile.TemporaryDirectory()
folder = pathlib.Path(temporary.name)
bad = []
for word in ("", "nan", "NaN", "None"):
    path = folder / f"graph-{word}"
    path.mkdir()
    (path / "edges.csv").write_text("source,target\n0,1\n1,2\n2,3\n3,4\n")
    rows = ["id,label,split,f", "0,x,train,1", "1,y,train,2", "2,x,val,3", "3,y,test,4", f"4,{word},,5"]
    (path / "nodes.csv").write_text("\n".join(rows) + "\n")
    try:
        dataset = load(str(path))
    except ValueError:
        if not word:
            bad.append("an empty label cell was refused")
        continue
    if list(dataset.class_names) != ["x", "y"]:
        bad.append(f"label cell {word!r}: classes {list(dataset.class_names)}")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok missing labels make no class")
sys.exit(bool(bad))
