"""Figures of skeleton clips: joint importance and learned graphs."""

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from graphkit.files import write_atomically
from graphkit.report.collect_clips import ClipExample, LearnedGraph, flat
from graphkit.report.style import INK, LINE, MUTED, SERIES, new_figure, panels, style
from graphkit.skeleton import SkeletonLayout

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import Collection
    from matplotlib.figure import Figure

#: Number of frames of a clip in a strip, and in an animation.
_MOMENTS, _PICTURES = 8, 24


def clip_strip(examples: Sequence[ClipExample]) -> "Figure":
    """Draws one row of frames per clip; the area of a disc is the weight of the joint."""
    with style():
        figure = new_figure(1.35 * _MOMENTS, 2.3 * len(examples))
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
        figure = new_figure(3.6 * len(examples), 3.2)
        figure.set_facecolor("white")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, len(examples), squeeze=False)[0]
        places = [flat(example.x, example.layout, example.coordinates) for example in examples]
        weights = [_smooth(example.weights) for example in examples]
        for axis, example, positions in zip(axes, examples, places, strict=True):
            axis.set_axis_off()
            axis.set(xticks=[], yticks=[])
            axis.set_title(example.title.replace(", taken for ", ",\ntaken for "), fontsize=8, fontweight="bold")
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
    """Draws the learned additions to the fixed matrices of each block, on one scale."""
    columns = min(4, len(graphs))
    rows = -(-len(graphs) // columns)
    largest = max(1e-12, *(float(graph.added.max()) for graph in graphs))
    ticks, size = range(layout.num_joints), min(6.0, 110 / layout.num_joints)
    with style():
        from matplotlib.colors import LinearSegmentedColormap, to_rgba
        from matplotlib.patches import Rectangle

        color = to_rgba(SERIES[0])[:3]
        colors = LinearSegmentedColormap.from_list("added", [(*color, 0.0), (*color, 1.0)])
        figure = new_figure(10.8, 0.9 + 10.0 / columns * rows if columns > 2 else 4.6)
        axes = figure.subplots(rows, columns, squeeze=False)
        image = None
        for number, axis in enumerate(axes.flat):
            if number >= len(graphs):
                axis.set_axis_off()
                continue
            image = axis.imshow(graphs[number].added, cmap=colors, vmin=0, vmax=largest, interpolation="nearest")
            for child, parent in layout.edges:
                for u, v in ((child, parent), (parent, child)):
                    box = Rectangle((v - 0.5, u - 0.5), 1, 1, fill=False, edgecolor=SERIES[1], linewidth=0.5)
                    axis.add_patch(box)
            axis.set_title(f"block {number + 1}")
            axis.tick_params(length=0)
            is_first, is_last = number % columns == 0, number >= len(graphs) - columns
            axis.set_yticks(ticks if is_first else [], layout.joints if is_first else [], fontsize=size)
            axis.set_xticks(ticks if is_last else [], layout.joints if is_last else [], fontsize=size, rotation=90)
        bar = figure.colorbar(image, ax=axes, shrink=0.6, aspect=30, label="mean absolute addition")  # type: ignore[arg-type]
        bar.outline.set_visible(False)  # type: ignore[operator]
        figure.supxlabel("receiving joint", fontsize=8.5)
        figure.supylabel("sending joint", fontsize=8.5)
        return figure


def learned_skeleton_picture(graphs: Sequence[LearnedGraph], layout: SkeletonLayout, pose: np.ndarray) -> "Figure":
    """Draws the strongest learned pairs of joints on the skeleton.

    Panels are the first, the middle and the last block. An arrow leads from the sending to the receiving joint; its
    width is the addition, on one scale.

    Args:
        graphs (list[LearnedGraph]): Learned additions of each block.
        layout (SkeletonLayout): Joints and bones.
        pose (array): ``[V, 2]``, positions of the joints; NaN for missing ones.
    """
    shown = sorted({0, len(graphs) // 2, len(graphs) - 1})
    tops = {number: strongest_pairs(graphs[number], pose) for number in shown}
    largest = max((value for pairs in tops.values() for _, _, value in pairs), default=1.0)
    with style():
        from matplotlib.collections import LineCollection
        from matplotlib.patches import FancyArrowPatch

        figure = new_figure(3.6 * len(shown), 4.4)
        window = _window(pose[None, None])
        middle = np.nanmean(pose[:, 0])
        for panel, number in zip(panels(figure, 1, len(shown)), shown, strict=True):
            axis = panel.subplots()
            bones = [pose[list(edge)] for edge in layout.edges if np.isfinite(pose[list(edge)]).all()]
            axis.add_collection(LineCollection(bones, colors=LINE, linewidths=5, capstyle="round", zorder=1))
            axis.scatter(pose[:, 0], pose[:, 1], s=10, c=INK, linewidths=0, zorder=3)
            for u, v, value in tops[number]:
                arrow = FancyArrowPatch(
                    tuple(pose[u]), tuple(pose[v]), connectionstyle="arc3,rad=0.25", arrowstyle="-|>", shrinkA=3,
                    shrinkB=3, mutation_scale=9, color=SERIES[1], linewidth=0.4 + 2.2 * value / largest, zorder=2,
                )  # fmt: skip
                axis.add_patch(arrow)
            for joint, y in _label_heights(pose, {joint for u, v, _ in tops[number] for joint in (u, v)}).items():
                side = 1 if pose[joint, 0] >= middle else -1
                axis.annotate(
                    layout.joints[joint], (pose[joint, 0], y), (7 * side, 0), textcoords="offset points", fontsize=7,
                    ha="left" if side > 0 else "right", va="center", zorder=4,
                )  # fmt: skip
            axis.set_title(f"block {number + 1}")
            _frame(axis, window)
            axis.set_axis_off()
        return figure


def _label_heights(pose: np.ndarray, joints: Iterable[int]) -> dict[int, float]:
    """Returns the heights of the labels of joints, apart on each side of the body."""
    apart = 0.035 * float(np.nanmax(pose[:, 1]) - np.nanmin(pose[:, 1]))
    middle, heights = np.nanmean(pose[:, 0]), {}
    for is_right in (False, True):
        last = -np.inf
        for joint in sorted(joints, key=lambda joint: pose[joint, 1]):
            if (pose[joint, 0] >= middle) == is_right:
                last = heights[joint] = max(float(pose[joint, 1]), last + apart)
    return heights


def strongest_pairs(graph: LearnedGraph, pose: np.ndarray, count: int = 6) -> list[tuple[int, int, float]]:
    """Returns the joint pairs with the largest additions: sender, receiver, addition."""
    added = graph.added.copy()
    np.fill_diagonal(added, 0)
    missing = ~np.isfinite(pose).all(axis=-1)
    added[missing] = added[:, missing] = 0
    order = np.argsort(-added, axis=None, kind="stable")[:count]
    pairs = [(*divmod(int(index), len(added)), float(added.flat[index])) for index in order]
    return [pair for pair in pairs if pair[2] > 0]


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
