"""Report of a search: budget, trials, chosen settings and test scores."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphkit.experiments.run_folder import read_environment
from graphkit.experiments.search import CHOSEN
from graphkit.metrics.format_scores import PERCENT, format_score
from graphkit.report import scores
from graphkit.report.page import Cell, Note, Page, Section, Table, Tile, draw, reproduce
from graphkit.report.score_figure import ScoreRow, draw_scores
from graphkit.report.style import SERIES, new_figure, panels, style
from graphkit.report.verdict import difference_statement, note_statements, seed_statements
from graphkit.training.run_files import read_result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MEANING = (
    "Every model has the same number of trials over its own search space. All trials have one seed and, of several "
    "splits, that of the first final fit. The settings with the best validation score are trained with other seeds; "
    "only these have a test score here. The difference is the test score minus that of the model with the best "
    "validation score, per seed, and p is the p-value of a paired t-test, not corrected for the number of models; "
    "the verdict divides the level by it."
)


_FIGURE = (
    "First: dots are trials, lines the best score so far. Second: test scores of the chosen settings and their seeds."
)


def search_page(folder: Path, result: dict[str, Any]) -> Page:
    """Builds the page of a ``search`` run from its result."""
    percent, count = result["metric"] in PERCENT, result["trials"]
    tiles = [
        Tile(name, scores.spread(entry["test"], percent), f"test {result['metric']}")
        for name, entry in result["models"].items()
    ]
    head = ["trial", "settings", "validation", "time", ""]
    trials = [Table(head, _trials(entry, percent), name) for name, entry in result["models"].items()]
    command = "graphkit search --config config.yaml --output again"
    figure = search_progress(result, percent)
    label = "Validation score of each trial, and test scores of the chosen settings"
    return Page(
        title=f"Search on {result['dataset']}: {', '.join(result['models'])}",
        lead=f"{count} trials for each model, run folder {folder.resolve().name}",
        tiles=[*tiles, *scores.closing_tiles(result)],
        verdict=[
            *_verdict(result, percent),
            *note_statements({name: read_result(folder / name / CHOSEN) for name in result["models"]}),
        ],
        sections=[
            Section("Test scores", [_models(result, percent), Note(_MEANING)]),
            Section("Chosen settings", [_chosen(result, percent)]),
            Section("Trials", [draw(folder, figure, "search", label, _FIGURE), *trials]),
            Section("Reproduce", reproduce(folder, command, read_environment(folder))),
        ],
    )


def _verdict(result: dict[str, Any], percent: bool) -> list[str]:
    """Returns statements on seeds, differences to the best model, and trials."""
    models, best = result["models"], result["chosen"]
    statements = seed_statements(result, "" if len(models) > 1 else "Add one: --models mlp,gcn.")
    tests = {name: entry["against_best"] for name, entry in models.items() if entry["against_best"] is not None}
    for name, test in tests.items():
        statements.append(difference_statement(test, best, percent, result["maximize"], name, len(tests)))
    for name, entry in models.items():
        if entry["half"] is not None and entry["half"] != entry["chosen"]:
            more = f"--trials {2 * result['trials']}"
            statements.append(f"{name}: the second half of the trials found better settings; search longer: {more}.")
    return statements


def search_progress(result: Mapping[str, Any], percent: bool = False) -> "Figure":
    """Draws the validation scores of trials, and the test scores of chosen settings.

    Args:
        result (dict): Content of ``result.json`` of a search: ``metric``, ``maximize`` and ``models``.
        percent (bool, optional): Shows fractions as percentages. (default: ``False``)
    """
    scale, unit, best = 100 if percent else 1, " (%)" if percent else "", max if result["maximize"] else min
    rows = []
    with style():
        from matplotlib.ticker import MaxNLocator

        figure = new_figure(10.8, 3.4)
        left, right = (panel.subplots() for panel in panels(figure, 1, 2, (1.35, 1)))
        for number, (name, entry) in enumerate(result["models"].items()):
            color = SERIES[number % len(SERIES)]
            tried = [trial["validation"] for trial in entry["trials"]]
            values = [(k, scale * score) for k, score in enumerate(tried) if score is not None]
            left.plot(*zip(*values, strict=True), "o", color=color, alpha=0.4, markersize=4, markeredgewidth=0)
            so_far = [(k, best(value for _, value in values[: index + 1])) for index, (k, _) in enumerate(values)]
            left.step(
                *zip(*so_far, strict=True), where="post", color=color, linewidth=1.5, label=f"{name}, best so far"
            )
            rows.append(ScoreRow(name, **entry["test"], color=color))
        left.set(xlabel="trial", ylabel=f"validation {result['metric']}{unit}")
        left.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        left.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=min(len(rows), 4))
        left.grid(True, axis="y")
        left.set_axisbelow(True)
        draw_scores(right, rows, scale)
        right.set_xlabel(f"test {result['metric']}, chosen settings{unit}")
        return figure


def _models(result: dict[str, Any], percent: bool) -> Table:
    head = ["model", "test", "validation", "difference", "p", "better", "parameters", "trials", "time"]
    rows: list[list[Cell]] = []
    for name, entry in result["models"].items():
        paired = entry["against_best"]
        cells: list[Cell] = ["best" if name == result["chosen"] else None, None, None]
        if paired is not None:
            wins = paired["wins" if result["maximize"] else "losses"]
            p = None if paired["p"] is None else f"{paired['p']:.4f}"
            cells = [format_score(paired["difference"], percent, sign=True), p, f"{wins} of {paired['pairs']}"]
        both = [scores.spread(entry[key], percent) for key in ("test", "validation")]
        costs: list[Cell] = [entry["parameters"], len(entry["trials"]), scores.duration(entry["seconds"])]
        rows.append([name, *both, *cells, *costs])
    return Table(head, rows)


def _chosen(result: dict[str, Any], percent: bool) -> Table:
    """Returns the chosen settings, and those that half of the trials would choose."""
    rows: list[list[Cell]] = []
    for name, entry in result["models"].items():
        for budget, number in ((result["trials"], entry["chosen"]), (result["trials"] // 2, entry["half"])):
            if number is not None:
                trial = entry["trials"][number]
                score = format_score(trial["validation"], percent)
                rows.append([name, budget, number, _settings(trial["options"]), score])
    return Table(["model", "budget in trials", "trial", "settings", "validation"], rows)


def _trials(entry: dict[str, Any], percent: bool) -> list[list[Cell]]:
    rows: list[list[Cell]] = []
    for number, trial in enumerate(entry["trials"]):
        score = None if trial["validation"] is None else format_score(trial["validation"], percent)
        chosen = "chosen" if number == entry["chosen"] else ""
        rows.append([str(number), _settings(trial["options"]), score, scores.duration(trial["seconds"]), chosen])
    return rows


def _settings(options: dict[str, Any]) -> str:
    """Returns settings as text, numbers with three digits."""
    return ", ".join(f"{key}={f'{v:.3g}' if isinstance(v, float) else v}" for key, v in options.items())
