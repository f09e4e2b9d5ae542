"""Figure of class outputs: calibration, and a projection of the outputs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from graphkit.report.style import LINE, MUTED, SERIES, new_figure, panels, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Number of bins of the confidence.
_BINS = 10
#: Largest number of items that the projection shows.
POINTS = 2_000


class Calibration(NamedTuple):
    """Accuracy and mean confidence of items in bins of equal width of the confidence.

    Args:
        confidence (Tensor): ``[10]``, mean largest probability of the items of each bin.
        accuracy (Tensor): ``[10]``, fraction of correct items of each bin.
        items (Tensor): ``[10]``, number of items of each bin.
        error (float): Expected calibration error: mean of ``|accuracy - confidence|`` over bins, weighted by items.
    """

    confidence: Tensor
    accuracy: Tensor
    items: Tensor
    error: float


def calibration(probability: Tensor, y: Tensor) -> Calibration:
    """Computes the calibration of predicted probabilities.

    Args:
        probability (Tensor): ``[B, C]``.
        y (Tensor): ``[B]``, true classes.

    Reference:
        Guo et al., *On Calibration of Modern Neural Networks*, ICML 2017.
    """
    confidence, prediction = probability.double().max(dim=1)
    index = (confidence * _BINS).long().clamp(max=_BINS - 1)
    count = torch.bincount(index, minlength=_BINS).double()
    sums = [torch.bincount(index, weights=value, minlength=_BINS) for value in (confidence, (prediction == y).double())]
    mean_confidence, accuracy = (total / count.clamp(min=1) for total in sums)
    error = float((count * (accuracy - mean_confidence).abs()).sum() / count.sum().clamp(min=1))
    return Calibration(mean_confidence, accuracy, count, error)


def projection(output: Tensor) -> tuple[Tensor, Tensor]:
    """Projects outputs on their first two principal components.

    The sign of a component is such that its largest loading is positive.

    Args:
        output (Tensor): ``[B, C]`` with at least two columns.

    Returns:
        Coordinates ``[B, 2]``, and the share of the variance of each component.
    """
    centered = output.double() - output.double().mean(dim=0)
    _, scale, components = torch.linalg.svd(centered, full_matrices=False)
    components = components[:2]
    largest = components.gather(1, components.abs().argmax(dim=1, keepdim=True))
    shares = scale.square() / scale.square().sum().clamp(min=1e-30)
    return centered @ (components * largest.sign()).t(), shares[:2]


def class_outputs_picture(output: Tensor, result: Calibration, y: Tensor, names: Sequence[str] = ()) -> "Figure":
    """Draws the calibration and the first two components of the outputs.

    Args:
        output (Tensor): ``[B, C]``, outputs.
        result (Calibration): Their calibration.
        y (Tensor): ``[B]``, true classes.
        names (list[str], optional): Names of the classes. (default: class indices)
    """
    with style():
        figure = new_figure(10.8, 3.7)
        left, right = (panel.subplots() for panel in panels(figure, 1, 2, (1, 1.35)))
        used = (result.items > 0).nonzero().flatten().tolist()
        width = 1 / _BINS
        centers = [(index + 0.5) * width for index in used]
        accuracies = result.accuracy[used].tolist()
        left.bar(centers, accuracies, width=0.92 * width, color=SERIES[0], alpha=0.85, label="accuracy")
        left.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--", label="calibrated")
        for center, accuracy, count in zip(centers, accuracies, result.items[used].tolist(), strict=True):
            text = f"{int(count):,}"
            left.text(center, accuracy + 0.015, text, ha="center", va="bottom", fontsize=7, color=MUTED)
        left.set(xlim=(0, 1), ylim=(0, 1.06), xlabel="confidence (largest probability)", ylabel="accuracy")
        left.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
        if output.size(0) > POINTS:
            chosen = torch.arange(POINTS) * output.size(0) // POINTS
            output, y = output[chosen], y[chosen]
        components, shares = projection(output)
        points = components.numpy()
        num_classes = output.size(1)
        labels = [name if len(name) <= 24 else f"{name[:23]}…" for name in map(str, names or range(num_classes))]
        for index in range(num_classes):
            of_class = points[(y == index).numpy()]
            marker = "o^sDvPX"[index // len(SERIES) % 7]
            color = SERIES[index % len(SERIES)]
            right.scatter(of_class[:, 0], of_class[:, 1], s=9, color=color, marker=marker, linewidths=0, alpha=0.7,
                          label=labels[index], rasterized=len(points) > 500)  # fmt: skip
        right.axhline(0, color=LINE, linewidth=0.6, zorder=0)
        right.axvline(0, color=LINE, linewidth=0.6, zorder=0)
        axes = [f"component {number + 1} of the outputs ({share:.0%})" for number, share in enumerate(shares.tolist())]
        right.set(xlabel=axes[0], ylabel=axes[1])
        if num_classes <= 16:
            right.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), markerscale=1.6, title="true class")
        return figure
