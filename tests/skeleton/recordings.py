"""Recordings in the formats of public sets, made up."""

from pathlib import Path

import numpy as np


def skeleton_text(bodies: np.ndarray) -> str:
    """Returns the text of a ``.skeleton`` file for bodies ``[T, M, 25, 3]``; a body that is all zeros is left out."""
    lines = [str(len(bodies))]
    for frame in bodies:
        shown = [body for body in frame if body.any()]
        lines.append(str(len(shown)))
        for number, body in enumerate(shown):
            lines += [f"7205759403793{number:04d} 0 1 1 1 1 0 0.02 -0.1 2", "25"]
            lines += [" ".join(f"{value:.6f}" for value in joint) + " 1 2 3 4 0.1 0.2 0.3 0.4 2" for joint in body]
    return "\n".join(lines) + "\n"


def write_skeleton(folder: Path, name: str, bodies: np.ndarray) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.skeleton"
    path.write_text(skeleton_text(bodies))
    return path


def random_bodies(frames: int, bodies: int = 1, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(frames, bodies, 25, 3)).round(6)
