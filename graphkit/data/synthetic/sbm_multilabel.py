"""Multi-label graphs of overlapping communities, a synthetic substitute for PPI."""

import numpy as np
import torch

from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset, Split
from graphkit.data.dataset_info import Request, Source, dataset
from graphkit.errors import InputError

CITATION = "generated: graphs of overlapping communities, 121 labels per node, as many graphs as PPI has"
PARTS = (20, 2, 2)
NUM_FEATURES, NUM_LABELS, NUM_COMMUNITIES = 50, 121, 25
MEMBERSHIPS = 3  # largest number of communities per node
LABEL_SHARE = 0.15  # probability that a community has a label


def generate(size: int, degree: float, inside: float, noise: float, flips: float, seed: int) -> GraphCollection:
    """Draws the graphs.

    There are 25 communities, shared by all graphs. A community has each of 121 labels with probability 0.15; labels
    without a community get a random one. Each community has a center of 50 standard normal features.

    A graph has ``size`` nodes. Each node draws one, two or three communities uniformly, with duplicates merged. There
    are ``size * degree / 2`` edges between different nodes, before duplicates are merged: one end is a random node; the
    other is, with probability ``inside``, a random member of one of its communities, otherwise any node. A node has the
    labels of its communities, each flipped with probability ``flips``. Its features are the mean of the centers of its
    communities plus ``noise`` times standard normal noise.
    """
    generator = np.random.default_rng(seed)
    owns = generator.random((NUM_COMMUNITIES, NUM_LABELS)) < LABEL_SHARE
    nobody = np.flatnonzero(~owns.any(axis=0))
    owns[generator.integers(NUM_COMMUNITIES, size=nobody.size), nobody] = True
    center = generator.standard_normal((NUM_COMMUNITIES, NUM_FEATURES))
    features, labels, edges = [], [], []
    for _ in range(sum(PARTS)):
        drawn = generator.integers(NUM_COMMUNITIES, size=(size, MEMBERSHIPS))
        used = np.arange(MEMBERSHIPS) < generator.integers(1, MEMBERSHIPS + 1, size=size)[:, None]
        member = np.zeros((size, NUM_COMMUNITIES), dtype=bool)
        np.put_along_axis(member, np.where(used, drawn, drawn[:, :1]), True, axis=1)
        edges.append(_draw_edges(member, round(size * degree / 2), inside, generator))
        mean = member @ center / member.sum(axis=1, keepdims=True)
        features.append(mean + noise * generator.standard_normal(mean.shape))
        labels.append((member @ owns > 0) ^ (generator.random((size, NUM_LABELS)) < flips))
    return GraphCollection(
        torch.from_numpy(np.concatenate(edges, axis=1)),
        torch.full((sum(PARTS),), size),
        torch.tensor([pairs.shape[1] for pairs in edges]),
        node={
            "x": torch.from_numpy(np.concatenate(features)).float(),
            "y": torch.from_numpy(np.concatenate(labels)).float(),
        },
    )


def _draw_edges(member: np.ndarray, count: int, inside: float, generator: np.random.Generator) -> np.ndarray:
    """Returns the edges of one graph in both directions, without duplicates."""
    size = member.shape[0]
    one = generator.integers(size, size=count)
    # The members of a community are contiguous in `people`, from `start`.
    community, people = member.T.nonzero()
    start, members = np.searchsorted(community, np.arange(member.shape[1])), member.sum(axis=0)
    # Draws one community of the first node: argmax of random numbers, masked to its communities.
    chosen = np.where(member[one], generator.random((count, member.shape[1])), -1.0).argmax(axis=1)
    mate = people[start[chosen] + (generator.random(count) * members[chosen]).astype(np.int64)]
    other = np.where(generator.random(count) < inside, mate, generator.integers(size, size=count))
    pairs = np.stack([np.minimum(one, other), np.maximum(one, other)])[:, one != other]
    pairs = np.unique(pairs, axis=1)
    return np.concatenate([pairs, pairs[::-1]], axis=1)


@dataset({"sbm-multilabel": Source(address=CITATION)}, task="multilabel-node-classification")
def sbm_multilabel(
    request: Request,
    *,
    size: int = 400,
    degree: float = 16.0,
    inside: float = 0.6,
    noise: float = 1.5,
    flips: float = 0.01,
    seed: int = 0,
) -> GraphDataset:
    """Generates 20 training, 2 validation and 2 test graphs with 121 labels per node.

    The data have the form of PPI; the metric is micro-F1.

    Args:
        request (Request): Request for the data set.
        size (int, optional): Number of nodes per graph. (default: ``400``)
        degree (float, optional): Mean number of neighbors. (default: ``16.0``)
        inside (float, optional): Fraction of neighbors drawn from a community of the node. (default: ``0.6``)
        noise (float, optional): Standard deviation of the features around the mean center. (default: ``1.5``)
        flips (float, optional): Fraction of flipped labels. (default: ``0.01``)
        seed (int, optional): Random seed of the generator. (default: ``0``)
    """
    if size < 2 * NUM_COMMUNITIES or not 0 < degree <= size / 4:
        raise InputError(
            f"a graph must have at least {2 * NUM_COMMUNITIES} nodes, and a degree above 0 and at most a quarter of "
            f"that (got {size} nodes of degree {degree})"
        )
    if not 0 <= inside <= 1 or not 0 <= flips < 0.5 or noise < 0:
        raise InputError(
            "`inside` must be from 0 to 1, `flips` from 0 to 0.5 and `noise` not negative "
            f"(got {inside}, {flips} and {noise})"
        )
    train, val, test = torch.arange(sum(PARTS)).split(PARTS)
    return GraphDataset(
        name=request.name,
        task="multilabel-node-classification",
        graphs=generate(size, degree, inside, noise, flips, seed),
        splits=(Split(train, val, test),),
        num_features=NUM_FEATURES,
        num_outputs=NUM_LABELS,
        metric="micro-f1",
        citation=f"{CITATION}, seed {seed}",
    )
