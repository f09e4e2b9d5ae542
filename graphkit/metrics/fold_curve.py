"""Cross-validation score without a validation set."""

from typing import NamedTuple

import torch
from torch import Tensor

from graphkit.errors import InputError


class FoldScore(NamedTuple):
    """Selected epoch, and mean and population standard deviation over the folds."""

    epoch: int
    mean: float
    std: float


def fold_curve(curves: Tensor, maximize: bool = True) -> FoldScore:
    """Computes the score of the ten-fold protocol of graph classification.

    The curves of all folds are averaged, and the first epoch with the best mean is selected for all folds. The held-out
    folds thus take part in the selection, which a result must state (``selected_on: fold``). Selecting the best epoch
    per fold would overestimate the score.

    Args:
        curves (Tensor): ``[folds, epochs]``, score of every fold after every epoch.
        maximize (bool, optional): Larger scores are better. (default: ``True``)

    Returns:
        Epoch, mean and standard deviation, see :class:`FoldScore`.

    Raises:
        InputError: If there is no fold or epoch, or no epoch at which every fold has a score.

    Reference:
        Xu et al., `How Powerful are Graph Neural Networks? <https://arxiv.org/abs/1810.00826>`_, ICLR 2019.
    """
    if curves.dim() != 2 or curves.numel() == 0:
        raise InputError(f"`curves` must be [folds, epochs] with at least one of each (got {tuple(curves.shape)})")
    curves = curves.double()
    mean = curves.mean(dim=0)
    if mean.isnan().all():
        raise InputError("`curves` must have an epoch at which every fold has a score (got NaN in all of them)")
    ranked = mean.nan_to_num(nan=-torch.inf) if maximize else -mean.nan_to_num(nan=torch.inf)
    epoch = int((ranked == ranked.max()).nonzero()[0])
    return FoldScore(epoch, float(mean[epoch]), float(curves[:, epoch].std(unbiased=False)))
