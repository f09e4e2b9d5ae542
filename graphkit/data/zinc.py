"""Molecules of ZINC with their penalised solubility; bond types are the true factors of each graph."""

import torch
from torch_geometric.datasets import ZINC

from graphkit.data.dataset import GraphDataset
from graphkit.data.parts import read_parts
from graphkit.data.source import Request, Source, dataset

NUM_ATOM_TYPES = 28
PARTS = ("train", "val", "test")
SOURCE = Source(
    "ZINC",
    "raw",
    tuple(f"{part}.{kind}" for kind in ("pickle", "index") for part in PARTS),
    "https://www.dropbox.com/s/feo9qle74kg48gy/molecules.zip?dl=1",
)


@dataset({"zinc": SOURCE}, task="graph-regression")
def zinc(request: Request, *, subset: bool = True) -> GraphDataset:
    """Reads molecules with 28 atom types; ``factor_mask`` ``[E, 3]`` tells single, double and triple bonds.

    Args:
        request: The data set that is asked for.
        subset: The usual 10,000, 1,000 and 1,000 molecules, or all of the 220,011, 24,445 and 5,000.
    """
    graphs, split = read_parts(request, lambda root, part: ZINC(root, subset, part))
    bond = graphs.edge.pop("edge_attr").view(-1)
    graphs.node["x"] = graphs.node["x"].view(-1)
    graphs.graph["y"] = graphs.graph["y"].view(-1, 1).float()
    graphs.edge["factor_mask"] = bond.unsqueeze(1) == torch.arange(1, max(3, int(bond.max())) + 1)
    return GraphDataset(
        name=request.name,
        task="graph-regression",
        graphs=graphs,
        splits=(split,),
        num_features=1,
        num_outputs=1,
        metric="mae",
        num_categories=NUM_ATOM_TYPES,
        citation="Dwivedi et al., Benchmarking Graph Neural Networks, 2020 (ZINC); published split",
    )
