"""A user reads NTU RGB+D .skeleton files in which the first of two persons leaves after five frames.
graphkit told persons apart by their place in the frame, so that the second one jumped into the place of the first.
Right: persons are told apart by their tracking id (NTURGB-D issue 6).
"""

import os
import pathlib
import sys
import tempfile

import numpy as np

from graphkit.data import load

temporary = tempfile.TemporaryDirectory()
folder = pathlib.Path(temporary.name)
os.environ["GRAPHKIT_CACHE"] = str(folder / "cache")
raw = folder / "NTU-RGB-D" / "nturgb+d_skeletons"
raw.mkdir(parents=True)


def person(number, t):
    x = np.random.default_rng(number).normal(size=(25, 3)) * 0.2 + [2 * number - 3, 0, 3] + 0.05 * np.sin(t / 2)
    head = [f"7205759403793000{number} 0 1 1 0 0 0 0.1 0.2 2", "25"]
    return head + [f"{a:.6f} {b:.6f} {c:.6f} 0 0 0 0 0 0 0 0 2" for a, b, c in x]


lines = ["10"]
for t in range(10):
    persons = [person(1, t), person(2, t)] if t < 5 else [person(2, t)]
    lines += [str(len(persons))] + sum(persons, [])
for subject in (1, 2, 3, 4, 8, 19):
    for action in (50, 51):
        (raw / f"S001C001P{subject:03d}R001A{action:03d}.skeleton").write_text("\n".join(lines) + "\n")
graph = load("ntu60-xsub", root=folder).graphs[0]
x = np.asarray(graph.x)  # [frames, persons, joints, coordinates]
bad = []
for p in range(x.shape[1]):
    both = (x[1:, p] != 0).any(axis=(1, 2)) & (x[:-1, p] != 0).any(axis=(1, 2))
    jump = float(np.abs(np.diff(x[:, p], axis=0))[both].max()) if both.any() else 0
    if jump > 0.5:
        bad.append(f"person {p} jumps by {jump:.2f} m between two frames (true: at most 0.03)")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok persons are told apart by their tracking id")
sys.exit(bool(bad))
