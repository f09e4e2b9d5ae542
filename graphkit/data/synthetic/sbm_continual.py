"""Stochastic block model with many classes, for continual learning."""

import numpy as np
import torch
from torch_geometric.data import Data

from graphkit.data.dataset import GraphDataset
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.errors import InputError

CITATION = "generated: a stochastic block model with Gaussian features"
NUM_FEATURES = 32


def generate(num_classes: int, size: int, inside: float, outside: float, noise: float, drift: float, seed: int) -> Data:
    """Draws the graph.

    Every class is a block of ``size`` nodes. A node has on average ``inside`` neighbors in its block and ``outside``
    elsewhere. Features are a standard normal class center plus ``noise`` times standard normal noise. Each node has a
    ``time`` in [0, 1), during which class centers move by ``drift`` in a random direction.
    """
    generator = np.random.default_rng(seed)
    num_nodes = num_classes * size
    y = np.repeat(np.arange(num_classes), size)
    time = generator.random(num_nodes)
    center = generator.standard_normal((num_classes, NUM_FEATURES))
    direction = generator.standard_normal((num_classes, NUM_FEATURES))
    x = center[y] + drift * time[:, None] * direction[y] + noise * generator.standard_normal((num_nodes, NUM_FEATURES))
    # The expected number of edges of a block model, between random nodes; duplicates are merged.
    first = generator.integers(num_nodes, size=round(num_nodes * (inside + outside) / 2))
    within = generator.random(first.size) < inside / (inside + outside)
    mate = first // size * size + generator.integers(size, size=first.size)
    second = np.where(within, mate, generator.integers(num_nodes, size=first.size))
    pairs = np.stack([np.minimum(first, second), np.maximum(first, second)])[:, first != second]
    pairs = np.unique(pairs, axis=1)
    edge_index = torch.from_numpy(np.concatenate([pairs, pairs[::-1]], axis=1))
    data = Data(x=torch.from_numpy(x).float(), edge_index=edge_index, y=torch.from_numpy(y))
    data.time = torch.from_numpy(time)
    return data


@dataset({"sbm-continual": Source(address=CITATION)}, task="node-classification")
def sbm_continual(
    request: Request,
    *,
    num_classes: int = 18,
    size: int = 100,
    inside: float = 4.0,
    outside: float = 4.0,
    noise: float = 4.0,
    drift: float = 0.0,
    seed: int = 0,
) -> GraphDataset:
    """Generates a graph of 18 classes with timestamps, without a published split.

    Args:
        request (Request): Request for the data set.
        num_classes (int, optional): Number of classes. (default: ``18``)
        size (int, optional): Number of nodes per class. (default: ``100``)
        inside (float, optional): Mean number of neighbors of the same class. (default: ``4.0``)
        outside (float, optional): Mean number of neighbors of any class. (default: ``4.0``)
        noise (float, optional): Standard deviation of the features around class centers. (default: ``4.0``)
        drift (float, optional): Distance that class centers move over time. (default: ``0.0``)
        seed (int, optional): Random seed of the generator. (default: ``0``)
    """
    if num_classes < 2 or size < 3:
        raise InputError(f"a block model needs at least 2 classes of 3 nodes (got {num_classes} of {size})")
    if min(inside, outside) < 0 or inside + outside == 0 or min(noise, drift) < 0:
        raise InputError(
            f"`inside`, `outside`, `noise` and `drift` must not be negative, and there must be edges "
            f"(got {inside}, {outside}, {noise}, {drift})"
        )
    return GraphDataset(
        name=request.name,
        task="node-classification",
        graphs=(generate(num_classes, size, inside, outside, noise, drift, seed),),
        splits=(),
        num_features=NUM_FEATURES,
        num_outputs=num_classes,
        metric="accuracy",
        citation=f"{CITATION}, seed {seed}",
    )
