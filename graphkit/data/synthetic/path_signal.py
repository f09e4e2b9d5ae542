"""Synthetic graph whose labels depend on a distant node along the shortest path."""

import numpy as np
import torch
from torch_geometric.data import Data

from graphkit.data.dataset import GraphDataset
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.errors import InputError

CITATION = "generated: chains of short edges under random long edges, the label at the far end of a chain"
NUM_FEATURES = 16
MAX_HOPS = 6


def generate(hops: int, num_chains: int, num_classes: int, crossings: float, noise: float, seed: int) -> Data:
    """Draws the graph.

    There are ``num_chains`` chains of ``hops + 1`` nodes each, with random node ids. The first node of a chain is its
    *sender*, the last one its *receiver*. Chains have balanced classes. All nodes have standard normal features times
    ``noise``; a sender has in addition the center of its class, drawn from a standard normal distribution. Receivers
    are labeled with the class of their chain; all other nodes have the label -1.

    Edges of a chain have lengths uniform in [0.05, 0.15]. Crossing edges, ``crossings`` per node on average, join
    random nodes and have lengths uniform in [1, 2]; on the same pair of nodes, the chain's edge takes precedence. All
    edges are undirected, with the attribute ``edge_length``. A chain is shorter than any crossing edge, so that the
    shortest path between sender and receiver is the chain, and the sender is the nearest of all nodes with a shortest
    path of ``hops`` hops to the receiver.
    """
    generator = np.random.default_rng(seed)
    num_nodes = num_chains * (hops + 1)
    chain = generator.permutation(num_nodes).reshape(num_chains, hops + 1)
    label = generator.permutation(np.arange(num_chains) % num_classes)
    x = noise * generator.standard_normal((num_nodes, NUM_FEATURES))
    x[chain[:, 0]] += generator.standard_normal((num_classes, NUM_FEATURES))[label]
    y = np.full(num_nodes, -1)
    y[chain[:, -1]] = label

    inside = np.stack([chain[:, :-1].ravel(), chain[:, 1:].ravel()])
    across = generator.integers(num_nodes, size=(2, round(num_nodes * crossings / 2)))
    across = across[:, across[0] != across[1]]
    lengths = np.concatenate([generator.uniform(0.05, 0.15, inside.shape[1]), generator.uniform(1, 2, across.shape[1])])
    pairs = np.sort(np.concatenate([inside, across], axis=1), axis=0)
    pairs, first = np.unique(pairs, axis=1, return_index=True)  # chain edges come first
    lengths = lengths[first]
    return Data(
        x=torch.from_numpy(x).float(),
        edge_index=torch.from_numpy(np.concatenate([pairs, pairs[::-1]], axis=1)),
        edge_length=torch.from_numpy(np.concatenate([lengths, lengths])).float(),
        y=torch.from_numpy(y),
    )


@dataset({"path-signal": Source(address=CITATION)}, task="node-classification")
def path_signal(
    request: Request,
    *,
    hops: int = 3,
    num_chains: int = 400,
    num_classes: int = 4,
    crossings: float = 4.0,
    noise: float = 0.5,
    seed: int = 0,
) -> GraphDataset:
    """Generates a graph whose classes depend on a sender ``hops`` hops away.

    Edges have the attribute ``edge_length``; the transform ``{shortest-paths: {weight: edge_length}}`` finds the paths.
    There is no published split.

    Args:
        request (Request): Request for the data set.
        hops (int, optional): Distance of the sender, 1 to 6. (default: ``3``)
        num_chains (int, optional): Number of labeled nodes, of ``hops + 1`` times as many. (default: ``400``)
        num_classes (int, optional): Number of classes. (default: ``4``)
        crossings (float, optional): Mean number of crossing edges per node. (default: ``4.0``)
        noise (float, optional): Standard deviation of the features around class centers. (default: ``0.5``)
        seed (int, optional): Random seed of the generator. (default: ``0``)
    """
    if not 1 <= hops <= MAX_HOPS:
        raise InputError(f"`hops` must be from 1 to {MAX_HOPS} (got {hops})")
    if num_classes < 2 or num_chains < 5 * num_classes:
        raise InputError(
            f"there must be at least 2 classes, of 5 chains each (got {num_chains} chains of {num_classes} classes)"
        )
    if min(crossings, noise) < 0:
        raise InputError(f"`crossings` and `noise` must not be negative (got {crossings} and {noise})")
    return GraphDataset(
        name=request.name,
        task="node-classification",
        graphs=(generate(hops, num_chains, num_classes, crossings, noise, seed),),
        splits=(),
        num_features=NUM_FEATURES,
        num_outputs=num_classes,
        metric="accuracy",
        citation=f"{CITATION}, seed {seed}",
    )
