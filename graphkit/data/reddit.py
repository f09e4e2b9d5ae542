"""Posts of Reddit, linked where the same user commented on both."""

from torch_geometric.datasets import Reddit

from graphkit.data.dataset import GraphDataset
from graphkit.data.node_data import from_masks
from graphkit.data.raw_files import read_raw
from graphkit.data.source import Request, Source, dataset

SOURCE = Source("Reddit", "raw", ("reddit_data.npz", "reddit_graph.npz"), "https://data.dgl.ai/dataset/reddit.zip")


@dataset({"reddit": SOURCE}, task="node-classification")
def reddit(request: Request) -> GraphDataset:
    """Reads the graph of 232,965 posts with the published split by day; it needs about 10 GB of memory."""
    data = read_raw(request, lambda root: Reddit(root)[0])
    return from_masks(request.name, data, "Hamilton et al., GraphSAGE, NeurIPS 2017; published split by day")
