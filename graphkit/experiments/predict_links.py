"""Predictions of links: scores of given pairs, and the best new links of nodes."""

from dataclasses import dataclass
from typing import Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor

from graphkit.data.link_dataset import LinkDataset
from graphkit.data.non_edges import pair_keys
from graphkit.data.user.link_pairs import read_pairs
from graphkit.errors import InputError
from graphkit.experiments.predictions import Predictions
from graphkit.experiments.run_folder import RunFolder
from graphkit.nn.models.link_model import LinkModel
from graphkit.training.environment import pick_device
from graphkit.training.node_batches import node_loader

#: Pairs that are scored at once, and most pairs of nodes for the best links of all nodes.
_BLOCK, MOST = 2**18, 10**9


@dataclass(frozen=True, eq=False, repr=False)
class LinkPredictions(Predictions):
    """Predictions for pairs of nodes.

    Args:
        ids (tuple[str or int, ...]): First node of each of the ``P`` pairs.
        prediction (numpy.ndarray): ``[P]`` scores: the sigmoid of the output. It is the probability of a link among as
            many links as random pairs.
        to (tuple[str or int, ...]): Second node of each pair.
        target (numpy.ndarray, optional): ``[P]``, 1 for an edge of the data and 0 for none. (default: ``None``)
        split (tuple[str, ...], optional): Subset of each edge, ``""`` for no edge. (default: ``()``)
    """

    of_pairs: ClassVar[bool] = True
    to: tuple[str | int, ...] = ()

    def __repr__(self) -> str:
        return f"LinkPredictions({len(self)} pairs)"

    def columns(self) -> dict[str, list[Any]]:
        """Returns the columns ``source``, ``target``, ``score``, ``edge`` and ``split``."""
        columns = {"source": [*self.ids], "target": [*self.to], "score": self.prediction.tolist()}
        if self.target is not None:
            columns["edge"] = self.target.tolist()
        return {**columns, "split": [*self.split]} if self.split else columns

    def rows(self) -> Any:
        """Yields rows of Python values, see :meth:`columns`."""
        columns = self.columns()
        for row in zip(*columns.values(), strict=True):
            yield dict(zip(columns, row, strict=True))


def predict_links(run: RunFolder, data: Any = None, device: str = "auto", top: int | None = None) -> LinkPredictions:
    """Scores pairs of nodes by the fit with the best validation score.

    Messages are the training edges, as in validation and test, so that scores can be compared with those of the test.

    Args:
        run (RunFolder): A completed run of link prediction.
        data (str, Path or object, optional): Pairs, see :func:`~graphkit.data.user.link_pairs.read_pairs`.
            (default: ``None``, the edges of the data set and the random negatives)
        device (str, optional): Device, such as ``"cpu"`` or ``"cuda:0"``. (default: ``"auto"``)
        top (int, optional): Number of new links of each node with the largest scores, instead of ``data``.
            (default: ``None``)

    Raises:
        InputError: If pairs are invalid, both ``data`` and ``top`` are given, or the graph is too large for ``top``.
    """
    fit, torch_device = run.best, pick_device(device)
    dataset = cast(LinkDataset, fit.dataset)
    num_nodes = int(dataset.graphs[0].num_nodes or 0)
    notes: tuple[str, ...] = ()
    if top is not None:
        _check_top(top, data, num_nodes)
    elif data is not None:
        pairs, notes = read_pairs(data, num_nodes, dataset.node_names)
    else:
        items = torch.cat([dataset.selection_items(ids, "") for ids in vars(dataset.splits[0]).values()])
        pairs = dataset.pairs[:, items]
    model = cast(LinkModel, fit.model.to(torch_device))
    embedding = embed_nodes(model, dataset, fit.config.train.batch_size, torch_device)
    if top is not None:
        pairs, score = _best(model, embedding, dataset, top)
    else:
        score = _scores(model, embedding, pairs)
    keys = pair_keys(dataset.pairs, num_nodes, dataset.directed)
    subset: dict[int, str] = {}
    for name, ids in vars(dataset.splits[0]).items():
        subset |= dict.fromkeys(keys[ids[dataset.labels[ids, 0] == 1]].tolist(), name)
    split = tuple(subset.get(key, "") for key in pair_keys(pairs, num_nodes, dataset.directed).tolist())
    names = dataset.node_names or range(num_nodes)
    source, target = (tuple(names[node] for node in ends) for ends in pairs.tolist())
    edge = None if top is not None else np.array([int(bool(name)) for name in split])
    return LinkPredictions(
        ids=source,
        to=target,
        prediction=score.numpy(),
        target=edge,
        split=() if top is not None else split,
        notes=(*dataset.notes, *notes),
    )


def _check_top(top: int, data: Any, num_nodes: int) -> None:
    """Raises an error for an invalid number of links, or a graph with too many pairs."""
    if data is not None:
        raise InputError("expected pairs or `top`, got both; leave one of them out")
    if isinstance(top, bool) or not isinstance(top, int) or top < 1:
        raise InputError(f"`top` must be a whole number of at least 1 (got {top!r})")
    if num_nodes**2 > MOST:
        raise InputError(
            f"expected at most {int(MOST**0.5):,} nodes for `top`, got {num_nodes:,}; give a table of pairs instead"
        )


@torch.no_grad()
def embed_nodes(model: LinkModel, dataset: LinkDataset, batch_size: int | None, device: torch.device) -> Tensor:
    """Returns the embeddings of all nodes ``[N, C]``, in the batches of the training."""
    model.eval()
    nodes, graph = node_loader(model, dataset, batch_size), dataset.graphs[0]
    if nodes is None:
        return cast(Tensor, model.network(**model.network.inputs(graph.clone().to(device))))
    rows = []
    for batch in nodes.over(torch.arange(int(graph.num_nodes or 0))):
        batch = batch.to(device)
        rows.append(model.network(**model.network.inputs(batch))[: batch.batch_size])
    return torch.cat(rows)


@torch.no_grad()
def _scores(model: LinkModel, embedding: Tensor, pairs: Tensor) -> Tensor:
    """Returns the scores of some pairs, on the CPU."""
    blocks = pairs.to(embedding.device).split(_BLOCK, dim=1)
    return torch.cat([model.decode(embedding, block).sigmoid().float().cpu() for block in blocks])


def _best(model: LinkModel, embedding: Tensor, dataset: LinkDataset, top: int) -> tuple[Tensor, Tensor]:
    """Returns the pairs without an edge of each node with the largest scores."""
    num_nodes = embedding.size(0)
    edges = dataset.edge_pairs
    edges = edges if dataset.directed else torch.cat([edges, edges.flip(0)], dim=1)
    pairs, scores = [], []
    for sources in torch.arange(num_nodes).split(max(1, _BLOCK // num_nodes)):
        grid = torch.cartesian_prod(sources, torch.arange(num_nodes)).t()
        score = _scores(model, embedding, grid).view(-1, num_nodes)
        score[torch.arange(len(sources)), sources] = -1.0
        within = (edges[0] >= sources[0]) & (edges[0] <= sources[-1])
        score[edges[0, within] - sources[0], edges[1, within]] = -1.0
        values, targets = score.topk(min(top, num_nodes), dim=1)
        kept = values >= 0
        pairs.append(torch.stack([sources.view(-1, 1).expand_as(targets)[kept], targets[kept]]))
        scores.append(values[kept])
    return torch.cat(pairs, dim=1), torch.cat(scores)
