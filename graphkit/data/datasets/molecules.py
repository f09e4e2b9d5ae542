"""MoleculeNet: molecules from SMILES strings with measured properties."""

import csv
from pathlib import Path
from typing import Any, Literal

import torch
from torch_geometric.datasets import MoleculeNet

from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset, Rejected
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.datasets.published_parts import as_content, from_content
from graphkit.data.raw_files import read_cached
from graphkit.data.raw_tables import open_text, reading
from graphkit.data.smiles import MoleculeEncoder, parse_smiles, rejected_note, require_rdkit
from graphkit.data.sources import NO_LICENSE, Benchmark
from graphkit.errors import InputError

SPLIT = ":0.8,0.1,0.1"
RANDOM, SCAFFOLD = f"random{SPLIT}", f"scaffold{SPLIT}"
#: Targets, metrics and kinds of split of the MoleculeNet paper; the area under the curve of precision and recall is
#: computed as average precision, as in the Open Graph Benchmark.
BENCHMARKS = {
    "esol": Benchmark("solubility in water", 1, "rmse", RANDOM, "log10(mol/L)"),
    "freesolv": Benchmark("free energy of hydration, measured", 1, "rmse", RANDOM, "kcal/mol"),
    "lipo": Benchmark("distribution coefficient of octanol and water at pH 7.4", 1, "rmse", RANDOM, "log10"),
    "pcba": Benchmark("activity in bioassays of PubChem", 128, "average-precision", RANDOM),
    "muv": Benchmark("activity in PubChem bioassays for virtual screening", 17, "average-precision", RANDOM),
    "hiv": Benchmark("inhibition of the replication of HIV", 1, "roc-auc", SCAFFOLD),
    "bace": Benchmark("inhibition of human beta-secretase 1", 1, "roc-auc", SCAFFOLD),
    "bbbp": Benchmark("passage of the blood-brain barrier", 1, "roc-auc", SCAFFOLD),
    "tox21": Benchmark("toxicity in assays of nuclear receptors and stress response", 12, "roc-auc", RANDOM),
    "toxcast": Benchmark("toxicity in assays of high throughput", 617, "roc-auc", RANDOM),
    "sider": Benchmark("side effects of drugs by system organ class", 27, "roc-auc", RANDOM),
    "clintox": Benchmark("approval by the FDA, and failure of clinical trials for toxicity", 2, "roc-auc", RANDOM),
}
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
    for name in BENCHMARKS
}
TASKS = {
    name: "graph-regression" if benchmark.unit else "multitask-graph-classification"
    for name, benchmark in BENCHMARKS.items()
}


@dataset(SOURCES, task=TASKS, benchmarks=BENCHMARKS)
def molecule_net(request: Request, *, features: Literal["occurring", "ogb"] = "occurring") -> GraphDataset:
    """Loads a MoleculeNet data set with RDKit; invalid molecules are skipped.

    ``graph_names`` contains the row of each molecule in the file, starting from 0 below the header; ``rejected``
    contains the skipped rows.

    Features are nine atom properties (element, chirality, degree, charge, hydrogens, radical electrons, hybridization,
    aromaticity, ring) and, in ``edge_attr`` ``[E, D]``, three bond properties (type, stereo configuration,
    conjugation), all one-hot. Missing labels are NaN. Ten splits of the published kind are drawn, one per seed; those
    of ``"scaffold"`` keep molecules of a scaffold together.

    Args:
        request (Request): Request for the data set.
        features (str, optional): Values of each property that have a column: ``"occurring"`` ones, or ``"ogb"`` for
            all values of the vocabularies of the Open Graph Benchmark, 174 columns of atoms and 13 of bonds. A linear
            layer on the latter equals OGB's encoders. (default: ``"occurring"``)

    Raises:
        MissingPackageError: If RDKit is not installed.
    """
    require_rdkit(f"the data set '{request.name}'")
    file = request.source.files[0]
    content = read_cached(request, lambda raw: _read(raw / file, request.name), "smiles")
    rows, smiles, names = content.pop("rows").tolist(), content.pop("smiles"), content.pop("names")
    rejected = tuple(Rejected(*row) for row in content.pop("rejected"))
    graphs = from_content(content)
    x, edge_attr = graphs.node["x"], graphs.edge["edge_attr"]
    encoder = MoleculeEncoder.ogb() if features == "ogb" else MoleculeEncoder.fit(x, edge_attr)
    graphs.node["x"], graphs.edge["edge_attr"], _ = encoder.encode_parsed(x, edge_attr)
    y, benchmark = graphs.graph["y"], BENCHMARKS[request.name]
    return GraphDataset(
        name=request.name,
        task=TASKS[request.name],
        graphs=graphs,
        splits=(),
        num_features=graphs.node["x"].size(1),
        num_outputs=y.size(1),
        metric=benchmark.metric,
        class_names=tuple(names),
        graph_names=tuple(map(str, rows)),
        citation=f"{request.source.citation}; {benchmark.split.partition(':')[0]} splits",
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
