"""Very large stochastic block model, generated once and memory-mapped."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from graphkit.data.dataset import GraphDataset
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.download import private_folder, publish
from graphkit.data.folder_form import write_folder
from graphkit.data.raw_files import cache_folder
from graphkit.data.splits import random_split
from graphkit.data.synthetic.sbm_200k import CITATION, check_sizes, draw_pairs
from graphkit.data.user.array_folder import read_array_folder
from graphkit.errors import InputError

#: Block size of the generated features in rows.
ROWS = 2**17


def write(
    folder: Path,
    num_nodes: int,
    num_edges: int,
    num_features: int,
    num_classes: int,
    inside: float,
    noise: float,
    seed: int,
) -> None:
    """Draws and writes a graph as ``sbm_200k.generate``, with features block by block."""
    generator = np.random.default_rng(seed)
    y = generator.integers(num_classes, size=num_nodes)
    pairs = draw_pairs(generator, y, num_classes, num_edges, inside)
    edge_index = torch.from_numpy(np.stack([pairs // num_nodes, pairs % num_nodes]))
    del pairs
    center = generator.standard_normal((num_classes, num_features), dtype=np.float32)
    scale = np.float32(np.sqrt(1 + noise**2))

    def blocks() -> Iterator[np.ndarray]:
        for begin in range(0, num_nodes, ROWS):
            labels = y[begin : begin + ROWS]
            x = generator.standard_normal((labels.size, num_features), dtype=np.float32)
            x *= np.float32(noise)
            x += center[labels]
            yield x / scale

    write_folder(folder, x=blocks(), edge_index=edge_index, y=y)


@dataset({"sbm-2m": Source(address=f"{CITATION}, 1.4 GB, written to the cache folder")}, task="node-classification")
def sbm_2m(
    request: Request,
    *,
    num_nodes: int = 2_000_000,
    num_edges: int = 10_000_000,
    num_features: int = 128,
    num_classes: int = 20,
    inside: float = 0.5,
    noise: float = 12.0,
    graph_seed: int = 0,
) -> GraphDataset:
    """Generates a graph of 2,000,000 nodes and 10,000,000 undirected edges.

    The distribution is that of ``sbm-200k``. The graph is written to the cache folder and memory-mapped. The stratified
    split has 1 % training (20,000), 0.25 % validation and 1 % test nodes.

    Args:
        request (Request): Request for the data set.
        num_nodes (int, optional): Number of nodes. (default: ``2000000``)
        num_edges (int, optional): Number of undirected edges. (default: ``10000000``)
        num_features (int, optional): Number of features. (default: ``128``)
        num_classes (int, optional): Number of classes. (default: ``20``)
        inside (float, optional): Fraction of edges drawn within a class. (default: ``0.5``)
        noise (float, optional): Standard deviation of the features within a class, relative to that between classes.
            (default: ``12.0``)
        graph_seed (int, optional): Random seed of the generator, independent of the seed of a run, so that all runs
            share the files. (default: ``0``)
    """
    check_sizes(num_nodes, num_edges, num_classes, inside, noise)
    if num_features < 1:
        raise InputError(f"`num_features` must be at least 1 (got {num_features})")
    drawn = (num_nodes, num_edges, num_features, num_classes, inside, noise, graph_seed)
    folder = cache_folder() / "generated" / f"sbm-{num_nodes}-{sha256(repr(drawn).encode()).hexdigest()[:12]}"
    if not folder.is_dir():
        with private_folder(folder.parent) as private:
            write(private / "graph", *drawn)
            publish(private / "graph", folder)
    loaded = read_array_folder(folder)
    labeled = torch.from_numpy(np.random.default_rng([graph_seed, 1]).permutation(num_nodes)[: 9 * num_nodes // 400])
    split = random_split(num_nodes, (4 / 9, 1 / 9, 4 / 9), graph_seed + 1_000_003, loaded.graphs[0].y, labeled)
    return loaded.replace(
        name=request.name,
        splits=(split,),
        class_names=(),
        num_outputs=num_classes,
        citation=f"{CITATION}, seed {graph_seed}",
    )
