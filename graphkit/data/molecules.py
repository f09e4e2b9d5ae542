"""The MoleculeNet sets: molecules from SMILES strings, with measured properties."""

import importlib.util

import torch
from torch import Tensor
from torch_geometric.datasets import MoleculeNet

from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset
from graphkit.data.raw_files import read_raw
from graphkit.data.source import Request, Source, dataset
from graphkit.errors import MissingPackageError

REGRESSION = ("esol", "freesolv", "lipo")
CLASSIFICATION = ("pcba", "muv", "hiv", "bace", "bbbp", "tox21", "toxcast", "sider", "clintox")
SOURCES = {
    name: Source(
        "MoleculeNet",
        f"{name}/raw",
        (f"{MoleculeNet.names[name][2]}.csv",),
        MoleculeNet.url.format(MoleculeNet.names[name][1]),
    )
    for name in (*REGRESSION, *CLASSIFICATION)
}
TASKS = {
    **dict.fromkeys(REGRESSION, "graph-regression"),
    **dict.fromkeys(CLASSIFICATION, "multitask-graph-classification"),
}


def one_hot_columns(x: Tensor) -> Tensor:
    """Turns integer columns ``[N, K]`` into one-hot columns, one for each value that occurs in the data set."""
    blocks = []
    for column in x.t():
        value, index = torch.unique(column, return_inverse=True)
        blocks.append(torch.nn.functional.one_hot(index, value.numel()).float())
    return torch.cat(blocks, dim=1)


@dataset(SOURCES, task=TASKS, default_split="0.8,0.1,0.1")
def molecule_net(request: Request) -> GraphDataset:
    """Reads molecules; RDKit turns the SMILES strings into graphs, and those it rejects are left out.

    Features are nine properties of the atom (element, chirality, degree, charge, hydrogens, radical electrons,
    hybridisation, aromaticity, ring), one-hot over the values that occur. ``edge_attr`` ``[E, 3]`` holds bond type,
    stereo configuration and conjugation as integers. Missing labels are NaN. There is no published split: 80, 10 and
    10 % are drawn.

    Raises:
        ImportError: If RDKit is not installed.
    """
    if importlib.util.find_spec("rdkit") is None:
        raise MissingPackageError(f"the data set '{request.name}' needs RDKit; run: pip install 'graphkit[molecules]'")
    graphs = read_raw(request, lambda root: GraphCollection.from_list(MoleculeNet(root, request.name)))
    graphs.node["x"] = one_hot_columns(graphs.node["x"])
    del graphs.graph["smiles"]
    y = graphs.graph["y"]
    return GraphDataset(
        name=request.name,
        task=TASKS[request.name],
        graphs=graphs,
        splits=(),
        num_features=graphs.node["x"].size(1),
        num_outputs=y.size(1),
        metric="mae" if request.name in REGRESSION else "roc-auc",
        citation="Wu et al., MoleculeNet, Chemical Science 2018; random split",
    )
