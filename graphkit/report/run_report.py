"""Report of a run of any command: ``report.html`` and ``figures/``."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from graphkit.continual.continual_result import check_continual_result
from graphkit.distill.distill_config import DistillConfig
from graphkit.distill.distill_result import check_distill_result
from graphkit.errors import InputError
from graphkit.experiments import RunFolder, config_of_folder, open_run
from graphkit.experiments.compare import compare_runs
from graphkit.experiments.search import check_search_result
from graphkit.files import write_text
from graphkit.metrics.format_scores import PERCENT, format_score
from graphkit.report import collect, scores
from graphkit.report.continual_report import continual_page
from graphkit.report.distill_report import distill_page
from graphkit.report.factors import factor_graphs, found_beside_true
from graphkit.report.page import (
    Block,
    Cell,
    Columns,
    Folded,
    Note,
    Page,
    Section,
    Table,
    draw,
    render,
    reproduce,
    settings_table,
)
from graphkit.report.pictures import class_section, curves_section, picture_sections
from graphkit.report.score_figure import run_rows, score_comparison
from graphkit.report.search_report import search_page
from graphkit.report.style import require_matplotlib, save_png
from graphkit.report.verdict import verdict
from graphkit.training.run_files import read_result

#: Largest number of runs whose table is open.
_OPEN = 5
_FACTORS = (
    "GED_E is the edit distance between true patterns and found factors, and C-score the share of the factor that each "
    "pattern is matched to most often; both take the best matching in each graph, so that even noise scores better the "
    "more factors there are: read them against the other rows. “One matching” was fitted on validation graphs and "
    "leaves no such choice; an edge AUC of 0.5 is chance. “Saturated” is the share of coefficients below 0.01 or above "
    "0.99."
)


def report(run: RunFolder | str | Path, others: Sequence[RunFolder | str | Path] = ()) -> Path:
    """Writes ``report.html`` and the figures in ``figures/`` into a run folder.

    The page contains a verdict, settings, environment, curves, scores and figures, and needs neither other files nor a
    network. Figures whose data cannot be loaded are omitted, with the reason.

    Args:
        run (RunFolder or str or Path): Run of ``train``, ``distill`` or ``continual``, or its folder.
        others (list, optional): Runs to compare a run of ``train`` with; those on other data are named as not
            compared. (default: ``()``)

    Returns:
        The path of the page.

    Raises:
        FileNotFoundError: If the folder is not a run.
        InputError: If the run cannot be read, or its folder is not writable.
        MissingPackageError: If matplotlib is missing.
    """
    require_matplotlib()
    path = (run.path if isinstance(run, RunFolder) else Path(run)) / "report.html"
    build = _page_builder(run, others)
    try:
        write_text(path, render(build()))
    except FileNotFoundError:
        raise
    except OSError as error:
        remedy = f"free space on the disk, or make it writable, then: graphkit report {path.parent}"
        raise InputError(f"the report cannot be written to '{path}' ({error.strerror}); {remedy}") from None
    return path


def _page_builder(run: RunFolder | str | Path, others: Sequence[RunFolder | str | Path]) -> Callable[[], Page]:
    """Returns the function that builds the page for the command of a run."""
    if isinstance(run, RunFolder):
        return partial(run_page, run, others)
    folder = Path(run)
    config = config_of_folder(folder)
    if config.command == "continual":
        return partial(continual_page, folder, _result(folder, "continual", check_continual_result))
    if config.command == "search":
        return partial(search_page, folder, _result(folder, "search", check_search_result))
    if isinstance(config, DistillConfig):
        return partial(distill_page, folder, config, _result(folder, "distill", check_distill_result))
    return partial(run_page, open_run(folder), others)


def _result(folder: Path, command: str, check: Callable[[dict[str, Any], Path], object]) -> dict[str, Any]:
    """Reads and validates the result of several fits.

    Raises:
        InputError: If the run is incomplete, or a key is missing or has the wrong type.
    """
    result = read_result(folder)
    if not result:
        raise InputError(f"the run '{folder}' has not ended; continue it with: graphkit {command} --resume {folder}")
    check(result, folder / "result.json")
    return result


def factor_picture(run: RunFolder | str | Path) -> Path:
    """Writes ``figures/factors.png``, the factor graphs of some inputs.

    True factors are shown if the data set has them.

    Args:
        run (RunFolder or str or Path): Run of ``train``, or its folder.

    Returns:
        The path of the figure.

    Raises:
        FileNotFoundError: If the folder is not a run, or the run is incomplete.
        InputError: If the model has no factors, or the graph is too large.
    """
    run = run if isinstance(run, RunFolder) else open_run(run)
    fit = run.best
    if collect.has_factors(fit) and collect.has_true_factors(fit.dataset):
        figure = found_beside_true(collect.true_examples(fit))
    else:
        figure = factor_graphs(collect.factor_view(fit).examples)
    return save_png(figure, run.path / "figures" / "factors.png")


def run_page(run: RunFolder, others: Sequence[RunFolder | str | Path] = ()) -> Page:
    """Builds the page of a ``train`` run, and writes the figures.

    Args:
        run (RunFolder): The run.
        others (list, optional): Runs to compare with. (default: ``()``)
    """
    result, config = run.result, run.config
    title = f"{config.model.name} on {result.get('dataset', config.data.name)}"
    task = f"{result['task'].replace('-', ' ')}, " if "task" in result else ""
    lead = f"{task}run folder {run.path.resolve().name}"
    if not result:
        warning = "This run has not ended and has no scores yet. Continue it with graphkit train --resume."
        sections = [*curves_section(run), _reproduce(run), _settings(run)]
        return Page(title, lead, sections, warnings=[warning])
    compared, reasons = _comparable(run, others)
    comparison = [
        *_comparison(run, compared),
        *_score_figure(run, compared),
        *(Note(f"Not compared: {reason}") for reason in reasons),
    ]
    sections = [
        Section("Scores", [*_scores(run), *comparison, *_runs(run)]),
        *class_section(run),
        *curves_section(run),
        *picture_sections(run, compared),
    ]
    sections += [_reproduce(run), _settings(run)]
    return Page(title, lead, sections, scores.headline(result), verdict=verdict(run, compared))


def _scores(run: RunFolder) -> list[Block]:
    """Returns the tables of scores: mean over runs, factors, and single runs."""
    result = run.result
    blocks: list[Block] = [Note(scores.SELECTED.get(result.get("selected_on", ""), ""), "")]
    floors, factors, others = scores.floor_table(result), scores.factor_table(result), scores.other_scores(result)
    blocks += [table for table in (floors, scores.score_table(result)) if table]
    if factors:
        blocks += [factors, Note(_FACTORS)]
    if others:
        blocks.append(others)
    return blocks


def _score_figure(run: RunFolder, others: Sequence[RunFolder]) -> list[Block]:
    """Returns the figure of the scores of runs, recipes and floors."""
    metric = run.result["metric"]
    rows = run_rows(run, others, scores.FLOORS) if run.result["test"] else []
    if len(rows) < 2:
        return []
    caption = "Dots are single runs, bars standard deviations over them. "
    if any(row.is_reference for row in rows):
        recipes = any(row.name.startswith("recipe") for row in rows)
        caption += "Rings are floors" + (
            ", and the expected scores of recipes, with their settings." if recipes else "."
        )
    label = f"Test {metric} of " + ", ".join(row.name for row in rows)
    figure = score_comparison(rows, metric, metric in PERCENT)
    return [draw(run.path, figure, "scores", label, caption.strip())]


def _comparable(run: RunFolder, others: Sequence[RunFolder | str | Path]) -> tuple[list[RunFolder], list[str]]:
    """Returns the runs that can be compared with a run, and why others cannot."""
    compared, reasons = [], []
    for other in others:
        try:
            opened = other if isinstance(other, RunFolder) else open_run(other)
            compare_runs([run, opened])
            compared.append(opened)
        except InputError as error:
            reasons.append(str(error))
    return compared, reasons


def _comparison(run: RunFolder, others: Sequence[RunFolder]) -> list[Block]:
    """Returns the table of the run and the runs to compare with."""
    if not others:
        return []
    result = compare_runs([run, *others])
    percent = result["metric"] in PERCENT
    rows: list[list[Cell]] = []
    for entry in result["runs"]:
        test = entry["against_first"]
        row: list[Cell] = [entry["model"], Path(entry["run"]).name, scores.spread(entry["test"], percent)]
        if test is None:
            row += [None, None, None]
        else:
            p = None if test["p"] is None else f"{test['p']:.3f}"
            row += [format_score(test["difference"], percent, sign=True), p, test["pairs"]]
        rows.append(row)
    head = ["model", "run", f"test {result['metric']}", "difference", "p", "shared seeds"]
    note = (
        "Differences to this run over the shared seeds, with a paired t-test; p is not corrected for several tests; "
        "the verdict divides the level by their number."
    )
    return [Table(head, rows, title="Comparison"), Note(note)]


def _runs(run: RunFolder) -> list[Block]:
    """Returns the folded table of single fits, if there are several."""
    if len(run.fits) < 2:
        return []
    result, percent = run.result, run.result["metric"] in PERCENT
    head = ["run", "seed", "split", "epoch", "validation", "test"]
    rows: list[list[Cell]] = []
    for fit in run.fits:
        seed, fold = fit.config.seed, fit.config.data.fold
        epoch = (fit.result.get("epochs") or [None])[0]
        row: list[Cell] = [fit.path.name, seed, fold]
        if result["selected_on"] == "fold":  # the epoch is that of all folds, not the best one of this fold
            epoch = result["epochs"][result["seeds"].index(seed)]
            rows_of_fit = fit.metrics[epoch - 1 : epoch]
            value = rows_of_fit[0]["validation"] if rows_of_fit else None
            cell = None if value is None else scores.spread({"mean": value, "runs": [value]}, percent)
            row += [epoch, None, cell]
        else:
            both = [fit.result.get(name) for name in ("validation", "test")]
            row += [epoch, *(scores.spread(value, percent) if value else None for value in both)]
        rows.append(row)
    used = [column for column in range(len(head)) if any(row[column] is not None for row in rows)]
    table = Table([head[column] for column in used], [[row[column] for column in used] for row in rows])
    return [Folded(f"All {len(rows)} runs", table, is_open=len(rows) <= _OPEN)]


def _reproduce(run: RunFolder) -> Section:
    """Returns the section with the commands to reproduce the run."""
    blocks: list[Block] = [
        Note("With the versions listed below, these commands reproduce the runs and their scores:", ""),
        *reproduce(run.path, "graphkit train --config config.yaml --output again\ngraphkit evaluate again"),
    ]
    if "dataset" in vars(run.best) and run.best.dataset.citation:  # only if the data are already loaded
        blocks.append(Note(f"Data: {run.best.dataset.citation}"))
    return Section("Reproduce", blocks)


def _settings(run: RunFolder) -> Section:
    """Returns the section with all settings and the environment."""
    config = run.config.to_dict()
    general = {key: value for key, value in config.items() if not isinstance(value, dict)}
    tables = [settings_table(config[name], name) for name in ("model", "data", "train", "distill") if name in config]
    environment = (run if run.environment else run.best).environment
    tables += [settings_table(general, "general"), settings_table(environment, "environment")]
    return Section("Settings and environment", [Columns(tables)])
