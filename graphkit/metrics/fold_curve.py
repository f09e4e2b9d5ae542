"""The score of a cross-validation without a validation set."""

from typing import NamedTuple

import torch
from torch import Tensor

from graphkit.errors import InputError


class FoldScore(NamedTuple):
    """The epoch chosen for all folds together, and the mean and population deviation over the folds at that epoch."""

    epoch: int
    mean: float
    std: float


def fold_curve(curves: Tensor, maximize: bool = True) -> FoldScore:
    r"""Returns the score of the ten-fold protocol of graph classification.

    The curves of all folds are averaged, and the first epoch with the best mean is chosen for all of them; the
    deviation is that of the population of folds at this epoch. The held-out fold thus takes part in the selection,
    which must be said beside the number (``selected_on: fold``). The best epoch of each fold by itself would give a
    higher number and is not a score.

    Args:
        curves: Score of every fold after every epoch.
        maximize: Whether a larger score is the better one.

    Shapes:
        - **input:** ``curves`` ``[folds, epochs]``.

    Raises:
        ValueError: If there is no fold or epoch, or no epoch at which every fold has a score.
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
