"""The full citation graphs Cora and Cora-ML, and the co-purchase and co-author graphs of Shchur et al."""

from torch_geometric.datasets import Amazon, CitationFull, Coauthor

from graphkit.data.dataset import GraphDataset
from graphkit.data.node_data import from_masks
from graphkit.data.raw_files import read_raw
from graphkit.data.source import Request, Source, dataset

SHCHUR = "https://github.com/shchur/gnn-benchmark/raw/master/data/npz/"
CITATION_FULL = {
    name: Source(
        "CitationFull",
        f"{stem}/raw",
        (f"{stem}.npz",),
        f"https://github.com/abojchevski/graph2gauss/raw/master/data/{stem}.npz",
    )
    for name, stem in (("cora-full", "cora"), ("cora-ml", "cora_ml"))
}
AMAZON = {
    name: Source(
        "Amazon",
        f"{name.capitalize()}/raw",
        (f"amazon_electronics_{name}.npz",),
        f"{SHCHUR}amazon_electronics_{name}.npz",
    )
    for name in ("computers", "photo")
}
COAUTHOR = {
    name: Source("Coauthor", f"{folder}/raw", (f"ms_academic_{stem}.npz",), f"{SHCHUR}ms_academic_{stem}.npz")
    for name, folder, stem in (("cs", "CS", "cs"), ("physics", "Physics", "phy"))
}


@dataset(CITATION_FULL, task="node-classification")
def citation_full(request: Request) -> GraphDataset:
    """Reads a full citation graph; no published split, so a stratified one is drawn."""
    stem = request.source.raw.split("/")[0]
    data = read_raw(request, lambda root: CitationFull(root, stem)[0])
    return from_masks(request.name, data, "Bojchevski and Günnemann, Graph2Gauss, ICLR 2018; no published split")


@dataset(AMAZON, task="node-classification")
def amazon(request: Request) -> GraphDataset:
    """Reads products that are bought together; no published split, so a stratified one is drawn."""
    data = read_raw(request, lambda root: Amazon(root, request.name)[0])
    return from_masks(request.name, data, "Shchur et al., Pitfalls of GNN Evaluation, 2018; no published split")


@dataset(COAUTHOR, task="node-classification")
def coauthor(request: Request) -> GraphDataset:
    """Reads authors that wrote a paper together; no published split, so a stratified one is drawn."""
    data = read_raw(request, lambda root: Coauthor(root, request.name)[0])
    return from_masks(request.name, data, "Shchur et al., Pitfalls of GNN Evaluation, 2018; no published split")
