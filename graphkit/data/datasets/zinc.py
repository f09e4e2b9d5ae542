"""ZINC: molecules with their penalized solubility and bond types as true factors."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch_geometric.data import Data

from graphkit.data.dataset import GraphDataset
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.datasets.published_parts import PARTS, read_parts
from graphkit.data.raw_tables import open_text, reading
from graphkit.data.sources import REPOSITORY_MIT, Benchmark
from graphkit.data.unpickle import as_tensor, read_pickle
from graphkit.errors import InputError

NUM_ATOM_TYPES = 28
ADDRESS = "https://www.dropbox.com/s/feo9qle74kg48gy/molecules.zip?dl=1"
INDEX = "https://raw.githubusercontent.com/graphdeeplearning/benchmarking-gnns/master/data/molecules"
SOURCE = Source(
    "ZINC",
    "raw",
    tuple(f"{name}.{kind}" for kind in ("pickle", "index") for name in PARTS),
    ADDRESS,
    urls=(ADDRESS, *(f"{INDEX}/{name}.index" for name in PARTS)),
    pickled=True,
    citation="Dwivedi et al., Benchmarking Graph Neural Networks, 2020 (ZINC)",
    license=REPOSITORY_MIT,
)


BENCHMARK = Benchmark("penalized logP: logP, synthetic accessibility, cycles", 1, "mae", "published", "normalized")


@dataset({"zinc": SOURCE}, task="graph-regression", benchmarks={"zinc": BENCHMARK})
def zinc(request: Request, *, subset: bool = True, bond_types: bool = False) -> GraphDataset:
    """Loads molecules with 28 atom types and ``factor_mask`` ``[E, 3]`` of bond types.

    The factors are single, double and triple bonds. From the pickles, only lists, dictionaries and tensors are read.

    Args:
        request (Request): Request for the data set.
        subset (bool, optional): Loads the benchmark's 10,000/1,000/1,000 molecules instead of all 220,011/24,445/5,000.
            (default: ``True``)
        bond_types (bool, optional): The models may use the bond types: ``edge_attr`` ``[E, 3]`` contains them as
            one-hot floats. FactorGCN's paper compares its factors with them and does not use them as features.
            (default: ``False``)
    """
    graphs, split = read_parts(request, lambda raw, stem: _read(raw, stem, subset), "subset" if subset else "all")
    bond = graphs.edge.pop("edge_attr")
    mask = bond.unsqueeze(1) == torch.arange(1, max(3, int(bond.max())) + 1)
    graphs.edge |= {"factor_mask": mask, **({"edge_attr": mask.float()} if bond_types else {})}
    return GraphDataset(
        name=request.name,
        task="graph-regression",
        graphs=graphs,
        splits=(split,),
        num_features=1,
        num_outputs=1,
        metric=BENCHMARK.metric,
        num_categories=NUM_ATOM_TYPES,
        citation=f"{request.source.citation}; published split",
    )


def _read(raw: Path, stem: str, subset: bool) -> Iterator[Data]:
    path = raw / f"{stem}.pickle"
    molecules = read_pickle(path)
    if not isinstance(molecules, list) or not all(isinstance(molecule, dict) for molecule in molecules):
        raise InputError(f"{path.name}: it must hold a list of dictionaries")
    chosen = _numbers(raw / f"{stem}.index", len(molecules)) if subset else range(len(molecules))
    for number in chosen:
        names = ("atom_type", "bond_type", "logP_SA_cycle_normalized")
        with reading(path):
            atom, bond, y = (as_tensor(molecules[number][name], path) for name in names)
        size = atom.numel()
        if bond.shape != (size, size) or y.numel() != 1 or not torch.equal(bond, bond.t()):
            raise InputError(f"{path.name}: the shapes of the atoms and bonds of molecule {number} do not match")
        edge_index = bond.nonzero().t().contiguous()
        if edge_index.numel() and not 1 <= int(bond.max()) <= 4:
            raise InputError(f"{path.name}: molecule {number} has a bond of type {int(bond.max())}")
        edge_attr = bond[edge_index[0], edge_index[1]].long()
        yield Data(x=atom.long().view(-1), edge_index=edge_index, edge_attr=edge_attr, y=y.float().view(1, 1))


def _numbers(path: Path, count: int) -> list[int]:
    """Reads the comma-separated molecule ids of the subset."""
    with reading(path), open_text(path) as file:
        numbers = [int(number) for number in file.read().strip().strip(",").split(",")]
    if min(numbers) < 0 or max(numbers) >= count or len(set(numbers)) < len(numbers):
        raise InputError(f"{path.name}: it must name molecules from 0 to {count - 1}, once each")
    return numbers
