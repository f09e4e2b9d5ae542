"""Figures of skeleton clips: joint importance and learned graphs."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graphkit.files import write_atomically
from graphkit.report.collect_clips import ClipExample, LearnedGraph
from graphkit.report.style import INK, MUTED, SERIES, new_figure, style
from graphkit.skeleton import SkeletonLayout

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import Collection
    from matplotlib.figure import Figure

#: Number of frames of a clip in a strip, and in an animation.
_MOMENTS, _PICTURES = 8, 24
#: Azimuth of the view of 3D skeletons in radians.
_TURN = 0.5


def flat(x: np.ndarray, layout: SkeletonLayout, coordinates: int) -> np.ndarray:
    """Projects clips to 2D, upright and with a small azimuth: ``[T, P, V, 2]``.

    The spine of the first person is rotated upright, averaged over the first quarter of the frames, to correct tilted
    cameras. Missing joints are NaN.

    Args:
        x (array): ``[T, P, V, C]``.
        layout (SkeletonLayout): Joints and bones; ``up`` and ``across`` define the orientation.
        coordinates (int): Number of channels that are coordinates.
    """
    positions = x[..., :coordinates].astype(np.float64)
    seen = np.asarray(positions.any(axis=-1, keepdims=True))
    seen[:, 0, layout.center] |= seen[:, 0].any(axis=1)  # in centered clips this joint is at the origin
    if coordinates == 1:
        positions = np.concatenate([positions, np.zeros_like(positions)], axis=-1)
    elif coordinates == 2:
        up = _direction(positions, seen, layout.up)
        positions = positions * np.array([1.0, -1.0 if up is not None and up[1] < 0 else 1.0])
    else:
        positions = positions[..., :3]
        spine = _direction(positions, seen, layout.up)
        up = np.array([0.0, 0.0, 1.0]) if spine is None else spine / np.linalg.norm(spine)
        shoulders = _direction(positions, seen, layout.across)
        if shoulders is None or np.linalg.norm(shoulders - shoulders @ up * up) < 1e-6:
            shoulders = np.roll(up, 1)
        across = shoulders - shoulders @ up * up
        across /= np.linalg.norm(across)
        side = np.cos(_TURN) * across + np.sin(_TURN) * np.cross(up, across)
        positions = np.stack([positions @ side, positions @ up], axis=-1)
    return np.where(seen, positions, np.nan)


def clip_strip(examples: Sequence[ClipExample]) -> "Figure":
    """Draws one row of frames per clip; the area of a disc is the weight of the joint."""
    with style():
        figure = new_figure(1.08 * _MOMENTS, 1.95 * len(examples))
        rows = figure.subfigures(len(examples), 1, squeeze=False).flatten()
        for part_of_figure, example in zip(rows, examples, strict=True):
            part_of_figure.set_facecolor("none")
            part_of_figure.suptitle(example.title, x=0.01, ha="left", fontsize=9.5, fontweight="bold")
            row = part_of_figure.subplots(1, _MOMENTS, squeeze=False)[0]
            positions = flat(example.x, example.layout, example.coordinates)
            parts = np.array_split(np.arange(len(positions)), min(_MOMENTS, len(positions)))
            weights = np.stack([example.weights[frames].mean(axis=0) for frames in parts])
            window = _window(positions)
            for axis in row:
                axis.set_axis_off()
                axis.set(xticks=[], yticks=[])  # invisible, and slow to lay out
            for axis, frames, weight in zip(row, parts, weights, strict=False):
                moment = int(frames[len(frames) // 2])
                _body(axis, positions[moment], weight / weights.max().clip(1e-12), example.layout, 130)
                _frame(axis, window)
                axis.set_title(f"{moment + 1}", fontsize=7, color=MUTED, pad=1)
        return figure


def clip_animation(examples: Sequence[ClipExample], path: str | Path) -> Path:
    """Writes an animated GIF of clips, and returns its path.

    Clips are scaled to the same duration. Discs are those of :func:`clip_strip`, smoothed over frames.
    """
    from matplotlib.animation import PillowWriter
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with style(), tempfile.TemporaryDirectory(prefix="graphkit-") as folder:
        figure = new_figure(2.4 * len(examples), 2.6)
        figure.set_facecolor("white")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, len(examples), squeeze=False)[0]
        places = [flat(example.x, example.layout, example.coordinates) for example in examples]
        weights = [_smooth(example.weights) for example in examples]
        for axis, example, positions in zip(axes, examples, places, strict=True):
            axis.set_axis_off()
            axis.set(xticks=[], yticks=[])
            axis.set_title(example.title, fontsize=8, fontweight="bold")
            _frame(axis, _window(positions))
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # the layout is constant, and slow to compute
        writer = PillowWriter(fps=12)
        with writer.saving(figure, str(Path(folder, "clips.gif")), dpi=90):
            for picture in range(_PICTURES):
                drawn = []
                for axis, example, positions, weight in zip(axes, examples, places, weights, strict=True):
                    moment = picture * len(positions) // _PICTURES
                    share = weight[moment] / weight.max().clip(1e-12)
                    drawn += _body(axis, positions[moment], share, example.layout, 200)
                writer.grab_frame(facecolor="white")
                for artist in drawn:
                    artist.remove()
        content = Path(folder, "clips.gif").read_bytes()
    write_atomically(path, lambda temporary: temporary.write_bytes(content))
    return path


def learned_graphs_picture(graphs: Sequence[LearnedGraph], layout: SkeletonLayout) -> "Figure":
    """Draws the learned additions to the fixed matrices of each block."""
    columns = min(5, len(graphs))
    rows = -(-len(graphs) // columns)
    with style():
        from matplotlib.colors import to_rgba
        from matplotlib.patches import Rectangle

        figure = new_figure(1.85 * columns + 0.3, 2.05 * rows + 0.3)
        axes = figure.subplots(rows, columns, squeeze=False).flatten()
        for number, axis in enumerate(axes):
            if number >= len(graphs):
                axis.set_axis_off()
                continue
            added = graphs[number].added
            image = np.tile(np.array(to_rgba(SERIES[0])), (*added.shape, 1))
            image[..., 3] = added / max(added.max(), 1e-12)
            axis.imshow(image, interpolation="nearest")
            for child, parent in layout.edges:
                for u, v in ((child, parent), (parent, child)):
                    box = Rectangle((v - 0.5, u - 0.5), 1, 1, fill=False, edgecolor=SERIES[1], linewidth=0.5)
                    axis.add_patch(box)
            axis.set_title(f"block {number + 1}, up to {added.max():.2g}", fontsize=8)
            axis.set_xticks([])
            axis.set_yticks([])
        figure.supxlabel("receiving joint", fontsize=8.5)
        figure.supylabel("sending joint", fontsize=8.5)
        return figure


def _direction(positions: np.ndarray, seen: np.ndarray, joints: tuple[int, ...]) -> np.ndarray | None:
    """Returns the direction between two joints of the first person in early frames."""
    if not joints:
        return None
    both = np.flatnonzero(seen[:, 0, joints[0], 0] & seen[:, 0, joints[1], 0])
    early = both[: -(-both.size // 4)]
    direction = (positions[early, 0, joints[1]] - positions[early, 0, joints[0]]).sum(axis=0)
    return direction if np.linalg.norm(direction) > 1e-9 else None


def _window(positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the corners of the bounding box of a clip, with a minimum extent."""
    low, high = np.nanmin(positions, axis=(0, 1, 2)), np.nanmax(positions, axis=(0, 1, 2))
    half = (high - low) / 2
    half = np.maximum(1.12 * half, 0.62 * max(float(half.max()), 1e-6))
    return (low + high) / 2 - half, (low + high) / 2 + half


