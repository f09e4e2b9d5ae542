"""Tiles and tables of scores, computed from the content of ``result.json``."""

from typing import Any

from graphkit.metrics.format_scores import PERCENT, format_scores
from graphkit.report.page import Table, Tile
from graphkit.tasks import maximizes

#: Titles of the scores of factors in table order; arrows show the better direction.
FACTOR_SCORES = {
    "ged_e": "GED_E ↓",
    "c_score": "C-score ↑",
    "fixed_ged_e": "GED_E, one matching ↓",
    "edge_auc": "edge AUC, one matching ↑",
    "saturated": "saturated",
}
_ROWS = {"": "this model", "untrained_": "untrained model", "random_": "random factors"}

#: Titles of the floors of a regression and of links.
FLOORS = {
    "mean": "mean of the training targets",
    "last-value": "latest earlier target",
    "common-neighbors": "common neighbors",
    "adamic-adar": "Adamic-Adar",
    "preferential-attachment": "preferential attachment",
    "katz": "Katz (paths of up to four edges)",
    "feature-cosine": "cosine of the features",
}

SELECTED = {
    "validation": "The epoch was selected on validation items; the test score was computed once, afterwards.",
    "fold": "There is no validation set: the epoch with the best mean over the held-out folds was selected for all, "
    "as usual for these data. The score is therefore not that of unseen graphs.",
    "last epoch": "There is no validation set: the scores are those of the last epoch.",
}


def spread(scores: dict[str, Any] | None, percent: bool = False, digits: int = 4) -> str:
    """Returns mean, unit, and standard deviation over several runs as text."""
    text = format_scores(scores, percent, digits, plus_minus="±", missing="–")
    return f"{text} %" if percent and scores else text


def headline(result: dict[str, Any]) -> list[Tile]:
    """Returns the headline figures of a run."""
    metric, percent = result["metric"], result["metric"] in PERCENT
    scored = result.get("test") or result.get("validation")
    runs = len(scored["runs"]) if scored else len(result["seeds"])
    fold = result.get("selected_on") == "fold"
    unit = "folds" if fold and len(result["seeds"]) == 1 else ("run" if runs == 1 else "runs")
    chosen = (
        result["selected_on"] if result["selected_on"] == "last epoch" else f"epoch chosen on {result['selected_on']}"
    )
    tiles = [
        Tile(f"{name} {metric}", spread(result[name], percent), chosen if name == "test" else "")
        for name in ("test", "validation")
        if result.get(name)
    ]
    tiles.append(Tile(unit, str(runs), _range(result["seeds"])))
    tiles.append(Tile("parameters", f"{result['parameters']:,}"))
    tiles.append(Tile("training time", duration(result["seconds"]), "in all"))
    if result.get("peak_memory_mb") is not None:
        tiles.append(Tile("peak memory", f"{result['peak_memory_mb']:,.0f} MiB"))
    return tiles


def closing_tiles(result: dict[str, Any]) -> list[Tile]:
    """Returns the last headline figures of a comparison: seeds and total time."""
    seeds = result["seeds"]
    return [Tile("seeds", str(len(seeds)), f"from {seeds[0]}"), Tile("time", duration(result["seconds"]), "in all")]


def factor_table(result: dict[str, Any]) -> Table | None:
    """Returns the table of factor scores; ``None`` for a result without them."""
    names = [name for name in FACTOR_SCORES if name in result]
    if not names:
        return None
    rows = [
        [label, *(spread(result.get(prefix + name), digits=3 if name != "ged_e" else 2) for name in names)]
        for prefix, label in _ROWS.items()
        if any(prefix + name in result for name in names)
    ]
    head = ["factors", *(FACTOR_SCORES[name] for name in names)]
    return Table(head, rows, title="Factors against the true patterns")


def floor_table(result: dict[str, Any]) -> Table | None:
    """Returns the table of scores and floors, ``None`` without floors."""
    floors = result.get("floors")
    if not floors:
        return None
    scores = result.get("scores") or {result["metric"]: result["test"]}
    names = list(next(iter(floors.values())))
    rows = [
        [FLOORS.get(key, key), *(spread(_single(entry.get(name)), name in PERCENT) for name in names)]
        for key, entry in floors.items()
    ]
    rows.insert(0, ["this model", *(spread(scores.get(name), name in PERCENT) for name in names)])
    return Table(["test", *(f"{name} {'↑' if maximizes(name) else '↓'}" for name in names)], rows)


def _single(value: float | None) -> dict[str, Any] | None:
    """Returns a single score in the form of several ones, ``None`` if undefined."""
    return None if value is None else {"mean": value, "runs": [value]}


def score_table(result: dict[str, Any]) -> Table | None:
    """Returns the table of all metrics on the test items, or ``None``.

    There is none for a single metric, or for a result with floors, which has another table.
    """
    test = result.get("scores", {})
    if len(test) < 2 or result.get("floors"):
        return None
    rows = [["this model", *(spread(score, name in PERCENT) for name, score in test.items())]]
    title = "All metrics, at the last epoch" if result.get("selected_on") == "fold" else ""
    return Table(["test", *(f"{name} {'↑' if maximizes(name) else '↓'}" for name in test)], rows, title)


def other_scores(result: dict[str, Any]) -> Table | None:
    """Returns the table of all other scores; ``None`` for a result without them."""
    excluded = {"test", "validation", *(prefix + name for prefix in _ROWS for name in FACTOR_SCORES)}
    rows = [
        [name, spread(scores)]
        for name, scores in result.items()
        if name not in excluded and isinstance(scores, dict) and "runs" in scores
    ]
    return Table(("score", "value"), rows) if rows else None


def duration(seconds: float) -> str:
    """Returns a duration in seconds, minutes or hours as text."""
    if seconds < 90:
        return f"{seconds:.1f} s"
    if seconds < 5400:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:.1f} h"


def _range(seeds: list[int]) -> str:
    """Returns ``seeds 0 to 9`` for consecutive seeds, else a list."""
    if len(seeds) > 2 and seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"seeds {seeds[0]} to {seeds[-1]}"
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
