"""Large stochastic block model with noisy features."""

import numpy as np
import torch
from torch_geometric.data import Data

from graphkit.data.dataset import GraphDataset
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.data.edges import by_target
from graphkit.data.splits import random_split
from graphkit.errors import InputError

CITATION = "generated: a stochastic block model with Gaussian features"
NUM_FEATURES = 32


def generate(num_nodes: int, num_edges: int, num_classes: int, inside: float, noise: float, seed: int) -> Data:
    """Draws the graph.

    Nodes have uniformly random classes. An edge joins a uniformly random node with a random node, which has the same
    class with probability ``inside`` and any class otherwise. Self loops and duplicates are drawn again until there are
    ``num_edges`` undirected edges. The 32 features of a node are the standard normal center of its class plus ``noise``
    times standard normal noise, divided by ``sqrt(1 + noise ** 2)`` for unit variance.
    """
    generator = np.random.default_rng(seed)
    y = generator.integers(num_classes, size=num_nodes)
    pairs = draw_pairs(generator, y, num_classes, num_edges, inside)
    low, high = torch.from_numpy(pairs // num_nodes), torch.from_numpy(pairs % num_nodes)
    edge_index = torch.stack([torch.cat([low, high]), torch.cat([high, low])])
    center = generator.standard_normal((num_classes, NUM_FEATURES), dtype=np.float32)
    x = generator.standard_normal((num_nodes, NUM_FEATURES), dtype=np.float32)
    scale = np.sqrt(1 + noise**2)
    x *= np.float32(noise / scale)
    x += (center / np.float32(scale))[y]
    edge_index = edge_index[:, by_target(edge_index, num_nodes)]
    return Data(x=torch.from_numpy(x), edge_index=edge_index, y=torch.from_numpy(y))


def draw_pairs(
    generator: np.random.Generator, y: np.ndarray, num_classes: int, num_edges: int, inside: float
) -> np.ndarray:
    """Draws the edges of :func:`generate` as ``lower * N + higher``, int64."""
    num_nodes = y.size
    order = np.argsort(y, kind="stable")
    size = np.bincount(y, minlength=num_classes)
    first = size.cumsum() - size
    pairs = np.empty(0, dtype=np.int64)
    while pairs.size < num_edges:
        one = generator.integers(num_nodes, size=num_edges - pairs.size)
        mate = order[first[y[one]] + (generator.random(one.size) * size[y[one]]).astype(np.int64)]
        other = np.where(generator.random(one.size) < inside, mate, generator.integers(num_nodes, size=one.size))
        drawn = np.minimum(one, other) * num_nodes + np.maximum(one, other)
        pairs = np.sort(np.concatenate([pairs, drawn[one != other]]))
        pairs = pairs[np.diff(pairs, prepend=-1) > 0]  # much faster than `unique` here
    return pairs


def check_sizes(num_nodes: int, num_edges: int, num_classes: int, inside: float, noise: float) -> None:
    """Raises an error for invalid sizes of a block model."""
    if num_classes < 2 or num_nodes < 10 * num_classes:
        raise InputError(f"there must be 2 classes of 10 nodes at least (got {num_classes} for {num_nodes} nodes)")
    if not 1 <= num_edges <= num_nodes * (num_nodes - 1) // (8 * num_classes):
        most = num_nodes * (num_nodes - 1) // (8 * num_classes)
        raise InputError(f"`num_edges` must be from 1 to {most}, without duplicates (got {num_edges})")
    if not 0 <= inside <= 1 or noise < 0:
        raise InputError(f"`inside` must lie in [0, 1], and `noise` not be negative (got {inside} and {noise})")


@dataset({"sbm-200k": Source(address=CITATION)}, task="node-classification")
def sbm_200k(
    request: Request,
    *,
    num_nodes: int = 200_000,
    num_edges: int = 1_000_000,
    num_classes: int = 20,
    inside: float = 0.5,
    noise: float = 4.0,
    seed: int = 0,
) -> GraphDataset:
    """Generates a graph of 200,000 nodes, 1,000,000 undirected edges and 20 classes.

    A random quarter of the nodes is in the stratified split: 20,000 training, 5,000 validation and 25,000 test nodes.

    Args:
        request (Request): Request for the data set.
        num_nodes (int, optional): Number of nodes. (default: ``200000``)
        num_edges (int, optional): Number of undirected edges. (default: ``1000000``)
        num_classes (int, optional): Number of classes. (default: ``20``)
        inside (float, optional): Fraction of edges drawn within a class. (default: ``0.5``)
        noise (float, optional): Standard deviation of the features within a class, relative to that between classes.
            (default: ``4.0``)
        seed (int, optional): Random seed of the generator. (default: ``0``)
    """
    check_sizes(num_nodes, num_edges, num_classes, inside, noise)
    data = generate(num_nodes, num_edges, num_classes, inside, noise, seed)
    labeled = torch.from_numpy(np.random.default_rng([seed, 1]).permutation(num_nodes)[: num_nodes // 4])
    return GraphDataset(
        name=request.name,
        task="node-classification",
        graphs=(data,),
        splits=(random_split(num_nodes, (0.4, 0.1, 0.5), seed + 1_000_003, data.y, labeled),),
        num_features=NUM_FEATURES,
        num_outputs=num_classes,
        metric="accuracy",
        citation=f"{CITATION}, seed {seed}",
    )
