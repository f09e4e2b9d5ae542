"""Keys of pairs of node ids, which sort and compare as the pairs do."""

import torch
from torch import Tensor


def edge_key(major: Tensor, minor: Tensor) -> Tensor:
    """Returns an int64 key for each pair of ids, in the order of ``major`` and then of ``minor``.

    The key is computed in int64 whatever the type of the ids, and for ids whose product exceeds int64 from the ranks of
    those that occur: no two pairs share a key.

    Args:
        major, minor: Ids ``[E]``, not negative.
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
        major, minor: Ids ``[E]``, not negative.

    Returns:
        ``[K]`` the position of the first of each of the distinct pairs, in the order of ``major`` and then of
        ``minor``; ``[E]`` which of them each pair equals.
    """
    key = edge_key(major, minor)
    order = key.argsort(stable=True)
    new = torch.ones_like(key, dtype=torch.bool)
    new[1:] = key[order].diff() != 0
    return order[new], torch.empty_like(key).index_copy(0, order, new.cumsum(0) - 1)
