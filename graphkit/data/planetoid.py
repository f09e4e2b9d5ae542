"""Citation graphs with the public split: Cora, CiteSeer and PubMed."""

from torch_geometric.datasets import Planetoid

from graphkit.data.dataset import GraphDataset
from graphkit.data.node_data import from_masks
from graphkit.data.raw_files import read_raw
from graphkit.data.source import Request, Source, dataset

SPELLING = {"cora": "Cora", "citeseer": "CiteSeer", "pubmed": "PubMed"}
PARTS = ("x", "tx", "allx", "y", "ty", "ally", "graph", "test.index")
SOURCES = {
    name: Source(
        "Planetoid",
        f"{spelling}/raw",
        tuple(f"ind.{name}.{part}" for part in PARTS),
        "https://github.com/kimiyoung/planetoid/raw/master/data",
    )
    for name, spelling in SPELLING.items()
}


@dataset(SOURCES, task="node-classification")
def planetoid(request: Request) -> GraphDataset:
    """Reads a citation graph; 20 training nodes per class, 500 validation and 1000 test nodes as published.

    Features are bags of words as stored; the transform ``normalize-features`` makes the rows sum to one.
    """
    data = read_raw(request, lambda root: Planetoid(root, SPELLING[request.name])[0])
    citation = "Yang et al., Revisiting Semi-Supervised Learning with Graph Embeddings, ICML 2016; public split"
    return from_masks(request.name, data, citation)
