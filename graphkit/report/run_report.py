"""The report of a run: everything that its folder and its data say, on one page."""

from collections.abc import Callable
from pathlib import Path

from graphkit.config.schema import read_config
from graphkit.errors import InputError
from graphkit.experiments import RunFolder, open_run
from graphkit.experiments.continual.continual_result import check_continual_result
from graphkit.experiments.create_folder import read_result
from graphkit.experiments.distill.distill_result import check_distill_result
from graphkit.files import write_text
from graphkit.report import collect, html, scores
from graphkit.report.continual_report import render_continual
from graphkit.report.distill_report import render_distill
from graphkit.report.factors import factor_graphs, found_beside_true
from graphkit.report.pictures import curves_section, picture_sections
from graphkit.report.style import require_matplotlib, save_png


def report(run: RunFolder | str | Path) -> Path:
    """Writes ``report.html`` and the pictures in ``figures/`` into a run folder.

    The page holds settings, environment, curves, scores and pictures, and needs no other file and no network. A
    picture whose data cannot be loaded any more is left out, with the reason in its place.

    Args:
        run: The run, or its folder.

    Returns:
        The path of the page.

    Raises:
        FileNotFoundError: If the folder is not a run.
        ValueError: If the run cannot be read, or its folder cannot be written to.
        ImportError: If matplotlib is missing.
    """
    require_matplotlib()
    render_folder = None if isinstance(run, RunFolder) else _renderer(Path(run))
    opened = run if isinstance(run, RunFolder) or render_folder is not None else open_run(run)
    path = (opened.path if isinstance(opened, RunFolder) else Path(opened)) / "report.html"
    try:
        if isinstance(opened, RunFolder):
            write_text(path, render(opened))
        elif render_folder is not None:
            write_text(path, render_folder(Path(opened)))
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        remedy = f"free space on the disk, or make it writable, then: graphkit report {path.parent}"
        raise InputError(f"the report cannot be written to '{path}' ({error.strerror}); {remedy}") from None
    return path


def _renderer(folder: Path) -> Callable[[Path], str] | None:
    """Returns what makes the page of a folder that holds several runs of one command; nothing for an ordinary run."""
    if not (folder / "config.yaml").is_file():
        return None
    config = read_config(folder / "config.yaml")
    renderers = {"stream": render_continual, "student": render_distill}  # by the part that only their configuration has
    for section, render in renderers.items():
        if section in config:
            _check_result(folder, section)
            return render
    return None


def _check_result(folder: Path, section: str) -> None:
    """Refuses a result of several fits that lacks a key; nothing is said of one that is not there yet.

    Raises:
        InputError: If a key is missing or has another type; the file and the key are named.
    """
    result = read_result(folder)
    if result:
        check = check_continual_result if section == "stream" else check_distill_result
        check(result, folder / "result.json")


def factor_picture(run: RunFolder | str | Path) -> Path:
    """Writes ``figures/factors.png``, the factor graphs of a few inputs, and returns its path.

    Where the true factors are known, they stand beside those that were found.

    Raises:
        FileNotFoundError: If the folder is not a run, or the run has not ended.
        ValueError: If the model has no factors, or the graph is too large to be drawn.
    """
    run = run if isinstance(run, RunFolder) else open_run(run)
    fit = run.best
    if collect.has_factors(fit) and collect.has_true_factors(fit.dataset):
        figure = found_beside_true(collect.true_examples(fit))
    else:
        figure = factor_graphs(collect.factor_view(fit).examples)
    return save_png(figure, run.path / "figures" / "factors.png")


def render(run: RunFolder) -> str:
    """Returns the page of a run as HTML; writes the pictures."""
    result = run.result
    title = f"{run.config['model']['name']} on {result.get('dataset', run.config['data']['name'])}"
    task = f"{result['task'].replace('-', ' ')}, " if "task" in result else ""
    parts = [html.heading(title, f"{task}run folder {run.path.resolve().name}")]
    if result:
        parts.append(html.tiles(scores.headline(result)))
        parts.append(html.section("Scores", *_scores(run)))
    else:
        text = "This run has not ended: there are no scores yet. Continue it with graphkit train --resume."
        parts.append(html.paragraph(text, "warning"))
    parts.append(curves_section(run))
    if result:
        parts += picture_sections(run)
    parts += [_reproduce(run), _settings(run)]
    return html.page(title, [section for section in parts if section])


def _scores(run: RunFolder) -> list[str]:
    """Returns the tables of scores: over all runs, of the factors, and of each run."""
    result = run.result
    parts = [html.paragraph(scores.SELECTED.get(result.get("selected_on", ""), ""))]
    factors = scores.factor_rows(result)
    if factors is not None:
        parts.append("<h3>Factors against the true patterns</h3>")
        parts.append(html.table(*factors))
        parts.append(
            html.paragraph(
                "GED_E is the edit distance between true patterns and found factors, and C-score the share of the "
                "factor that each pattern is matched to most often; both take the best matching in each graph, so "
                "that even noise scores better the more factors there are: read them against the rows below. “One "
                "matching” was fitted on validation graphs and leaves no such choice; an edge AUC of 0.5 is chance. "
                "“Saturated” is the share of coefficients below 0.01 or above 0.99.",
                "note",
            )
        )
    others = scores.other_scores(result)
    if others:
        parts.append(html.table(("score", "value"), others))
    if len(run.fits) > 1:
        parts.append(html.folded(f"All {len(run.fits)} runs", html.table(*_runs(run)), is_open=len(run.fits) <= 10))
    return parts


def _runs(run: RunFolder) -> tuple[list[str], list[list[html.Cell]]]:
    """Returns head and rows of the table of single fits."""
    result, percent = run.result, run.result["metric"] in scores.PERCENT
    head = ["run", "seed", "split", "epoch", "validation", "test"]
    rows: list[list[html.Cell]] = []
    for fit in run.fits:
        seed, fold = fit.config["seed"], fit.config["data"]["fold"]
        epoch = (fit.result.get("epochs") or [None])[0]
        row: list[html.Cell] = [fit.path.name, seed, fold]
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
    return [head[column] for column in used], [[row[column] for column in used] for row in rows]


def _reproduce(run: RunFolder) -> str:
    """Returns the section that says how to get the same numbers again."""
    config = (run.path / "config.yaml").read_text(encoding="utf-8")
    citation = ""
    if "dataset" in vars(run.best):  # only if a picture has needed the data already
        citation = run.best.dataset.citation
    return html.section(
        "Reproduce",
        html.paragraph("With the versions listed below, this trains the same runs again and scores them:"),
        html.code("graphkit train --config config.yaml --output again\ngraphkit evaluate again"),
        html.folded("config.yaml", html.code(config)),
        html.paragraph(f"Data: {citation}", "note") if citation else "",
    )


def _settings(run: RunFolder) -> str:
    """Returns the section with all settings and the environment."""
    config = run.config
    general = {key: value for key, value in config.items() if not isinstance(value, dict)}
    parts = [(name, html.settings(config[name])) for name in ("model", "data", "train", "distill") if name in config]
    environment = (run if run.environment else run.best).environment
    rest = [("general", html.settings(general)), ("environment", html.settings(environment))]
    return html.section("Settings and environment", html.columns([*parts, *rest]))
