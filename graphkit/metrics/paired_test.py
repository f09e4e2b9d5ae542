"""Whether one set of scores is better than another, pair by pair."""

from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple

import numpy as np
from scipy import stats

from graphkit.errors import InputError


class PairedTest(NamedTuple):
    """How the scores of one method differ from those of another on the same seeds.

    Args:
        difference: Mean of the differences, first minus second.
        std: Their deviation, of a sample; ``None`` for a single pair.
        t: Student's t of the mean difference; ``None`` where it has no value: for one pair, or equal differences.
        p: Probability of a t as far from zero, on either side, if there is no difference; ``None`` as above.
        pairs: Number of pairs.
        wins: Pairs in which the first is larger.
        losses: Pairs in which it is smaller.
    """

    difference: float
    std: float | None
    t: float | None
    p: float | None
    pairs: int
    wins: int
    losses: int


def paired_test(first: Sequence[float], second: Sequence[float]) -> PairedTest:
    r"""Tests whether paired scores differ, by the two-sided paired t-test.

    With differences :math:`d_i` of :math:`n` pairs, mean :math:`\bar{d}` and sample deviation :math:`s`,

    .. math::
        t = \frac{\bar{d}}{s / \sqrt{n}}

    follows Student's distribution with :math:`n - 1` degrees of freedom where the differences are normal and there is
    none on average. Pairs are runs that share what both methods are given: the seed, and with it split and data.
    Seeds of one split say how sure a difference is *on that split*, not on another one.

    Args:
        first: Scores.
        second: As many others, in the same order.

    Raises:
        ValueError: If there are not as many, there are none, or one is not finite.
    """
    if len(first) != len(second) or not len(first):
        raise InputError(f"a paired test needs as many scores on both sides (got {len(first)} and {len(second)})")
    if not all(map(isfinite, (*first, *second))):
        raise InputError(f"scores must be finite (got {list(first)} and {list(second)})")
    difference = np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64)
    std = float(difference.std(ddof=1)) if difference.size > 1 else None
    t = p = None
    # Equal differences leave no deviation but that of rounding, which says nothing.
    if std is not None and std > 1e-12 * float(np.abs(difference).max()):
        t = float(difference.mean()) / (std / difference.size**0.5)
        p = float(2 * stats.t.sf(abs(t), difference.size - 1))
    wins, losses = int((difference > 0).sum()), int((difference < 0).sum())
    return PairedTest(float(difference.mean()), std, t, p, difference.size, wins, losses)
