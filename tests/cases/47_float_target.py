"""A user trains on nodes.csv whose label is a measurement: 60 nodes, some 45 different numbers with decimals.
graphkit made a class of each number and reported an accuracy of 0.00 %.
Right: a regression, with a note that says so; labels such as 1.0 and 2.0 are still classes.
"""

import pathlib
import random
import sys
import tempfile

from graphkit.data import load

temporary = tempfile.TemporaryDirectory()
folder = pathlib.Path(temporary.name)
random.seed(0)
bad = []
for name, label in (("measured", lambda i: f"{random.random():.2f}"), ("classes", lambda i: f"{i % 3}.0")):
    path = folder / name
    path.mkdir()
    (path / "edges.csv").write_text("source,target\n" + "".join(f"{i},{(i + 1) % 60}\n" for i in range(60)))
    (path / "nodes.csv").write_text("id,label,f\n" + "".join(f"{i},{label(i)},{i % 7}\n" for i in range(60)))
    try:
        dataset = load(str(path))
        if name == "measured" and (dataset.task != "node-regression" or "regression" not in " ".join(dataset.notes)):
            bad.append(f"measurements of 60 nodes became {dataset.num_outputs} classes")
        elif name == "classes" and dataset.num_outputs != 3:
            bad.append(f"labels 0.0, 1.0, 2.0 became {dataset.num_outputs} classes")
    except ValueError as error:
        bad.append(f"{name} labels were refused: {error}")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok measurements are no classes")
sys.exit(bool(bad))
