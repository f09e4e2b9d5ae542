"""ROC-AUC averaged over tasks, with missing labels."""

import torch
from torch import Tensor

from graphkit.metrics._checks import columns
from graphkit.metrics.segment_auc import segment_auc


def roc_auc(logits: Tensor, y: Tensor) -> float:
    """Computes the mean ROC-AUC over the tasks with both classes.

    This is the protocol of MoleculeNet and the Open Graph Benchmark. Ties count 1/2.

    Args:
        logits (Tensor): ``[B, T]``, outputs or other scores; a single task may be given as ``[B]``.
        y (Tensor): ``[B, T]``, labels 0 or 1; NaN marks a missing label.

    Returns:
        The mean, between 0 and 1; NaN if no task has both classes or a labeled output is NaN. Infinite outputs are
        ranked.

    Raises:
        InputError: If the shapes do not match, there is no item, or a label is not 0, 1 or NaN.

    Example:
        >>> import torch
        >>> roc_auc(torch.tensor([0.1, 0.4, 0.35, 0.8]), torch.tensor([0.0, 0.0, 1.0, 1.0]))
        0.75
    """
    logits, y = columns(logits, y)
    mask = ~y.isnan()
    if logits[mask].isnan().any():
        return float("nan")
    task = torch.arange(y.size(1), device=y.device).expand_as(y)
    areas = segment_auc(logits[mask], y[mask] == 1, task[mask], y.size(1))
    return float(areas.nanmean())
