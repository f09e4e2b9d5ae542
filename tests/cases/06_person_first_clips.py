"""A user has clips as other toolboxes store them: [persons, frames, joints, coordinates], here 2 persons and 60 frames.
graphkit read them, without a word, as 2 frames of 60 persons (pyskl issue 197, mmaction2 issue 2174).
Right: the folder is refused with a hint on the order of the axes, or read as 60 frames of 2 persons.
"""

import pathlib
import sys
import tempfile

import numpy as np

from graphkit.data import load

temporary = tempfile.TemporaryDirectory()
folder = pathlib.Path(temporary.name)
clips = folder / "clips"
clips.mkdir()
rng = np.random.default_rng(0)
rows = ["file,label,split"]
for i in range(12):
    np.save(clips / f"c{i}.npy", rng.normal(size=(2, 60 + i, 17, 3)).astype("f4"))
    rows.append(f"c{i}.npy,{'ab'[i % 2]},{['train', 'val', 'test'][i % 3]}")
(clips / "labels.csv").write_text("\n".join(rows) + "\n")
bad = []
try:
    frames = [int(n) for n in load(str(clips), layout="coco-17").graphs.lengths]
    if frames != [60 + i for i in range(12)]:
        bad.append(f"clips of 60 to 71 frames were read as clips of {min(frames)} to {max(frames)} frames")
except ValueError:
    pass
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok person-first clips are not misread")
sys.exit(bool(bad))
