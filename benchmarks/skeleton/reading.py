"""Seconds to read and prepare files in the format of NTU RGB+D, without native code and by loops in its place.

The loops go over frames, persons and joints: they read one number after the other and move and turn one joint after the
other, as conversion scripts commonly do. All must give the same clips. Clips are generated: random walks of one or two
bodies.

    python benchmarks/skeleton/reading.py --json reading.json
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from graphkit.skeleton import write_store
from graphkit.skeleton.readers.ntu import read_ntu
from graphkit.training.environment import environment

FIELDS = ("x", "y", "z", "depth_x", "depth_y", "color_x", "color_y", "w", "qx", "qy", "qz", "state")


def generate(folder: Path, clips: int, frames: int, bodies: int | None) -> None:
    """Writes the files; every fourth clip has two bodies, unless all have as many as ``bodies`` says."""
    generator, fixed = np.random.default_rng(0), bodies
    for number in range(clips):
        bodies = fixed or (2 if number % 4 == 0 else 1)
        x = generator.normal(size=(1, bodies, 25, 3)) + generator.normal(size=(frames, bodies, 25, 3)).cumsum(0) / 20
        lines = [str(frames)]
        for frame in x:
            lines.append(str(bodies))
            for index, body in enumerate(frame):
                lines += [f"7205759403793110{index} 0 1 1 1 1 0 0.02764709 0.05745083 2", "25"]
                lines += [f"{a:.7f} {b:.7f} {c:.7f} 277.419 191.8214 1036.233 519.1677 -0.2059 0.05 0.9692 -0.1221 2"
                          for a, b, c in body]  # fmt: skip
        name = f"S{1 + number // 60000:03d}C001P001R{1 + number // 60:03d}A{1 + number % 60:03d}"
        (folder / f"{name}.skeleton").write_text("\n".join(lines) + "\n")


def without_native_code(folder: Path) -> tuple[float, float]:
    """Returns the seconds for reading and preparing all files with native code and without, the best of three."""
    module, seconds = sys.modules["graphkit.ops.skeleton_text"], ([], [])
    native = module._NATIVE
    for _ in range(3):
        for kind, enabled in enumerate((native, False)):
            module._NATIVE = enabled
            begin = time.process_time()
            for _clip in read_ntu(folder):
                pass
            seconds[kind].append(time.process_time() - begin)
    module._NATIVE = native
    return min(seconds[0]), min(seconds[1])


def read_by_loops(path: Path) -> np.ndarray:
    """Reads one number after the other: ``[T, 4, 25, 3]``."""
    with path.open() as file:
        x = np.zeros((int(file.readline()), 4, 25, 3))
        for frame in range(len(x)):
            for body in range(int(file.readline())):
                file.readline()
                for joint in range(int(file.readline())):
                    values = dict(zip(FIELDS, map(float, file.readline().split()), strict=True))
                    x[frame, body, joint] = [values["x"], values["y"], values["z"]]
    return x


def prepare_by_loops(x: np.ndarray) -> np.ndarray:
    """Prepares a clip that has no gaps, one joint after the other."""
    energy = [x[:, body].std(axis=(0, 1)).sum() if x[:, body].any() else 0.0 for body in range(4)]
    x = x[:, np.argsort(energy)[::-1][:2]].copy()
    for frame in range(len(x)):
        origin = x[frame, 0, 1].copy()
        for person in range(2):
            if x[frame, person].any():
                for joint in range(25):
                    x[frame, person, joint] -= origin
    for bone, axis in (((0, 1), (0.0, 0.0, 1.0)), ((8, 4), (1.0, 0.0, 0.0))):
        turn = rotation(x[0, 0, bone[1]] - x[0, 0, bone[0]], np.array(axis))
        for frame in range(len(x)):
            for person in range(2):
                for joint in range(25):
                    x[frame, person, joint] = np.dot(turn, x[frame, person, joint])
    return x


def rotation(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The smallest rotation of one vector to the direction of another."""
    normal = np.cross(start, end)
    sine, cosine = np.linalg.norm(normal) / np.linalg.norm(start), np.dot(start, end) / np.linalg.norm(start)
    a, b, c = normal / np.linalg.norm(normal)
    skew = np.array([[0, -c, b], [c, 0, -a], [-b, a, 0]])
    return np.eye(3) + sine * skew + (1 - cosine) * skew @ skew


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=1000)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--bodies", type=int, choices=(1, 2), help="bodies of a clip; by default two in every fourth")
    parser.add_argument("--loops", type=int, default=20, help="clips that the loops read")
    parser.add_argument("--json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder, store = Path(name, "clips"), Path(name, "store")
        folder.mkdir()
        store.mkdir()
        generate(folder, arguments.clips, arguments.frames, arguments.bodies)
        wall, begin = time.perf_counter(), time.process_time()
        write_store(store, read_ntu(folder))
        ours, wall = time.process_time() - begin, time.perf_counter() - wall
        few = sorted(folder.glob("*.skeleton"))[: arguments.loops]
        begin = time.process_time()
        slow = [prepare_by_loops(read_by_loops(path)) for path in few]
        loops = (time.process_time() - begin) / len(few)
        for expected, clip in zip(slow, read_ntu(folder), strict=False):
            assert np.allclose(clip.x, expected, atol=1e-4), f"{clip.name} differs"
        native, plain = without_native_code(folder)
    per_clip = ours / arguments.clips
    print(f"{arguments.clips} clips of {arguments.frames} frames, read, prepared and stored: {ours:.1f} s "
          f"of one processor ({wall:.1f} s on the clock)")  # fmt: skip
    print(f"per clip: {1000 * per_clip:.2f} ms, by loops {1000 * loops:.1f} ms; ratio {loops / per_clip:.1f}")
    print(f"read and prepared: {native:.2f} s with native code, {plain:.2f} s without; ratio {plain / native:.1f}")
    if arguments.json:
        content = {
            "seconds": ours,
            "wall": wall,
            "per_clip": per_clip,
            "loops_per_clip": loops,
            "ratio": loops / per_clip,
            "read_native": native,
            "read_plain": plain,
        }
        content |= {**vars(arguments), "environment": environment(torch.device("cpu"))}
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2)


if __name__ == "__main__":
    main()
