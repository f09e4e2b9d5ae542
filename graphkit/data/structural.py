"""Small graphs without node features: airports, e-mails of an institution, and the karate club."""

from pathlib import Path

import numpy as np
import torch
from torch_geometric.data import Data, download_url, extract_gz
from torch_geometric.datasets import Airports, KarateClub
from torch_geometric.utils import coalesce

from graphkit.data.dataset import GraphDataset
from graphkit.data.node_data import from_masks
from graphkit.data.raw_files import read_raw
from graphkit.data.source import Request, Source, dataset

SNAP = "https://snap.stanford.edu/data"
STRUC2VEC = "https://github.com/leoribeiro/struc2vec/raw/master/graph"
AIRPORTS = {
    f"airports-{name}": Source(
        "Airports", f"{name}/raw", (f"{name}-airports.edgelist", f"labels-{name}-airports.txt"), STRUC2VEC
    )
    for name in ("usa", "europe", "brazil")
}
EMAIL = Source(
    "EmailEUCore",
    "raw",
    ("email-Eu-core.txt", "email-Eu-core-department-labels.txt"),
    f"{SNAP}/email-Eu-core.txt.gz",
)


@dataset(AIRPORTS, task="node-classification")
def airports(request: Request) -> GraphDataset:
    """Reads flights between airports in four classes of activity; features are one-hot node numbers."""
    data = read_raw(request, lambda root: Airports(root, request.name.removeprefix("airports-"))[0])
    return from_masks(request.name, data, "Ribeiro et al., struc2vec, KDD 2017; no published split")


@dataset({"email-eu-core": EMAIL}, task="node-classification")
def email_eu_core(request: Request) -> GraphDataset:
    """Reads e-mails between the members of 42 departments (directed); features are one-hot node numbers."""

    def reader(root: str) -> Data:
        # Not PyG's loader, which needs pandas.
        folder = Path(root, "raw")
        for name in EMAIL.files:
            if not (folder / name).is_file():
                extract_gz(download_url(f"{SNAP}/{name}.gz", str(folder)), str(folder))
                (folder / f"{name}.gz").unlink()
        edges, labels = (np.loadtxt(folder / name, dtype=np.int64) for name in EMAIL.files)
        y = torch.from_numpy(labels[np.argsort(labels[:, 0]), 1])
        edge_index = coalesce(torch.from_numpy(edges).t().contiguous(), num_nodes=y.numel())
        return Data(x=torch.eye(y.numel()), edge_index=edge_index, y=y)

    data = read_raw(request, reader)
    return from_masks(request.name, data, "Leskovec et al., SNAP, email-Eu-core; no published split")


@dataset({"karate": Source(address="comes with PyTorch Geometric")}, task="node-classification")
def karate(request: Request) -> GraphDataset:
    """Returns the 34 members of the karate club in four communities; features are one-hot node numbers."""
    return from_masks(request.name, KarateClub()[0], "Zachary, 1977; communities of Kipf and Welling, ICLR 2017")
