"""PATTERN: stochastic block models with a planted pattern (node classification)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch_geometric.data import Data

from graphkit.data.checks import check_edges
from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.datasets.published_parts import PARTS, read_parts
from graphkit.data.raw_files import find_raw
from graphkit.data.raw_tables import reading
from graphkit.data.sources import REPOSITORY_MIT
from graphkit.data.splits import position_split
from graphkit.errors import InputError
from graphkit.files import check_zip, is_zip

ADDRESS = "https://data.pyg.org/datasets/benchmarking-gnns/PATTERN_v2.zip"
SOURCE = Source(
    "GNNBenchmarkDataset",
    "PATTERN/raw",
    ("PATTERN_v2.pt",),
    ADDRESS,
    optional=True,
    urls=(ADDRESS,),
    pickled=True,
    citation="Dwivedi et al., Benchmarking Graph Neural Networks, 2020 (PATTERN)",
    license=REPOSITORY_MIT,
)
NUM_VALUES = 3  # number of values of the node feature
PATTERN_SIZE, NUM_PATTERNS = 20, 100


def generate(num_graphs: int, seed: int) -> GraphCollection:
    """Draws random graphs as specified in the PATTERN paper.

    Five communities of 5 to 35 nodes (edge probability 0.5 within, 0.35 between) and one of 100 random patterns of 20
    nodes (0.5 within and to the rest), drawn once per seed. Features are uniform over three values and fixed within a
    pattern; the class of a node is membership in the pattern. Nodes are shuffled.
    """
    generator = np.random.default_rng(seed)
    pattern_edges = np.triu(generator.random((NUM_PATTERNS, PATTERN_SIZE, PATTERN_SIZE)) < 0.5, 1)
    pattern_values = generator.integers(NUM_VALUES, size=(NUM_PATTERNS, PATTERN_SIZE))
    edges, values, classes, num_nodes = [], [], [], []
    for _ in range(num_graphs):
        community = np.repeat(np.arange(5), generator.integers(5, 36, size=5))
        size = community.size + PATTERN_SIZE
        community = np.concatenate([community, np.full(PATTERN_SIZE, 5)])
        planted = community == 5
        across = planted[:, None] | planted[None, :] | (community[:, None] == community[None, :])
        upper = np.triu(generator.random((size, size)) < np.where(across, 0.5, 0.35), 1)
        which = int(generator.integers(NUM_PATTERNS))
        upper[-PATTERN_SIZE:, -PATTERN_SIZE:] = pattern_edges[which]
        value = generator.integers(NUM_VALUES, size=size)
        value[planted] = pattern_values[which]
        order = generator.permutation(size)
        target, source = (upper | upper.T)[np.ix_(order, order)].nonzero()
        edges.append(np.stack([source, target]))
        values.append(value[order])
        classes.append(planted[order])
        num_nodes.append(size)
    return GraphCollection(
        torch.from_numpy(np.concatenate(edges, axis=1)),
        torch.tensor(num_nodes),
        torch.tensor([edge_index.shape[1] for edge_index in edges]),
        node={
            "x": torch.from_numpy(np.concatenate(values)),
            "y": torch.from_numpy(np.concatenate(classes).astype(np.int64)),
        },
    )


@dataset({"pattern": SOURCE}, task="node-classification")
def pattern(request: Request, *, num_graphs: int = 1400, seed: int = 0, published: bool = False) -> GraphDataset:
    """Loads the published graphs if present, else generates similar graphs.

    Args:
        request (Request): Request for the data set.
        num_graphs (int, optional): Number of generated graphs, 5/7 for training and 1/7 each for validation and test;
            ignored for the 10,000/2,000/2,000 published graphs. (default: ``1400``)
        seed (int, optional): Random seed of the generator. (default: ``0``)
        published (bool, optional): Requires the published graphs, which are downloaded if missing. (default: ``False``)
    """
    if published or find_raw(request) is not None:
        graphs, split = read_parts(request, lambda raw, subset: _read(raw / SOURCE.files[0], subset))
        citation = f"{SOURCE.citation}; published graphs and split"
    else:
        if num_graphs < 7:
            raise InputError(f"`num_graphs` must be at least 7, so that no part is empty (got {num_graphs})")
        graphs, split = generate(num_graphs, seed), position_split(num_graphs, (5 / 7, 1 / 7, 1 / 7))
        citation = f"generated with seed {seed}, not the published graphs; after {SOURCE.citation}"
    return GraphDataset(
        name=request.name,
        task="node-classification",
        graphs=graphs,
        splits=(split,),
        num_features=1,
        num_outputs=2,
        metric="balanced-accuracy",
        num_categories=NUM_VALUES,
        class_names=("background", "pattern"),
        citation=citation,
    )


def _read(path: Path, subset: str) -> Iterator[Data]:
    """Reads the graphs of a subset; anything but tensors is rejected."""
    with reading(path):
        if is_zip(path):
            check_zip(path)
        graphs = torch.load(path, weights_only=True)[PARTS.index(subset)]
        for graph in graphs:
            x, edge_index, y = (graph[name] for name in ("x", "edge_index", "y"))
            if max(x.numel(), edge_index.numel(), y.numel()) > path.stat().st_size:  # stride 0 repeats values
                raise InputError(f"{path.name}: a tensor has more values than the file has bytes")
            x = x.argmax(dim=1) if x.dim() == 2 and x.size(1) > 1 else x.view(-1)
            if edge_index.dim() != 2 or edge_index.size(0) != 2 or y.numel() != x.numel():
                raise InputError(f"{path.name}: the shapes of the tensors of a graph do not match")
            check_edges(edge_index, x.numel(), path.name)
            yield Data(x=x.long(), edge_index=edge_index.long(), y=y.view(-1).long())
