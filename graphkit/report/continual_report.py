"""The report of a continual run: table, heat maps and curves on one page."""

from pathlib import Path
from typing import Any

from graphkit.errors import InputError
from graphkit.experiments.run_folder import read_environment
from graphkit.files import read_json
from graphkit.report import html, scores
from graphkit.report.continual import performance_matrices, performance_over_tasks
from graphkit.report.style import inline_svg, save_png

_COLUMNS = {
    "average_performance": "average performance ↑",
    "average_forgetting": "AF (negative is forgetting)",
    "learning_accuracy": "learning accuracy ↑",
    "forward_transfer": "forward transfer ↑",
    "validation": "average performance, validation items",
}
_MEANING = (
    "Average performance is the mean score over all tasks at the end. AF is the mean, over all tasks but the last, of "
    "the score at the end minus the score right after the task was learned, divided by T - 1: negative numbers are "
    "forgetting. AF alone rewards a model that is too stiff to learn; learning accuracy, the mean score of each task "
    "right after it was learned, shows that. Forward transfer is the score on a task before it is learned, above that "
    "of the untrained model."
)


def render_continual(folder: Path) -> str:
    """Returns the page of a continual run as HTML; writes the pictures.

    Raises:
        ValueError: If the run has not ended.
    """
    if not (folder / "result.json").is_file():
        raise InputError(f"the run '{folder}' has not ended; continue it with: graphkit continual --resume {folder}")
    result = read_json(folder / "result.json")
    percent, protocol = result["metric"] in scores.PERCENT, result["protocol"]
    title = f"Continual learning: {result['model']} on {result['dataset']}"
    edges = "" if protocol["inter_task_edges"] else ", no edges between tasks"
    count = len(protocol["tasks"])
    lead = f"{count} tasks, {protocol['scenario']}, graph visible: {protocol['visible']}{edges}"
    matrices = {name: entry["matrix"] for name, entry in result["strategies"].items()}
    maps = performance_matrices(matrices, percent)
    curves = performance_over_tasks(matrices, result["metric"], percent)
    parts = [
        html.heading(title, lead),
        *(html.paragraph(note, "warning") for note in protocol.get("notes", [])),
        html.tiles(_tiles(result, percent)),
        html.section("Strategies", html.table(*_table(result, percent)), html.paragraph(_MEANING, "note")),
        html.section(
            "Performance matrices",
            _picture(folder, maps, "matrices", "Scores on every task after every task", "Mean over the seeds."),
        ),
        html.section(
            "Over the tasks",
            _picture(folder, curves, "tasks", "Scores while tasks are learned", "Mean over the seeds."),
        ),
        html.section("Time and memory", html.table(*_costs(result))),
    ]
    searched = _searched(result, percent)
    if searched:
        parts.append(html.section("Search", html.table(*searched)))
    tasks = [
        (f"task {k + 1}", ", ".join(map(str, classes)), *items)
        for k, (classes, items) in enumerate(zip(protocol["tasks"], protocol["items"], strict=True))
    ]
    parts.append(html.section("Stream", html.table(("", "classes", "train", "validation", "test"), tasks)))
    config = (folder / "config.yaml").read_text(encoding="utf-8")
    command = "graphkit continual --config config.yaml --output again"
    reproduce = [html.code(command), html.folded("config.yaml", html.code(config))]
    environment = read_environment(folder)
    if environment:
        reproduce.append(html.folded("environment", html.settings(environment)))
    parts.append(html.section("Reproduce", *reproduce))
    return html.page(title, parts)


def _tiles(result: dict[str, Any], percent: bool) -> list[tuple[str, str, str]]:
    """Returns what catches the eye: the best strategies by validation, joint training aside."""
    learners = {name: entry for name, entry in result["strategies"].items() if entry["forgetting"]}

    def validation(name: str) -> float:
        scored = result["strategies"][name]["validation"]
        return scored["mean"] if scored else float("-inf")

    ranked = sorted(learners or result["strategies"], key=validation, reverse=True)
    tiles = [
        (name, scores.spread(result["strategies"][name]["average_performance"], percent), "average performance")
        for name in ranked[:3]
    ]
    protocol = result["protocol"]
    tiles.append(("protocol", protocol["name"], f"{protocol['optimizer']}, weight decay {protocol['weight_decay']:g}"))
    tiles.append(("seeds", str(len(result["seeds"])), f"from {result['seeds'][0]}"))
    tiles.append(("time", scores.duration(result["seconds"]), "in all"))
    return tiles


def _table(result: dict[str, Any], percent: bool) -> tuple[list[str], list[list[html.Cell]]]:
    rows: list[list[html.Cell]] = []
    for name, entry in result["strategies"].items():
        row: list[html.Cell] = [name]
        row += [scores.spread(entry[key], percent) if entry[key] else None for key in _COLUMNS]
        rows.append(row)
    return ["strategy", *_COLUMNS.values()], rows


def _costs(result: dict[str, Any]) -> tuple[list[str], list[list[html.Cell]]]:
    rows: list[list[html.Cell]] = []
    for name, entry in result["strategies"].items():
        seconds, memory = entry["seconds_per_task"], entry["memory_mb_per_task"]
        cells = [f"{seconds[0]:.2f}", f"{seconds[-1]:.2f}", f"{memory[0]:.3f}", f"{memory[-1]:.3f}"]
        rows.append([name, *cells])
    return ["strategy", "s, first task", "s, last task", "MiB kept after the first", "MiB kept at the end"], rows


def _searched(result: dict[str, Any], percent: bool) -> tuple[list[str], list[list[html.Cell]]] | None:
    rows: list[list[html.Cell]] = []
    for name, entry in result["strategies"].items():
        for tried in entry.get("search", []):
            options = ", ".join(f"{key}: {value}" for key, value in tried["options"].items())
            score = None if tried["validation"] is None else f"{tried['validation'] * (100 if percent else 1):.2f}"
            chosen = "chosen" if tried["options"] == entry["options"] else ""
            rows.append([name, options or "none", score, chosen])
    return (["strategy", "settings", "validation", ""], rows) if rows else None


def _picture(folder: Path, figure: Any, name: str, label: str, caption: str) -> str:
    save_png(figure, folder / "figures" / f"{name}.png")
    return html.picture(inline_svg(figure, name, label), caption, wide=True)
