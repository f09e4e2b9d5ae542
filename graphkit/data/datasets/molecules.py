"""MoleculeNet: molecules from SMILES strings with measured properties."""

import csv
from pathlib import Path
from typing import Any

import torch
from torch_geometric.datasets import MoleculeNet

from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset, Rejected
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.datasets.published_parts import as_content, from_content
from graphkit.data.raw_files import read_cached
from graphkit.data.raw_tables import open_text, reading
from graphkit.data.smiles import AtomEncoder, parse_smiles, rejected_note, require_rdkit
from graphkit.data.sources import NO_LICENSE
from graphkit.errors import InputError

REGRESSION = ("esol", "freesolv", "lipo")
CLASSIFICATION = ("pcba", "muv", "hiv", "bace", "bbbp", "tox21", "toxcast", "sider", "clintox")
NUM_BYTES = {"esol": 96_699, "freesolv": 32_060, "bbbp": 146_692, "tox21": 525_119}
SOURCES = {
    name: Source(
        "MoleculeNet",
        f"{name}/raw",
        (f"{MoleculeNet.names[name][2]}.csv",),
        MoleculeNet.url.format(MoleculeNet.names[name][1]),
        urls=(MoleculeNet.url.format(MoleculeNet.names[name][1]),),
        citation="Wu et al., MoleculeNet, Chemical Science 2018",
        license=NO_LICENSE,
        num_bytes=NUM_BYTES.get(name),
    )
    for name in (*REGRESSION, *CLASSIFICATION)
}
TASKS = {
    **dict.fromkeys(REGRESSION, "graph-regression"),
    **dict.fromkeys(CLASSIFICATION, "multitask-graph-classification"),
}


@dataset(SOURCES, task=TASKS, default_split="0.8,0.1,0.1")
def molecule_net(request: Request) -> GraphDataset:
    """Loads a MoleculeNet data set with RDKit; invalid molecules are skipped.

    ``graph_names`` contains the row of each molecule in the file, starting from 0 below the header; ``rejected``
    contains the skipped rows.

    Features are nine atom properties (element, chirality, degree, charge, hydrogens, radical electrons, hybridization,
    aromaticity, ring), one-hot over the occurring values. ``edge_attr`` ``[E, 3]`` contains bond type, stereo
    configuration and conjugation as integers. Missing labels are NaN. There is no published split; a random split of
    80/10/10 % is drawn. The split ``"scaffold"`` keeps molecules of a scaffold together.

    Raises:
        MissingPackageError: If RDKit is not installed.
    """
    require_rdkit(f"the data set '{request.name}'")
    file = request.source.files[0]
    content = read_cached(request, lambda raw: _read(raw / file, request.name), "smiles")
    rows, smiles, names = content.pop("rows").tolist(), content.pop("smiles"), content.pop("names")
    rejected = tuple(Rejected(*row) for row in content.pop("rejected"))
    graphs = from_content(content)
    encoder = AtomEncoder.fit(graphs.node["x"])
    graphs.node["x"] = encoder.encode(graphs.node["x"])
    y = graphs.graph["y"]
    return GraphDataset(
        name=request.name,
        task=TASKS[request.name],
        graphs=graphs,
        splits=(),
        num_features=graphs.node["x"].size(1),
        num_outputs=y.size(1),
        metric="mae" if request.name in REGRESSION else "roc-auc",
        class_names=tuple(names),
        graph_names=tuple(map(str, rows)),
        citation=f"{request.source.citation}; random split",
        notes=rejected_note(file, rejected, len(graphs)),
        smiles=tuple(smiles),
        rejected=rejected,
        encoder=encoder,
    )


def _read(path: Path, name: str) -> dict[str, Any]:
    """Reads the molecules of a table, their rows, and the rows that are skipped."""
    smiles_column, columns = MoleculeNet.names[name][3:]
    label_columns = columns if isinstance(columns, slice) else slice(columns, columns + 1 or None)
    content: dict[str, list[Any]] = {"graphs": [], "rows": [], "smiles": [], "rejected": []}
    with reading(path), open_text(path) as file:
        lines = csv.reader(file)
        header = next(lines, [])
        for row, cells in enumerate(filter(None, lines)):
            if len(cells) != len(header):
                raise InputError(f"{path.name}: row {row} must have {len(header)} cells (got {len(cells)})")
            labels = cells[label_columns]
            smiles = cells[smiles_column].strip()
            data = parse_smiles(smiles)
            if isinstance(data, str):
                content["rejected"].append((str(row), smiles, data, row, lines.line_num))
                continue
            data.y = torch.tensor([[float(cell.strip() or "nan") for cell in labels]])
            content["graphs"].append(data)
            content["rows"].append(row)
            content["smiles"].append(smiles)
    if not content["graphs"]:
        raise InputError(f"{path.name}: it has no molecule that RDKit can read")
    graphs = as_content(GraphCollection.from_list(content.pop("graphs")))
    return {**content, "rows": torch.tensor(content["rows"]), "names": header[label_columns], **graphs}