def _frame(axis: "Axes", window: tuple[np.ndarray, np.ndarray]) -> None:
    (left, low), (right, high) = window
    axis.set_xlim(left, right)
    axis.set_ylim(low, high)
    axis.set_aspect("equal")


def _body(
    axis: "Axes", positions: np.ndarray, weight: np.ndarray, layout: SkeletonLayout, area: float
) -> "list[Collection]":
    """Draws the persons of one frame, with weights from 0 to 1; returns the artists."""
    from matplotlib.collections import LineCollection

    drawn: list[Collection] = []
    for person, share in zip(positions, weight, strict=True):
        bones = [person[list(edge)] for edge in layout.edges if np.isfinite(person[list(edge)]).all()]
        drawn.append(LineCollection(bones, colors=MUTED, linewidths=1.1, capstyle="round", zorder=1))
        axis.add_collection(drawn[-1])
        seen = np.isfinite(person).all(axis=-1)
        points = person[seen]
        x, y, discs = points[:, 0], points[:, 1], area * share[seen]
        drawn.append(axis.scatter(x, y, s=4, c=INK, linewidths=0, zorder=3))
        drawn.append(axis.scatter(x, y, s=discs, c=SERIES[1], alpha=0.65, linewidths=0, zorder=2, clip_on=False))
    return drawn


def _smooth(weights: np.ndarray) -> np.ndarray:
    """Returns a moving average of the weights over frames."""
    reach = max(1, len(weights) // 16)
    padded = np.pad(weights, ((reach, reach), (0, 0), (0, 0)), mode="edge")
    return np.stack([padded[t : t + 2 * reach + 1].mean(axis=0) for t in range(len(weights))])
