"""MoleculeNet: molecules from SMILES strings with measured properties."""

import csv
import importlib.util
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.datasets import MoleculeNet
from torch_geometric.utils import from_smiles

from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.datasets.published_parts import as_content, from_content
from graphkit.data.raw_files import read_cached
from graphkit.data.raw_tables import open_text, reading
from graphkit.errors import InputError, MissingPackageError

REGRESSION = ("esol", "freesolv", "lipo")
CLASSIFICATION = ("pcba", "muv", "hiv", "bace", "bbbp", "tox21", "toxcast", "sider", "clintox")
SOURCES = {
    name: Source(
        "MoleculeNet",
        f"{name}/raw",
        (f"{MoleculeNet.names[name][2]}.csv",),
        MoleculeNet.url.format(MoleculeNet.names[name][1]),
        urls=(MoleculeNet.url.format(MoleculeNet.names[name][1]),),
    )
    for name in (*REGRESSION, *CLASSIFICATION)
}
TASKS = {
    **dict.fromkeys(REGRESSION, "graph-regression"),
    **dict.fromkeys(CLASSIFICATION, "multitask-graph-classification"),
}
#: Length limit of SMILES strings.
MAX_SMILES = 5000
#: Number of skipped rows that the note lists.
NAMED_ROWS = 20


def one_hot_columns(x: Tensor) -> Tensor:
    """One-hot encodes integer columns ``[N, K]``, with one column per occurring value."""
    blocks = []
    for column in x.t():
        value, index = torch.unique(column, return_inverse=True)
        blocks.append(torch.nn.functional.one_hot(index, value.numel()).float())
    return torch.cat(blocks, dim=1)


@dataset(SOURCES, task=TASKS, default_split="0.8,0.1,0.1")
def molecule_net(request: Request) -> GraphDataset:
    """Loads a MoleculeNet data set with RDKit; invalid molecules are skipped.

    ``node_names`` contains the row of each molecule in the file, starting from 0 below the header. A note lists the
    skipped rows.

    Features are nine atom properties (element, chirality, degree, charge, hydrogens, radical electrons, hybridization,
    aromaticity, ring), one-hot over the occurring values. ``edge_attr`` ``[E, 3]`` contains bond type, stereo
    configuration and conjugation as integers. Missing labels are NaN. There is no published split; a random split of
    80/10/10 % is drawn.

    Raises:
        MissingPackageError: If RDKit is not installed.
    """
    if importlib.util.find_spec("rdkit") is None:
        raise MissingPackageError(f"the data set '{request.name}' needs RDKit; run: pip install rdkit")
    content = read_cached(request, lambda raw: _read(raw / request.source.files[0], request.name))
    rows, rejected = content.pop("rows").tolist(), content.pop("rejected").tolist()
    graphs = from_content(content)
    graphs.node["x"] = one_hot_columns(graphs.node["x"])
    y = graphs.graph["y"]
    note = f"{len(rejected)} rows of {request.source.files[0]} have no graph and are left out: {_listed(rejected)}"
    return GraphDataset(
        name=request.name,
        task=TASKS[request.name],
        graphs=graphs,
        splits=(),
        num_features=graphs.node["x"].size(1),
        num_outputs=y.size(1),
        metric="mae" if request.name in REGRESSION else "roc-auc",
        node_names=tuple(map(str, rows)),
        citation="Wu et al., MoleculeNet, Chemical Science 2018; random split",
        notes=(note,) if rejected else (),
    )


def _listed(rows: list[int]) -> str:
    return ", ".join(map(str, rows[:NAMED_ROWS])) + (", ..." if len(rows) > NAMED_ROWS else "")


def _read(path: Path, name: str) -> dict[str, Any]:
    """Reads the molecules of a table, their rows, and the rows that are skipped."""
    smiles_column, label_columns = MoleculeNet.names[name][3:]
    graphs, rows, rejected = [], [], []
    with reading(path), open_text(path) as file:
        lines = csv.reader(file)
        header = next(lines, [])
        for row, cells in enumerate(filter(None, lines)):
            if len(cells) != len(header):
                raise InputError(f"{path.name}: row {row} must have {len(header)} cells (got {len(cells)})")
            labels = cells[label_columns] if isinstance(label_columns, slice) else [cells[label_columns]]
            data = _graph(cells[smiles_column])
            if data is None:
                rejected.append(row)
                continue
            del data["smiles"]
            data.y = torch.tensor([[float(cell.strip() or "nan") for cell in labels]])
            graphs.append(data)
            rows.append(row)
    if not graphs:
        raise InputError(f"{path.name}: it has no molecule that RDKit can read")
    content = as_content(GraphCollection.from_list(graphs))
    return {"rows": torch.tensor(rows), "rejected": torch.tensor(rejected, dtype=torch.long), **content}


def _graph(smiles: str) -> Data | None:
    """Returns the graph of a molecule, or ``None`` if it is not supported."""
    if len(smiles) > MAX_SMILES:
        return None
    try:
        data = from_smiles(smiles)
    except ValueError:
        return None
    return data if data.num_nodes else None
