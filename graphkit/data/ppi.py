"""Protein interactions in 24 human tissues, with many labels per protein."""

from torch_geometric.datasets import PPI

from graphkit.data.dataset import GraphDataset
from graphkit.data.parts import read_parts
from graphkit.data.source import Request, Source, dataset

TABLES = ("feats.npy", "graph_id.npy", "graph.json", "labels.npy")
PARTS = ("train", "valid", "test")
SOURCE = Source(
    "PPI",
    "raw",
    tuple(f"{part}_{table}" for part in PARTS for table in TABLES),
    "https://data.dgl.ai/dataset/ppi.zip",
)


@dataset({"ppi": SOURCE}, task="multilabel-node-classification")
def ppi(request: Request) -> GraphDataset:
    """Reads 20 training, 2 validation and 2 test graphs with 121 labels per node, scored by micro-F1."""
    graphs, split = read_parts(request, PPI)
    return GraphDataset(
        name=request.name,
        task="multilabel-node-classification",
        graphs=graphs,
        splits=(split,),
        num_features=graphs.node["x"].size(1),
        num_outputs=graphs.node["y"].size(1),
        metric="micro-f1",
        citation="Hamilton et al., GraphSAGE, NeurIPS 2017; 20, 2 and 2 graphs as published",
    )
