"""ROC-AUC of classes: one against the rest."""

import torch
from torch import Tensor

from graphkit.metrics._checks import check_classes

#: Rows whose probabilities are computed at once.
_ROWS = 65536


def class_roc_auc(logits: Tensor, y: Tensor) -> float:
    """Computes the ROC-AUC of classes: of class 1 for two, else the macro mean.

    For more than two classes, it is the mean over all classes of one class against the rest (``multi_class="ovr"`` of
    scikit-learn). Classes without items, or with all of them, are left out. Ties count 1/2.

    Args:
        logits (Tensor): ``[B, C]``, outputs, whose softmax are the probabilities.
        y (Tensor): ``[B]`` int64, true classes.

    Returns:
        A value between 0 and 1; NaN if all items are of one class, or an output is NaN or plus infinity.

    Raises:
        InputError: If the shapes do not match, there is no item, or a class is out of range.

    Example:
        >>> import torch
        >>> logits = torch.tensor([[0.0, 0.1], [0.0, 0.4], [0.0, 0.35], [0.0, 0.8]])
        >>> class_roc_auc(logits, torch.tensor([0, 0, 1, 1]))
        0.75
    """
    check_classes(logits, y)
    total = torch.cat([rows.double().logsumexp(dim=1) for rows in logits.split(_ROWS)])

    def area(index: int) -> Tensor:
        probability, mask = (logits[:, index].double() - total).exp(), y == index
        ranks = probability.sort().values
        below, up_to = (torch.searchsorted(ranks, probability[mask], right=right).sum() for right in (False, True))
        positives, negatives = mask.sum().double(), (~mask).sum().double()
        return (below + up_to - positives**2) / (2 * positives * negatives)

    areas = torch.stack([area(index) for index in ([1] if logits.size(1) == 2 else range(logits.size(1)))])
    return float("nan") if bool(total.isnan().any() | total.isposinf().any()) else float(areas.nanmean())
