"""The heterophilous graphs of Platonov et al., with ten published splits."""

from torch_geometric.datasets import HeterophilousGraphDataset

from graphkit.data.dataset import GraphDataset
from graphkit.data.node_data import from_masks
from graphkit.data.raw_files import read_raw
from graphkit.data.source import Request, Source, dataset

BINARY = ("minesweeper", "tolokers", "questions")
MULTICLASS = ("roman-empire", "amazon-ratings")


def _source(name: str) -> Source:
    stem = name.replace("-", "_")
    address = f"https://github.com/yandex-research/heterophilous-graphs/raw/main/data/{stem}.npz"
    return Source("HeterophilousGraphDataset", f"{stem}/raw", (f"{stem}.npz",), address)


TASKS = {
    **dict.fromkeys(BINARY, "multilabel-node-classification"),
    **dict.fromkeys(MULTICLASS, "node-classification"),
}


@dataset({name: _source(name) for name in TASKS}, task=TASKS)
def heterophilous(request: Request) -> GraphDataset:
    """Reads a graph with ten splits of 50/25/25 %.

    The sets with two classes are scored by ROC-AUC as published, and therefore come as one yes-or-no label per node.
    """
    data = read_raw(request, lambda root: HeterophilousGraphDataset(root, request.name)[0])
    citation = "Platonov et al., A critical look at the evaluation of GNNs under heterophily, ICLR 2023; ten splits"
    dataset = from_masks(request.name, data, citation)
    if request.name in MULTICLASS:
        return dataset
    graph = dataset.graphs[0]
    graph.y = graph.y.float().unsqueeze(1)
    return dataset.replace(task=TASKS[request.name], num_outputs=1, metric="roc-auc")
