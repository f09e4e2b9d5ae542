"""Heterophilous graphs with ten published splits: three of WebKB, and Actor."""

from torch_geometric.datasets import Actor, WebKB

from graphkit.data.dataset import GraphDataset
from graphkit.data.node_data import from_masks
from graphkit.data.raw_files import read_raw
from graphkit.data.source import Request, Source, dataset

ADDRESS = "https://raw.githubusercontent.com/graphdml-uiuc-jlu/geom-gcn/master"
TABLES = ("out1_node_feature_label.txt", "out1_graph_edges.txt")
CITATION = "Pei et al., Geom-GCN, ICLR 2020; ten published splits"


def _files(stem: str) -> tuple[str, ...]:
    return (*TABLES, *(f"{stem}_split_0.6_0.2_{k}.npz" for k in range(10)))


WEBKB = {name: Source("WebKB", f"{name}/raw", _files(name), ADDRESS) for name in ("texas", "wisconsin", "cornell")}


@dataset(WEBKB, task="node-classification")
def webkb(request: Request) -> GraphDataset:
    """Reads web pages of a university, linked as published (directed), with ten splits of 48/32/20 %."""
    return from_masks(request.name, read_raw(request, lambda root: WebKB(root, request.name)[0]), CITATION)


@dataset({"actor": Source("Actor", "raw", _files("film"), ADDRESS)}, task="node-classification")
def actor(request: Request) -> GraphDataset:
    """Reads actors that share a Wikipedia page, linked as published (directed), with ten splits of 48/32/20 %."""
    return from_masks(request.name, read_raw(request, lambda root: Actor(root)[0]), CITATION)
