"""The report of a comparison of distilled students: table, score against cost, and local structures on one page."""

from pathlib import Path
from typing import Any

import numpy as np

from graphkit.config.schema import read_config
from graphkit.errors import InputError
from graphkit.experiments.run_folder import read_environment
from graphkit.files import read_json
from graphkit.report import html, scores
from graphkit.report.collect_distill import structures
from graphkit.report.distill import local_structures, score_against_cost
from graphkit.report.no_picture import NoPicture
from graphkit.report.style import inline_svg, save_png

_MEANING = (
    "All students have the same seeds, splits, first weights and way of choosing the epoch. The "
    "difference is that of a student's test score minus that of the student alone, seed by seed, and p is that of the "
    "paired t-test of it. Of several losses one is likely to look good by chance: share the level among them. Size is "
    "that of the weights on disk, time the median of forward passes of the networks in turn; students of one "
    "architecture share it."
)
_COST = "Bars are deviations over the seeds. Students of one size stand a little apart, so that all can be seen."
_STRUCTURE = (
    "One point is an edge into a node that has several: its share of the node's local structure (kernel rbf on "
    "features of length 1), times the number of edges into the node, so that 1 is an even share. A student that sees "
    "its neighbors as the teacher does lies on the line. First seed; darker is more edges. "
)


def render_distill(folder: Path) -> str:
    """Returns the page of a comparison as HTML; writes the pictures.

    Raises:
        ValueError: If the comparison has not ended.
    """
    if not (folder / "result.json").is_file():
        raise InputError(f"the run '{folder}' has not ended; continue it with: graphkit distill --resume {folder}")
    result = read_json(folder / "result.json")
    text = (folder / "config.yaml").read_text(encoding="utf-8")
    config, percent = read_config(folder / "config.yaml"), result["metric"] in scores.PERCENT
    networks = result["networks"]
    teacher, chosen = networks[0]["model"], scores.SELECTED.get(result["selected_on"], "")
    title = f"Distillation: {teacher} to {result['model']} on {result['dataset']}"
    cost = score_against_cost(networks, result["metric"], percent)
    parts = [
        html.heading(title, f"{len(networks) - 2} loss(es), run folder {folder.resolve().name}"),
        html.tiles(_tiles(result, percent)),
        html.section("Scores", html.table(*_table(result, percent)), html.paragraph(f"{chosen} {_MEANING}", "note")),
        html.section(
            "Score against size and time",
            _picture(folder, cost, "cost", "Score against size and time", _COST),
        ),
        html.section("Local structure", _structure(folder, config)),
        html.section("Losses", html.table(*_losses(networks))),
    ]
    command = "graphkit distill --config config.yaml --output again"
    reproduce = [html.code(command), html.folded("config.yaml", html.code(text))]
    environment = read_environment(folder)
    if environment:
        reproduce.append(html.folded("environment", html.settings(environment)))
    parts.append(html.section("Reproduce", *reproduce))
    return html.page(title, parts)


def _tiles(result: dict[str, Any], percent: bool) -> list[tuple[str, str, str]]:
    """Returns what catches the eye: the teacher, the student alone, and the one that validation chooses."""
    by_name = {entry["name"]: entry for entry in result["networks"]}
    remark = f"test {result['metric']}"
    tiles = [("teacher", scores.spread(by_name["teacher"]["test"], percent), remark)]
    tiles.append(("student alone", scores.spread(by_name["alone"]["test"], percent), remark))
    chosen = by_name[result["chosen"]]
    name = "the student alone" if result["chosen"] == "alone" else result["chosen"]
    tiles.append((f"chosen on validation: {name}", scores.spread(chosen["test"], percent), remark))
    share = by_name["teacher"]["parameters"] / max(1, by_name["alone"]["parameters"])
    tiles.append(("parameters", f"1 / {share:.1f}", "of the teacher's"))
    tiles.append(("seeds", str(len(result["seeds"])), f"from {result['seeds'][0]}"))
    tiles.append(("time", scores.duration(result["seconds"]), "in all"))
    return tiles


def _table(result: dict[str, Any], percent: bool) -> tuple[list[str], list[list[html.Cell]]]:
    head = ["network", "model", "test", "validation", "difference", "p", "better", "parameters", "KiB", "ms"]
    rows: list[list[html.Cell]] = []
    for entry in result["networks"]:
        against = entry["against_alone"]
        cells: list[html.Cell] = [None, None, None]
        if against is not None:
            difference = against["difference"] * (100 if percent else 1)
            wins = against["losses" if result["metric"] == "mae" else "wins"]
            p = None if against["p"] is None else f"{against['p']:.4f}"
            cells = [f"{difference:+.{2 if percent else 4}f}", p, f"{wins} of {against['pairs']}"]
        name = "student alone" if entry["name"] == "alone" else entry["name"]
        both = [scores.spread(entry[key], percent) for key in ("test", "validation")]
        size, time = f"{entry['size_bytes'] / 1024:.0f}", f"{entry['latency_ms']:.2f}"
        rows.append([name, entry["model"], *both, *cells, entry["parameters"], size, time])
    return head, rows


def _losses(networks: list[dict[str, Any]]) -> tuple[list[str], list[list[html.Cell]]]:
    """Returns the settings of the losses."""
    rows: list[list[html.Cell]] = []
    for entry in networks:
        if entry["loss"] is not None:
            options = {key: value for key, value in entry["loss"].items() if key != "name"}
            text = ", ".join(f"{key}: {value}" for key, value in options.items())
            rows.append([entry["name"], text or "defaults", scores.duration(entry["seconds"])])
    return ["loss", "settings", "training"], rows


def _structure(folder: Path, config: dict[str, Any]) -> str:
    try:
        pairs = structures(folder, config)
    except (NoPicture, FileNotFoundError) as error:
        return html.paragraph(f"This picture is left out: {' '.join(str(error).split())}", "note")
    fits = ", ".join(f"{name} {_agreement(*pair):.2f}" for name, pair in pairs.items())
    caption = f"{_STRUCTURE}Correlation with the teacher: {fits}."
    return _picture(folder, local_structures(pairs), "structures", "Local structures", caption)


def _agreement(student: np.ndarray, teacher: np.ndarray) -> float:
    """Returns the correlation of two sets of weights; 0 where one of them is even."""
    if min(student.std(), teacher.std()) < 1e-7:
        return 0.0
    return float(np.corrcoef(student, teacher)[0, 1])


def _picture(folder: Path, figure: Any, name: str, label: str, caption: str) -> str:
    save_png(figure, folder / "figures" / f"{name}.png")
    return html.picture(inline_svg(figure, name, label), caption, wide=True)
