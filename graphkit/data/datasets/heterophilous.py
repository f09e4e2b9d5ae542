"""Heterophilous graphs of Platonov et al., with ten published splits."""

from pathlib import Path

import torch
from torch_geometric.data import Data
from torch_geometric.utils import to_undirected

from graphkit.data.checks import check_edges
from graphkit.data.dataset import GraphDataset
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.raw_files import read_files
from graphkit.data.raw_tables import read_npz
from graphkit.data.single_graph import MASKS, bool_mask, from_masks
from graphkit.data.sources import REPOSITORY_MIT
from graphkit.errors import InputError

BINARY = ("minesweeper", "tolokers", "questions")
MULTICLASS = ("roman-empire", "amazon-ratings")
ARRAYS = ("node_features", "node_labels", "edges", "train_masks", "val_masks", "test_masks")


def _source(name: str) -> Source:
    stem = name.replace("-", "_")
    address = f"https://github.com/yandex-research/heterophilous-graphs/raw/main/data/{stem}.npz"
    return Source(
        "HeterophilousGraphDataset",
        f"{stem}/raw",
        (f"{stem}.npz",),
        address,
        urls=(address,),
        citation="Platonov et al., A critical look at the evaluation of GNNs under heterophily, ICLR 2023",
        license=REPOSITORY_MIT,
        num_bytes=135_045 if name == "minesweeper" else None,
    )


TASKS = {
    **dict.fromkeys(BINARY, "multilabel-node-classification"),
    **dict.fromkeys(MULTICLASS, "node-classification"),
}


@dataset({name: _source(name) for name in TASKS}, task=TASKS)
def heterophilous(request: Request) -> GraphDataset:
    """Loads an undirected heterophilous graph, with ten splits of 50/25/25 %.

    Binary data sets are evaluated by ROC-AUC, as published, and therefore have one binary label per node.
    """
    data = read_files(request, lambda raw: _read(raw / request.source.files[0]))
    dataset = from_masks(request.name, data, f"{request.source.citation}; ten splits")
    if request.name in MULTICLASS:
        return dataset
    graph = dataset.graphs[0]
    if dataset.num_outputs != 2:
        raise InputError(f"the labels of '{request.name}' must be 0 and 1 (got {dataset.num_outputs} classes)")
    graph.y = graph.y.float().masked_fill(graph.y < 0, float("nan")).unsqueeze(1)
    return dataset.replace(task=TASKS[request.name], num_outputs=1, metric="roc-auc")


def _read(path: Path) -> Data:
    x, y, edges, *masks = read_npz(path, *ARRAYS)
    matrices = x.ndim == edges.ndim == 2 and all(mask.ndim == 2 for mask in masks)
    if not matrices or y.shape != x.shape[:1] or edges.shape[1] != 2 or edges.dtype.kind not in "iu":
        raise InputError(f"{path.name}: the shapes of the arrays do not match")
    edge_index = torch.from_numpy(edges.astype("int64")).t().contiguous()
    check_edges(edge_index, len(y), path.name)
    data = Data(x=torch.from_numpy(x), y=torch.from_numpy(y), edge_index=to_undirected(edge_index, num_nodes=len(y)))
    for name, values in zip(MASKS, masks, strict=True):
        data[name] = bool_mask(values.T, (len(y), len(values)), f"{path.name}: `{name}s`").contiguous()
    return data
