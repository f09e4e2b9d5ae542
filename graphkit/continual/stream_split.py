"""Splits inside a stream: every class has its share in every part, and at least one training item."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from graphkit.data import Split
from graphkit.data.splits import parse_fractions


def stratified_split(y: Tensor, items: Tensor, split: str | Sequence[float], seed: int = 0) -> Split:
    """Draws a split of some items, in each class separately.

    However small a class, one item of it trains; where it has three, each part gets one.

    Args:
        y: ``[N]`` int64 classes.
        items: Ids of the items that are drawn.
        split: Shares of training, validation and test items.
        seed: Seed of the draw.
    """
    first, second, _ = parse_fractions(split)
    generator = np.random.default_rng(seed)
    parts: tuple[list[np.ndarray], ...] = ([], [], [])
    ids, classes = items.cpu().numpy(), y[items].cpu().numpy()
    for label in np.unique(classes):
        members = generator.permutation(ids[classes == label])
        count = members.size
        # Two coins: what is left of a class too small for all parts goes to validation or test by chance.
        coin = int(generator.integers(2))
        train = min(max(1, round(first * count)), max(1, count - 2))
        least = 1 if count - train >= 2 else coin
        val = min(max(least, round(second * count)), count - train - (1 if count - train >= 2 else 0))
        for part, chosen in zip(parts, np.split(members, [train, train + val]), strict=True):
            part.append(chosen)
    empty = np.empty(0, dtype=np.int64)
    return Split(*(torch.from_numpy(np.sort(np.concatenate([empty, *part]))).to(items.device) for part in parts))


def restricted(split: Split, wanted: Tensor) -> Split:
    """Returns the items of a split that are wanted, by a mask ``[N]``."""
    return Split(*(ids[wanted[ids]] for ids in (split.train, split.val, split.test)))


def combinations(y: Tensor) -> Tensor:
    """Returns a class for every combination of labels in the rows of ``[N, L]``; an unknown label counts as one."""
    return torch.unique(y.nan_to_num(nan=2.0).long(), dim=0, return_inverse=True)[1]
