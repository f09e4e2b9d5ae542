"""A graph whose labels lie some hops away, along the cheapest path."""

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

    There are ``num_chains`` chains of ``hops + 1`` nodes each, numbered at random. The first node of a chain is its
    *sender*, the last one its *receiver*. Every chain has a class, as many chains of one as of any other. All nodes
    have standard normal features times ``noise``; to those of a sender the center of its class is added, which is
    standard normal and the same for all senders of the class. Only receivers are labeled, with the class of their
    chain; the label of all others is -1.

    The edges of a chain have lengths drawn evenly from [0.05, 0.15]. Crossing edges, ``crossings`` per node on average,
    join nodes drawn evenly from the whole graph, and have lengths drawn evenly from [1, 2]; where both fall on the same
    pair of nodes, the chain's counts. All edges go both ways, with the same length, ``edge_length``. A whole chain is
    shorter than any crossing edge, so the cheapest path between sender and receiver is the chain, and of all nodes
    whose cheapest path to the receiver has ``hops`` hops, its own sender is the nearest.
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
    pairs, first = np.unique(pairs, axis=1, return_index=True)  # the first of several is the one inside a chain
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
    """Generates a graph in which a node's class shows at the node some hops away along the cheapest path.

    The edges have lengths, ``edge_length``; the transform ``{shortest-paths: {weight: edge_length}}`` finds the paths.
    There is no published split.

    Args:
        request: Which data set is asked for.
        hops: How far away, from 1 to 6.
        num_chains: Number of labeled nodes; the graph has ``hops + 1`` times as many.
        num_classes: Number of classes.
        crossings: Mean number of edges per node that lead elsewhere.
        noise: Deviation of the features around the center of their class.
        seed: Seed of the generator.
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
