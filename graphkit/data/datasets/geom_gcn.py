"""Heterophilous graphs with ten published splits: WebKB and Actor."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.utils import coalesce

from graphkit.data.checks import check_edges
from graphkit.data.dataset import GraphDataset
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.raw_files import read_files
from graphkit.data.raw_tables import check_dense, open_text, read_npz, read_table, reading
from graphkit.data.single_graph import MASKS, bool_mask, from_masks
from graphkit.data.sources import NO_LICENSE
from graphkit.errors import InputError

ADDRESS = "https://raw.githubusercontent.com/graphdml-uiuc-jlu/geom-gcn/master"
FEATURES, EDGES = "out1_node_feature_label.txt", "out1_graph_edges.txt"
NUM_SPLITS = 10
NUM_BYTES = {"actor": 573_722, "texas": 633_691, "wisconsin": 867_545}


def _source(name: str, folder: str, raw: str, stem: str) -> Source:
    splits = tuple(f"{stem}_split_0.6_0.2_{k}.npz" for k in range(NUM_SPLITS))
    tables = tuple(f"{ADDRESS}/new_data/{stem}/{name}" for name in (FEATURES, EDGES))
    urls = (*tables, *(f"{ADDRESS}/splits/{name}" for name in splits))
    return Source(
        folder,
        raw,
        (FEATURES, EDGES, *splits),
        ADDRESS,
        urls=urls,
        citation="Pei et al., Geom-GCN, ICLR 2020",
        license=NO_LICENSE,
        num_bytes=NUM_BYTES.get(name),
    )


WEBKB = {name: _source(name, "WebKB", f"{name}/raw", name) for name in ("texas", "wisconsin", "cornell")}


@dataset(WEBKB, task="node-classification")
def webkb(request: Request) -> GraphDataset:
    """Loads the directed web graph of a university, with ten splits of 48/32/20 %."""
    data = read_files(request, lambda raw: _read(raw, request.name, listed=False))
    return from_masks(request.name, data, f"{request.source.citation}; ten published splits")


@dataset({"actor": _source("actor", "Actor", "raw", "film")}, task="node-classification")
def actor(request: Request) -> GraphDataset:
    """Loads the directed graph of actors on Wikipedia, with ten splits of 48/32/20 %.

    Most edges are listed in one direction only, as in the published code. The transform ``undirected`` adds reverse
    edges.
    """
    return from_masks(
        request.name,
        read_files(request, lambda raw: _read(raw, "film", listed=True)),
        f"{request.source.citation}; ten published splits",
    )


def _read(raw: Path, stem: str, listed: bool) -> Data:
    """Reads a graph.

    Args:
        raw (Path): Folder of the files.
        stem (str): Prefix of the names of the split files.
        listed (bool): Rows list the indices of nonzero features, instead of all features as 0 or 1.
    """
    x, y = _nodes(raw / FEATURES, listed)
    edge_index = torch.from_numpy(read_table(raw / EDGES, 2, "\t", header=1)).t().contiguous()
    check_edges(edge_index, y.numel(), EDGES)
    masks: list[list[Tensor]] = [[], [], []]
    for k in range(NUM_SPLITS):
        path = raw / f"{stem}_split_0.6_0.2_{k}.npz"
        for columns, values, name in zip(masks, read_npz(path, *MASKS), MASKS, strict=True):
            columns.append(bool_mask(values, (y.numel(),), f"{path.name}: `{name}`"))
    train, val, test = (torch.stack(columns, dim=1) for columns in masks)
    edge_index = coalesce(edge_index, num_nodes=y.numel())
    return Data(x=x, edge_index=edge_index, y=y, train_mask=train, val_mask=val, test_mask=test)


def _nodes(path: Path, listed: bool) -> tuple[Tensor, Tensor]:
    """Reads the features ``[N, F]`` and labels ``[N]``, sorted by node."""
    ids, labels, features = [], [], []
    with reading(path), open_text(path) as file:
        file.readline()
        for line in filter(str.strip, file):
            node, values, label = line.rstrip("\n").split("\t")
            ids.append(int(node))
            labels.append(int(label))
            features.append(np.array(values.split(","), dtype=np.int64))
        order = np.argsort(ids)
        if not ids or not np.array_equal(np.array(ids)[order], np.arange(len(ids))):
            raise InputError(f"{path.name}: nodes must be numbered from 0, once each")
        if listed:
            used, counts = np.concatenate(features), [row.size for row in features]
            if used.min() < 0:
                raise InputError(f"{path.name}: a feature has the number {used.min()}")
            check_dense(path, len(ids), int(used.max()) + 1)
            x = torch.zeros(len(ids), int(used.max()) + 1)
            x[torch.from_numpy(np.repeat(ids, counts)), torch.from_numpy(used)] = 1.0
        else:
            if len({row.size for row in features}) > 1:
                raise InputError(f"{path.name}: all nodes must have as many features")
            x = torch.from_numpy(np.stack(features)[order]).float()
        return x, torch.tensor(labels)[torch.from_numpy(order)]
