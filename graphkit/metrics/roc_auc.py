"""ROC-AUC with missing labels, averaged over tasks."""

import torch
from torch import Tensor

from graphkit.metrics._checks import columns
from graphkit.metrics.segment_auc import segment_auc


def roc_auc(logits: Tensor, y: Tensor) -> float:
    r"""Returns the mean area under the ROC curve over the tasks that have both classes, between 0 and 1.

    This is the protocol of MoleculeNet and the Open Graph Benchmark. A tie between a positive and a negative item
    counts one half.

    Args:
        logits: Outputs or any other scores, one column per task; a single task may come as ``[B]``.
        y: Labels 0 or 1; NaN marks a missing label.

    Shapes:
        - **input:** ``logits`` and ``y`` ``[B, T]``.

    Returns:
        The mean; NaN if no task has both classes or an output that counts is NaN. Infinite outputs keep their rank.

    Raises:
        ValueError: If the shapes do not fit, there is no item, or a label is not 0, 1 or NaN.
    """
    logits, y = columns(logits, y)
    mask = ~y.isnan()
    if logits[mask].isnan().any():
        return float("nan")
    task = torch.arange(y.size(1), device=y.device).expand_as(y)
    areas = segment_auc(logits[mask], y[mask] == 1, task[mask], y.size(1))
    return float(areas.nanmean())
