"""Reddit: graph of posts with common commenters."""

from pathlib import Path

import numpy as np
import torch
from torch_geometric.data import Data
from torch_geometric.utils import coalesce

from graphkit.data.checks import check_edges
from graphkit.data.dataset import GraphDataset
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.raw_files import read_files
from graphkit.data.raw_tables import read_npz
from graphkit.data.single_graph import MASKS, from_masks
from graphkit.data.sources import NO_LICENSE
from graphkit.errors import InputError

ADDRESS = "https://data.dgl.ai/dataset/reddit.zip"
DATA, GRAPH = "reddit_data.npz", "reddit_graph.npz"


SOURCE = Source(
    "Reddit",
    "raw",
    (DATA, GRAPH),
    ADDRESS,
    urls=(ADDRESS,),
    citation="Hamilton et al., GraphSAGE, NeurIPS 2017",
    license=NO_LICENSE,
)


@dataset({"reddit": SOURCE}, task="node-classification")
def reddit(request: Request) -> GraphDataset:
    """Loads the graph of 232,965 posts with the published split by day.

    Loading needs about 10 GB of memory.
    """
    data = read_files(request, _read)
    return from_masks(request.name, data, f"{request.source.citation}; published split by day")


def _read(raw: Path) -> Data:
    x, y, kind = read_npz(raw / DATA, "feature", "label", "node_types")
    if x.ndim != 2 or y.shape != x.shape[:1] or kind.shape != x.shape[:1]:
        raise InputError(f"{DATA}: there must be features, a label and a type for each node (got {list(x.shape)})")
    row, column = read_npz(raw / GRAPH, "row", "col")
    if row.shape != column.shape or row.ndim != 1 or row.dtype.kind not in "iu" or column.dtype.kind not in "iu":
        raise InputError(f"{GRAPH}: rows and columns must be as many whole numbers")
    edge_index = torch.from_numpy(np.stack([row, column]).astype(np.int64))
    check_edges(edge_index, len(x), GRAPH)
    data = Data(x=torch.from_numpy(x), edge_index=coalesce(edge_index, num_nodes=len(x)), y=torch.from_numpy(y))
    for number, name in enumerate(MASKS, start=1):
        data[name] = torch.from_numpy(kind == number)
    return data
