from graphkit.metrics.format_scores import format_score, format_scores

SEVERAL = {"mean": 0.82125, "std": 0.0075, "runs": [0.81, 0.83]}


def test_a_deviation_is_shown_only_over_several_runs() -> None:
    assert format_scores(SEVERAL) == "0.8213 +- 0.0075"
    assert format_scores(SEVERAL, percent=True, digits=3) == "82.1 +- 0.8"
    assert format_scores({**SEVERAL, "runs": [0.8]}, plus_minus="±") == "0.8213"
    assert format_scores(None) == "-" and format_scores({}, missing="–") == "–"


def test_differences_have_a_sign() -> None:
    assert format_score(0.01, sign=True) == "+0.0100" and format_score(-0.01, percent=True, sign=True) == "-1.00"
