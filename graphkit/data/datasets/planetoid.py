"""Planetoid citation graphs with the public split: Cora, CiteSeer and PubMed."""

from itertools import chain, repeat
from pathlib import Path

import numpy as np
import torch
from torch_geometric.data import Data
from torch_geometric.utils import coalesce, remove_self_loops

from graphkit.data.checks import check_edges
from graphkit.data.dataset import GraphDataset
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.labels import NO_LABEL
from graphkit.data.raw_files import read_files
from graphkit.data.raw_tables import check_dense, read_table
from graphkit.data.single_graph import from_masks
from graphkit.data.sources import REPOSITORY_MIT
from graphkit.data.unpickle import as_array, read_pickle
from graphkit.errors import InputError

SPELLING = {"cora": "Cora", "citeseer": "CiteSeer", "pubmed": "PubMed"}
PARTS = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")
ADDRESS = "https://github.com/kimiyoung/planetoid/raw/master/data"
NUM_VALIDATION = 500
NUM_BYTES = {"cora": 572_444, "citeseer": 1_036_188}


def _source(name: str) -> Source:
    names = tuple(f"ind.{name}.{suffix}" for suffix in PARTS)
    urls = tuple(f"{ADDRESS}/{file}" for file in names)
    return Source(
        "Planetoid",
        f"{SPELLING[name]}/raw",
        names,
        ADDRESS,
        urls=urls,
        pickled=True,
        citation="Yang et al., Revisiting Semi-Supervised Learning with Graph Embeddings, ICML 2016",
        license=REPOSITORY_MIT,
        num_bytes=NUM_BYTES.get(name),
    )


@dataset({name: _source(name) for name in SPELLING}, task="node-classification")
def planetoid(request: Request) -> GraphDataset:
    """Loads a citation graph with the public split.

    The split has 20 training nodes per class, 500 validation and 1000 test nodes. Features are bags of words as stored;
    the transform ``normalize-features`` normalizes the rows. Edges are undirected, without duplicates and self loops.
    Nodes without a class have the label -1 (15 of CiteSeer). From the pickles, only arrays, sparse matrices and
    dictionaries are read.
    """
    data = read_files(request, lambda raw: _read(raw, f"ind.{request.name}"))
    return from_masks(request.name, data, f"{request.source.citation}; public split")


def _read(raw: Path, stem: str) -> Data:
    paths = {key: raw / f"{stem}.{key}" for key in PARTS}
    arrays = {key: as_array(read_pickle(paths[key]), paths[key]) for key in ("tx", "allx", "y", "ty", "ally")}
    tx, allx, ty, ally = (arrays[key] for key in ("tx", "allx", "ty", "ally"))
    test = read_table(paths["test.index"], 1)[:, 0]
    first, num_train = allx.shape[0], arrays["y"].shape[0]
    same = ally.shape[:1] == (first,) and ty.shape[:1] == tx.shape[:1] == (test.size,)
    if not same or allx.ndim != 2 or allx.shape[1:] != tx.shape[1:] or ally.ndim != 2 or ally.shape[1:] != ty.shape[1:]:
        raise InputError(f"{stem}.*: the shapes of the arrays do not match")
    if np.unique(test).size != test.size or test.min(initial=first) < first:
        raise InputError(f"{stem}.test.index: test nodes must be named once and be {first} or more")
    num_nodes = max(first, int(test.max(initial=-1)) + 1)
    check_dense(paths["allx"], num_nodes, allx.shape[1])
    x = np.zeros((num_nodes, allx.shape[1]), np.float32)
    x[:first], x[test] = allx, tx
    one_hot = np.zeros((num_nodes, ally.shape[1]), ally.dtype)
    one_hot[:first], one_hot[test] = ally, ty
    labeled = one_hot.sum(axis=1) == 1
    if bool(((one_hot != 0) & (one_hot != 1)).any()) or bool((one_hot.sum(axis=1) > 1).any()):
        raise InputError(f"{stem}.ally: each row of labels must have a single one, or zeros alone")
    train = torch.arange(num_nodes)
    test_mask = torch.zeros(num_nodes, dtype=torch.bool)
    test_mask[torch.from_numpy(test)] = True
    return Data(
        x=torch.from_numpy(x),
        edge_index=_edges(paths["graph"], num_nodes),
        y=torch.from_numpy(np.where(labeled, one_hot.argmax(axis=1), NO_LABEL)),
        train_mask=train < num_train,
        val_mask=(train >= num_train) & (train < min(num_train + NUM_VALIDATION, first)),
        test_mask=test_mask,
    )


def _edges(path: Path, num_nodes: int) -> torch.Tensor:
    """Returns the edges of an adjacency dictionary of lists."""
    graph = read_pickle(path)
    if not isinstance(graph, dict) or not all(isinstance(neighbors, list) for neighbors in graph.values()):
        raise InputError(f"{path.name}: it must be a dictionary of lists")
    if sum(map(len, graph.values())) > path.stat().st_size:  # lists may be shared by reference
        raise InputError(f"{path.name}: it has more edges than bytes")
    sources = chain.from_iterable(repeat(node, len(neighbors)) for node, neighbors in graph.items())
    ends = list(sources), list(chain.from_iterable(graph.values()))
    if not all(type(node) is int and 0 <= node < num_nodes for node in chain(*ends)):
        wrong = next(node for node in chain(*ends) if type(node) is not int or not 0 <= node < num_nodes)
        raise InputError(f"{path.name}: an edge names the node {wrong!r}, but nodes are numbered 0 to {num_nodes - 1}")
    edge_index = torch.tensor(ends, dtype=torch.long).view(2, -1)
    check_edges(edge_index, num_nodes, path.name)
    return coalesce(remove_self_loops(edge_index)[0], num_nodes=num_nodes, sort_by_row=False)
