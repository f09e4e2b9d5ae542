import pytest
from scipy import stats

from graphkit.metrics import paired_test


def test_is_the_one_of_scipy() -> None:
    first, second = [0.83, 0.84, 0.82, 0.85, 0.83], [0.82, 0.84, 0.83, 0.82, 0.81]
    expected = stats.ttest_rel(first, second)
    test = paired_test(first, second)
    assert test.t == pytest.approx(expected.statistic) and test.p == pytest.approx(expected.pvalue)
    assert test.difference == pytest.approx(0.01) and (test.pairs, test.wins, test.losses) == (5, 3, 1)
    turned = paired_test(second, first)
    assert turned.t == pytest.approx(-expected.statistic) and turned.p == pytest.approx(test.p)


@pytest.mark.parametrize(
    ("first", "second"), [([0.5], [0.25]), ([0.5, 0.75], [0.5, 0.75]), ([0.83, 0.84, 0.9], [0.82, 0.83, 0.89])]
)
def test_without_a_deviation_nothing_is_claimed(first: list, second: list) -> None:
    test = paired_test(first, second)
    assert test.t is None and test.p is None and test.pairs == len(first)
    assert test.difference == pytest.approx(sum(first) / len(first) - sum(second) / len(second))


def test_what_is_not_paired_is_refused() -> None:
    with pytest.raises(ValueError, match="as many scores on both sides .got 2 and 1."):
        paired_test([0.1, 0.2], [0.1])
    with pytest.raises(ValueError, match="as many scores on both sides .got 0 and 0."):
        paired_test([], [])
    with pytest.raises(ValueError, match="scores must be finite"):
        paired_test([0.1, float("nan")], [0.1, 0.2])
