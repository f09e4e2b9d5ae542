"""Scores of links: distributions of edges and negatives, and examples."""

from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch import Tensor

from graphkit.data.link_dataset import LinkDataset
from graphkit.experiments import RunFolder
from graphkit.report.style import SERIES, new_figure, style
from graphkit.training.batches import Batches
from graphkit.training.loop import collect
from graphkit.training.node_batches import node_loader

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Number of bins of a distribution, and of examples of a kind.
_BINS, _EXAMPLES = 40, 5


class LinkScores(NamedTuple):
    """Scores of the test pairs of a run.

    Args:
        score (Tensor): ``[P]``, sigmoid of the outputs.
        labels (Tensor): ``[P, 2]``, see :class:`~graphkit.data.link_dataset.LinkDataset`.
        pairs (list[tuple[str, str]]): Names of the nodes.
        directed (bool, optional): The two directions of a pair differ. (default: ``True``)
    """

    score: Tensor
    labels: Tensor
    pairs: list[tuple[str, str]]
    directed: bool = True

    @property
    def kinds(self) -> dict[str, Tensor]:
        """Masks of test edges, of random and of hard negatives."""
        is_edge, hard = self.labels[:, 0] == 1, self.labels[:, 1] >= 0
        masks = {"test edges": is_edge, "random negatives": ~is_edge & ~hard, "hard negatives": ~is_edge & hard}
        return {name: mask for name, mask in masks.items() if bool(mask.any())}


def test_links(fit: RunFolder) -> LinkScores:
    """Returns the scores of all test pairs of a fit."""
    dataset, model, batch_size = cast(LinkDataset, fit.dataset), fit.model, fit.config.train.batch_size
    nodes = node_loader(model, dataset, batch_size)
    output, y = collect(model, Batches(dataset, fit.split.test, batch_size, torch.device("cpu"), nodes=nodes))
    names = dataset.node_names or range(int(dataset.graphs[0].num_nodes or 0))
    pairs = [(str(names[u]), str(names[v])) for u, v in dataset.pairs[:, fit.split.test].t().tolist()]
    return LinkScores(output.sigmoid(), y, pairs, dataset.directed)


def score_distributions(scores: LinkScores) -> "Figure":
    """Draws the distribution of the scores of test edges and of negatives."""
    with style():
        figure = new_figure(5.4, 4.2)
        axis = figure.subplots()
        for color, (name, mask) in zip(SERIES, scores.kinds.items(), strict=False):
            density = torch.histc(scores.score[mask].float(), _BINS, 0, 1) / int(mask.sum())
            edges = torch.linspace(0, 1, _BINS + 1).tolist()
            axis.stairs(density.tolist(), edges, color=color, fill=True, alpha=0.15)
            axis.stairs(density.tolist(), edges, color=color, linewidth=1.4, label=name)
        axis.set(xlim=(0, 1), xlabel="score", ylabel="fraction of the pairs")
        axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
        return figure


def link_examples(scores: LinkScores) -> list[tuple[str, str, float]]:
    """Returns extreme test pairs: their kind, their nodes and their score.

    These are the edges with the largest and with the smallest scores, and the negatives with the largest ones.
    """
    kinds, chosen = scores.kinds, []
    cases = [("test edges", True, "edge, largest scores"), ("test edges", False, "edge, smallest scores")]
    cases += [(name, True, f"no edge, {name.split()[0]}") for name in ("random negatives", "hard negatives")]
    for name, largest, title in cases:
        if name not in kinds:
            continue
        rows = kinds[name].nonzero().flatten()
        order = scores.score[rows].argsort(descending=largest, stable=True)
        seen: dict[tuple[str, str], float] = {}
        for row in rows[order].tolist():  # a hard negative can be that of several edges
            pair = scores.pairs[row]
            if scores.directed or pair[::-1] not in seen:
                seen.setdefault(pair, float(scores.score[row]))
            if len(seen) == _EXAMPLES:
                break
        chosen += [(title, " – ".join(pair), score) for pair, score in seen.items()]
    return chosen
