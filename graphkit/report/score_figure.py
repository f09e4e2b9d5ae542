"""Figure of the test scores of runs, recipes and floors."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from graphkit.config.recipes import load_recipe, recipe_names
from graphkit.errors import InputError
from graphkit.experiments import RunFolder, build_config
from graphkit.metrics.format_scores import PERCENT
from graphkit.report.style import INK, LINE, MUTED, SERIES, new_figure, panels, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Options of the data that may differ between a run and a recipe.
_FREE = ("root", "transforms", "fold")


class ScoreRow(NamedTuple):
    """Scores of one method.

    Args:
        name (str): Name of the method.
        mean (float): Mean score.
        std (float, optional): Standard deviation. (default: ``None``)
        runs (list[float], optional): Scores of the single runs. (default: ``()``)
        color (str, optional): Color. (default: :data:`~graphkit.report.style.INK`)
        is_reference (bool, optional): Scores that were not measured with this run, drawn as a ring.
            (default: ``False``)
    """

    name: str
    mean: float
    std: float | None = None
    runs: Sequence[float] = ()
    color: str = INK
    is_reference: bool = False


def recipe_rows(run: RunFolder) -> list[ScoreRow]:
    """Returns the scores of the recipes for the data, split and metric of a run.

    Scores are in the unit of the metric; those of recipes with other data settings are omitted.
    """
    result, data = run.result, run.config.data.to_dict()
    rows = []
    for name in recipe_names():
        if not name.endswith(f"-{run.config.data.name}") or name.startswith(("continual-", "distill-")):
            continue
        scored = [entry for entry in load_recipe(name).get("expected", ()) if entry["mean"] is not None]
        if not scored or any(scored[0].get(key) != result[key] for key in ("metric", "selected_on")):
            continue
        try:
            recipe = build_config("train", recipe=name)
        except InputError:  # such as a model whose package is missing
            continue
        expected = recipe.data.to_dict()  # type: ignore[attr-defined]
        if all(data.get(key) == expected.get(key) for key in {**data, **expected} if key not in _FREE):
            scale = 0.01 if result["metric"] in PERCENT and scored[0]["mean"] > 1 else 1
            spread = scored[0].get("std")
            label = f"recipe {name.removesuffix(f'-{run.config.data.name}')}, {scored[0]['source']}"
            std = None if spread is None else scale * spread
            rows.append(ScoreRow(label, scale * scored[0]["mean"], std, color=MUTED, is_reference=True))
    return rows


def run_rows(
    run: RunFolder, others: Sequence[RunFolder] = (), titles: Mapping[str, str] | None = None
) -> list[ScoreRow]:
    """Returns the scores of a run, of other runs, of recipes, and of floors.

    Args:
        run (RunFolder): A completed run with a test score.
        others (list of RunFolder, optional): Runs to compare with. (default: ``()``)
        titles (dict, optional): Titles of the floors. (default: their names)
    """
    result, rows = run.result, []
    for number, shown in enumerate((run, *others)):
        test = shown.result["test"]
        name = (
            f"{shown.config.model.name}, this run" if shown is run else f"{shown.config.model.name}, {shown.path.name}"
        )
        rows.append(ScoreRow(name, test["mean"], test["std"], test["runs"], SERIES[number % len(SERIES)]))
    rows += recipe_rows(run)
    for name, floor in (result.get("floors") or {}).items():
        if floor.get(result["metric"]) is not None:
            title = (titles or {}).get(name, name)
            rows.append(ScoreRow(f"floor: {title}", floor[result["metric"]], color=MUTED, is_reference=True))
    if result.get("confusion") and result["metric"] == "accuracy":
        counts = [sum(of_class) for of_class in result["confusion"]]
        share = max(counts) / max(sum(counts), 1)
        rows.append(ScoreRow("floor: the largest class", share, color=MUTED, is_reference=True))
    return rows


def draw_scores(axis: "Axes", rows: Sequence[ScoreRow], scale: float = 1) -> None:
    """Draws mean, deviation and single runs of methods, the first one on top."""
    places = np.arange(len(rows))[::-1]
    for position, row in zip(places, rows, strict=True):
        runs = np.asarray(row.runs, dtype=float) * scale
        if len(runs) > 1:
            axis.plot(
                runs, np.full(len(runs), position), "o", color=row.color, alpha=0.3, markersize=4, markeredgewidth=0
            )
        face = "none" if row.is_reference else row.color
        axis.errorbar(
            row.mean * scale, position, xerr=(row.std or 0) * scale or None, fmt="o", color=row.color, markersize=6,
            markerfacecolor=face, capsize=3, linewidth=1.4,
        )  # fmt: skip
    axis.set_yticks(places, [row.name for row in rows])
    axis.set_ylim(-0.6, len(rows) - 0.4)
    axis.grid(True, axis="x")
    axis.set_axisbelow(True)


def score_comparison(rows: Sequence[ScoreRow], metric: str, percent: bool = False) -> "Figure":
    """Draws the test scores of methods, with a line at the first one.

    Args:
        rows (list[ScoreRow]): The methods.
        metric (str): Name of the metric.
        percent (bool, optional): Shows fractions as percentages. (default: ``False``)
    """
    scale = 100 if percent else 1
    with style():
        figure = new_figure(8.2, 0.75 + 0.25 * len(rows))
        (panel,) = panels(figure, 1, 1)
        axis = panel.subplots()
        axis.axvline(rows[0].mean * scale, color=LINE, linewidth=1.2, zorder=0)
        draw_scores(axis, rows, scale)
        axis.set_xlabel(f"test {metric}{' (%)' if percent else ''}")
        return figure
