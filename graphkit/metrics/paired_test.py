"""Paired t-test between the scores of two methods."""

from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple

import numpy as np
import scipy

from graphkit.errors import InputError


class PairedTest(NamedTuple):
    """Result of a paired t-test.

    Args:
        difference (float): Mean of the differences, first minus second.
        std (float, optional): Sample standard deviation of the differences; ``None`` for a single pair.
        t (float, optional): t statistic; ``None`` if undefined: for a single pair, or for equal differences.
        p (float, optional): Two-sided p-value; ``None`` if ``t`` is.
        pairs (int): Number of pairs.
        wins (int): Number of pairs in which the first score is larger.
        losses (int): Number of pairs in which the first score is smaller.
    """

    difference: float
    std: float | None
    t: float | None
    p: float | None
    pairs: int
    wins: int
    losses: int


def paired_test(first: Sequence[float], second: Sequence[float]) -> PairedTest:
    r"""Computes the two-sided paired t-test of two lists of scores.

    For :math:`n` pairs with differences of mean :math:`\bar{d}` and sample standard deviation :math:`s`,

    .. math::
        t = \frac{\bar{d}}{s / \sqrt{n}}

    has Student's distribution with :math:`n - 1` degrees of freedom under the null hypothesis, if the differences are
    normally distributed. Pairs share the seed, and with it split and data. Seeds of one split measure the significance
    *on that split* only.

    Args:
        first (list[float]): Scores of the first method.
        second (list[float]): Scores of the second method, in the same order.

    Returns:
        Difference, test statistic and p-value, see :class:`PairedTest`.

    Raises:
        InputError: If the lengths differ or are zero, or a score is not finite.

    Example:
        >>> result = paired_test([0.75, 0.5, 1.0], [0.5, 0.5, 0.5])
        >>> result.difference, result.pairs, result.wins, round(result.p, 3)
        (0.25, 3, 2, 0.225)
    """
    if len(first) != len(second) or not len(first):
        raise InputError(f"a paired test needs as many scores on both sides (got {len(first)} and {len(second)})")
    if not all(map(isfinite, (*first, *second))):
        raise InputError(f"scores must be finite (got {list(first)} and {list(second)})")
    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    std = float(difference.std(ddof=1)) if difference.size > 1 else None
    t = p = None
    # The deviation of equal differences consists of rounding errors only.
    if std is not None and std > 1e-12 * float(np.abs(difference).max()):
        t = float(difference.mean()) / (std / difference.size**0.5)
        p = float(2 * scipy.stats.t.sf(abs(t), difference.size - 1))
    wins, losses = int((difference > 0).sum()), int((difference < 0).sum())
    return PairedTest(float(difference.mean()), std, t, p, difference.size, wins, losses)
