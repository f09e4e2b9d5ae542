"""Report of a continual run: tables, performance matrices and curves over tasks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphkit.errors import InputError
from graphkit.experiments.run_folder import read_environment
from graphkit.metrics.format_scores import PERCENT, format_score
from graphkit.metrics.paired_test import paired_test
from graphkit.report import scores
from graphkit.report.page import Cell, Note, Page, Section, Table, Tile, draw, reproduce
from graphkit.report.style import INK, SERIES, new_figure, panels, style
from graphkit.report.verdict import difference_statement, seed_statements

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Matrix = Sequence[Sequence[float | None]]
#: Largest number of tasks for which scores are printed in a matrix.
_ANNOTATED = 14
#: Mean forgetting of fine-tuning, as a fraction, below which a stream is said to forget little.
_FORGETS = 0.02
_COLUMNS = {
    "average_performance": "average performance ↑",
    "average_forgetting": "AF (negative is forgetting)",
    "learning_accuracy": "learning accuracy ↑",
    "forward_transfer": "forward transfer ↑",
    "validation": "average performance, validation items",
}
_MEANING = (
    "Average performance is the mean score over all tasks at the end. AF is the sum, over all tasks but the last, of "
    "the final score minus the score directly after training on the task, divided by T - 1; negative values mean "
    "forgetting. Low forgetting with a low learning accuracy, the mean score of each task directly after training on "
    "it, indicates too little plasticity. Forward transfer is the score on a task before training on it, minus that of "
    "the untrained model."
)


def continual_page(folder: Path, result: dict[str, Any]) -> Page:
    """Builds the page of a ``continual`` run from its result, and writes the figures."""
    command = "graphkit continual --config config.yaml --output again"
    percent, protocol = result["metric"] in PERCENT, result["protocol"]
    edges = "" if protocol["inter_task_edges"] else ", no edges between tasks"
    matrices = {name: entry["matrix"] for name, entry in result["strategies"].items()}
    maps = performance_matrices(matrices, percent)
    seeds = {name: entry.get("matrices", ()) for name, entry in result["strategies"].items()}
    curves = performance_over_tasks(matrices, result["metric"], percent, seeds)
    mean = "Mean over the seeds."
    band = f"{mean} Bands are one standard deviation over the seeds." if len(result["seeds"]) > 1 else ""
    figures = [
        draw(folder, maps, "matrices", "Scores on every task after every task", mean, wide=True),
        draw(folder, curves, "tasks", "Scores over the tasks", band, wide=True),
    ]
    sections = [
        Section("Strategies", [_strategies(result, percent), Note(_MEANING)]),
        Section("Performance matrices", figures[:1]),
        Section("Over the tasks", figures[1:]),
        Section("Time and memory", [_costs(result)]),
    ]
    searched = _searched(result, percent)
    if searched.rows:
        sections.append(Section("Search", [searched]))
    tasks = [
        (f"task {k + 1}", ", ".join(map(str, classes)), *items)
        for k, (classes, items) in enumerate(zip(protocol["tasks"], protocol["items"], strict=True))
    ]
    sections.append(Section("Stream", [Table(("", "classes", "train", "validation", "test"), tasks)]))
    sections.append(Section("Reproduce", reproduce(folder, command, read_environment(folder))))
    return Page(
        title=f"Continual learning: {result['model']} on {result['dataset']}",
        lead=f"{len(protocol['tasks'])} tasks, {protocol['scenario']}, graph visible: {protocol['visible']}{edges}",
        sections=sections,
        tiles=_tiles(result, percent),
        warnings=protocol.get("notes", []),
        verdict=_verdict(result, percent),
    )


def _tiles(result: dict[str, Any], percent: bool) -> list[Tile]:
    """Returns the headline figures: best strategies on validation but joint training."""
    learners = {name: entry for name, entry in result["strategies"].items() if entry["forgetting"]}

    def validation(name: str) -> float:
        scored = result["strategies"][name]["validation"]
        return scored["mean"] if scored else float("-inf")

    ranked = sorted(learners or result["strategies"], key=validation, reverse=True)
    tiles = [
        Tile(name, scores.spread(result["strategies"][name]["average_performance"], percent), "average performance")
        for name in ranked[:3]
    ]
    protocol = result["protocol"]
    optimizer = f"{protocol['optimizer']}, weight decay {protocol['weight_decay']:g}"
    return [*tiles, Tile("protocol", protocol["name"], optimizer), *scores.closing_tiles(result)]


def _verdict(result: dict[str, Any], percent: bool) -> list[str]:
    """Returns statements on seeds, forgetting, and strategies against fine-tuning."""
    runs = {name: entry["average_performance"]["runs"] for name, entry in result["strategies"].items()}
    base = runs.pop("fine-tune", None)
    add = "" if base is not None and runs else "Add one: --compare fine-tune,twp."
    statements = seed_statements(result, add)
    compared = [name for name, values in runs.items() if base is not None and len(values) == len(base)]
    for name in compared:
        test = paired_test(runs[name], base or ())._asdict()
        statements.append(
            difference_statement(test, "fine-tune", percent, result["maximize"], name, tests=len(compared))
        )
    forgetting = result["strategies"].get("fine-tune", {}).get("average_forgetting")
    if forgetting and percent and forgetting["mean"] > -_FORGETS:
        change = format_score(forgetting["mean"], percent, sign=True)
        statements.append(
            f"Fine-tuning forgets little (AF {change} points): this stream hardly tests a strategy against forgetting."
        )
    return statements


def _strategies(result: dict[str, Any], percent: bool) -> Table:
    rows: list[list[Cell]] = []
    for name, entry in result["strategies"].items():
        row: list[Cell] = [name]
        row += [scores.spread(entry[key], percent) if entry[key] else None for key in _COLUMNS]
        rows.append(row)
    return Table(["strategy", *_COLUMNS.values()], rows)


def _costs(result: dict[str, Any]) -> Table:
    rows: list[list[Cell]] = []
    for name, entry in result["strategies"].items():
        seconds, memory = entry["seconds_per_task"], entry["memory_mb_per_task"]
        cells = [f"{seconds[0]:.2f}", f"{seconds[-1]:.2f}", f"{memory[0]:.3f}", f"{memory[-1]:.3f}"]
        rows.append([name, *cells])
    head = ["strategy", "s, first task", "s, last task", "MiB kept after the first", "MiB kept at the end"]
    return Table(head, rows)


def _searched(result: dict[str, Any], percent: bool) -> Table:
    rows: list[list[Cell]] = []
    for name, entry in result["strategies"].items():
        for number, tried in enumerate(entry.get("search", [])):
            options = ", ".join(f"{key}: {value}" for key, value in tried["options"].items())
            score = None if tried["validation"] is None else format_score(tried["validation"], percent)
            half = "chosen by half of the trials" if number == entry.get("half") else ""
            is_chosen = number == entry["chosen"] if "chosen" in entry else tried["options"] == entry["options"]
            chosen = "chosen" if is_chosen else half
            rows.append([name, options or "none", score, chosen])
    return Table(["strategy", "settings", "validation", ""], rows)


def performance_matrices(matrices: Mapping[str, Matrix], percent: bool = False) -> "Figure":
    """Draws one heat map per strategy: scores on tasks (columns) after tasks (rows).

    The color scale is that of all scores, from 0 to 1 or 100 %.

    Args:
        matrices (dict): Performance matrices by strategy, with ``None`` for missing scores.
        percent (bool, optional): Shows fractions as percentages. (default: ``False``)

    Raises:
        InputError: If there is no score.
    """
    arrays = {name: _learned(matrix) for name, matrix in matrices.items()}
    finite = [array[np.isfinite(array)] for array in arrays.values()]
    if not finite or not sum(values.size for values in finite):
        raise InputError("a heat map needs at least one score (got none)")
    scale = 100 if percent else 1
    close = scale * np.ptp(np.concatenate(finite)) < 10  # integers would not distinguish the scores
    with style():
        from matplotlib.colors import LinearSegmentedColormap, to_rgba

        color = to_rgba(SERIES[0])[:3]
        colors = LinearSegmentedColormap.from_list("score", [(*color, 0.04), (*color, 1.0)])
        columns = min(len(arrays), 3)
        rows = -(-len(arrays) // columns)
        tasks = max(array.shape[0] for array in arrays.values())
        side = min(5.4, 10.8 / columns)
        figure = new_figure(columns * side, rows * min(side, max(2.6, 0.9 + 0.3 * tasks)))
        parts = panels(figure, rows, columns)[: len(arrays)]
        axes = [part.subplots() for part in parts]
        images = []
        for axis, (name, array) in zip(axes, arrays.items(), strict=False):
            shown = scale * array
            images.append(axis.imshow(shown, cmap=colors, vmin=0, vmax=scale, interpolation="nearest"))
            _numbers(axis, shown, close, percent)
            ticks = list(range(0, array.shape[0], 1 if array.shape[0] <= _ANNOTATED else 10))
            axis.set_xticks(ticks, [str(tick + 1) for tick in ticks])
            axis.set_yticks(ticks, [str(tick + 1) for tick in ticks])
            axis.tick_params(length=0)
            axis.spines[:].set_visible(False)
            axis.set(title=name, xlabel="score on task", ylabel="after task")
        for part, axis, image in zip(parts, axes, images, strict=True):
            bar = part.colorbar(image, ax=axis, shrink=0.9, aspect=24)
            bar.outline.set_visible(False)  # type: ignore[operator]
        return figure


def _learned(matrix: Matrix) -> np.ndarray:
    """Returns a matrix with NaN for missing scores and for future tasks."""
    array = np.array([[np.nan if value is None else value for value in row] for row in matrix], dtype=float)
    array[np.triu_indices_from(array, 1)] = np.nan
    return array


def _numbers(axis: Any, shown: np.ndarray, close: bool, percent: bool) -> None:
    """Prints the scores in the cells, if there is room; close ones with a decimal."""
    if shown.shape[0] > _ANNOTATED:
        return
    size = 8 if shown.shape[0] <= 6 else 5.5
    digits = int(close and shown.shape[0] <= 6) if percent else 2
    for (row, column), value in np.ndenumerate(shown):
        if np.isfinite(value):
            dark = value > (60 if percent else 0.6)
            text = f"{value:.{digits}f}"
            axis.text(column, row, text, ha="center", va="center", fontsize=size, color="white" if dark else INK)


def performance_over_tasks(
    matrices: Mapping[str, Matrix],
    metric: str = "score",
    percent: bool = False,
    seeds: Mapping[str, Sequence[Matrix]] | None = None,
) -> "Figure":
    """Draws the mean score over past tasks and the score on the first task, over time.

    Args:
        matrices (dict): Performance matrices by strategy, with ``None`` for missing scores.
        metric (str, optional): Name of the metric. (default: ``"score"``)
        percent (bool, optional): Shows fractions as percentages. (default: ``False``)
        seeds (dict, optional): Matrices of each seed by strategy, for bands of one deviation. (default: ``None``)
    """
    scale = 100 if percent else 1
    with style():
        from matplotlib.ticker import MaxNLocator

        figure = new_figure(10.8, 3.5)
        parts = panels(figure, 1, 2)
        axes = [part.subplots() for part in parts]
        for number, (name, matrix) in enumerate(matrices.items()):
            color, line = SERIES[number % len(SERIES)], "-" if number < len(SERIES) else "--"
            bands = [_over_tasks(of_seed, scale) for of_seed in (seeds or {}).get(name, ())]
            for index, (axis, points) in enumerate(zip(axes, _over_tasks(matrix, scale), strict=True)):
                if len(bands) > 1 and len(points) > 1:
                    values = np.array([[value for _, value in band[index]] for band in bands])
                    low, high = (values.mean(axis=0) + sign * values.std(axis=0, ddof=1) for sign in (-1, 1))
                    axis.fill_between([k for k, _ in points], low, high, color=color, alpha=0.12, linewidth=0)
                marker = "o" if len(points) == 1 else None  # joint training has a single point
                axis.plot(
                    *zip(*points, strict=True),
                    color=color,
                    linestyle=line,
                    linewidth=1.5,
                    marker=marker,
                    markersize=4,
                    label=name,
                )
        unit = " (%)" if percent else ""
        axes[0].set(xlabel="tasks learned", ylabel=f"mean {metric} of the tasks so far{unit}")
        axes[1].set(xlabel="tasks learned", ylabel=f"{metric} on the first task{unit}")
        for axis in axes:
            axis.grid(True, axis="y")
            axis.set_axisbelow(True)
            axis.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axis.margins(x=0.03)
        for part in parts:
            columns = min(len(matrices), 4)
            part.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=columns)
        return figure


def _over_tasks(matrix: Matrix, scale: float) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    """Returns the mean score over past tasks, and the score on the first one, by task."""
    rows = [(k + 1, row[: k + 1]) for k, row in enumerate(matrix) if None not in row[: k + 1]]
    means = [(k, scale * sum(row) / len(row)) for k, row in rows]  # type: ignore[arg-type]
    first = [(k + 1, scale * row[0]) for k, row in enumerate(matrix) if row[0] is not None]
    return means, first
