"""Integer keys of node pairs, in lexicographic order of the pairs."""

import torch
from torch import Tensor


def edge_key(major: Tensor, minor: Tensor) -> Tensor:
    """Returns a unique int64 key per pair of ids, in lexicographic order.

    Where the product of the ids exceeds int64, the key is computed from their ranks.

    Args:
        major (Tensor): Non-negative ids ``[E]`` that are compared first.
        minor (Tensor): Non-negative ids ``[E]`` that are compared second.
    """
    major, minor = major.long(), minor.long()
    if not major.numel():
        return major
    base = int(minor.max()) + 1
    if int(major.max()) >= (2**63 - 1) // base:
        ids, ranks = torch.unique(torch.stack([major, minor]), return_inverse=True)
        major, minor, base = ranks[0], ranks[1], ids.numel()
    return major * base + minor


def merge_pairs(major: Tensor, minor: Tensor) -> tuple[Tensor, Tensor]:
    """Finds the distinct pairs among pairs of ids.

    Args:
        major (Tensor): Non-negative ids ``[E]`` that are compared first.
        minor (Tensor): Non-negative ids ``[E]`` that are compared second.

    Returns:
        Position ``[K]`` of the first occurrence of each distinct pair, in the order of ``major`` and then of ``minor``,
        and the index ``[E]`` of each pair among the distinct ones.
    """
    key = edge_key(major, minor)
    order = key.argsort(stable=True)
    new = torch.ones_like(key, dtype=torch.bool)
    new[1:] = key[order].diff() != 0
    return order[new], torch.empty_like(key).index_copy(0, order, new.cumsum(0) - 1)
