"""Report of a distillation run: scores, costs and local structures."""

from collections.abc import Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from graphkit.distill import local_structure
from graphkit.distill.distill_config import DistillConfig
from graphkit.distill.distillation import hidden_layer
from graphkit.distill.layer_capture import LayerOutput, find_layer, listening
from graphkit.distill.load_teacher import TrainedRun, load_teacher
from graphkit.distill.union_edges import united_edges
from graphkit.experiments import open_run
from graphkit.experiments.run_folder import read_environment
from graphkit.metrics.format_scores import PERCENT, format_score
from graphkit.report import scores
from graphkit.report.no_picture import NoPicture, loading
from graphkit.report.page import Block, Cell, Note, Page, Section, Table, Tile, attempt, draw, reproduce
from graphkit.report.score_figure import ScoreRow, draw_scores
from graphkit.report.style import INK, LINE, MUTED, SERIES, new_figure, panels, style
from graphkit.report.verdict import difference_statement, note_statements, seed_statements
from graphkit.training.run_files import read_result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Number of graphs for which local structures are computed.
_BATCH = 200
_MEANING = (
    "All students have the same seeds, splits, initial weights and epoch selection. The difference is a student's test "
    "score minus that of the student alone, per seed, and p is the p-value of a paired t-test. The p-values are not "
    "corrected for the comparison of several losses; the verdict divides the level by their number. Size is that of "
    "the weights on disk, time the median of interleaved forward passes, measured once per architecture."
)
_COST = "Bars are standard deviations over seeds. Students of the same size are drawn with a small offset."
_STRUCTURE = (
    "Each point is an edge into a node with at least two: its weight in the node's local structure (rbf kernel on "
    "normalized features), times the in-degree, so that 1 is a uniform weight. Points on the line have equal weights "
    "in student and teacher. First seed; darker means more edges. "
)


def distill_page(folder: Path, config: DistillConfig, result: dict[str, Any]) -> Page:
    """Builds the page of a ``distill`` run, and writes the figures."""
    command = "graphkit distill --config config.yaml --output again"
    percent, networks = result["metric"] in PERCENT, result["networks"]
    label = "Score against size and time"
    cost = draw(folder, score_against_cost(networks, result["metric"], percent), "cost", label, _COST, wide=True)
    meaning = Note(f"{scores.SELECTED.get(result['selected_on'], '')} {_MEANING}")
    return Page(
        title=f"Distillation: {networks[0]['model']} to {result['model']} on {result['dataset']}",
        lead=f"{len(networks) - 2} loss{'es' if len(networks) > 3 else ''}, run folder {folder.resolve().name}",
        tiles=_tiles(result, percent),
        verdict=[
            *_verdict(result, percent),
            *note_statements({_named(entry["name"]): read_result(folder / entry["name"]) for entry in networks}),
        ],
        sections=[
            Section("Scores", [_networks(result, percent), meaning]),
            Section(label, [cost]),
            Section("Local structure", attempt(_local_structure, folder, config)),
            Section("Losses", [_losses(networks)]),
            Section("Reproduce", reproduce(folder, command, read_environment(folder))),
        ],
    )


def _tiles(result: dict[str, Any], percent: bool) -> list[Tile]:
    """Returns the headline figures: teacher, student alone, best on validation."""
    by_name = {entry["name"]: entry for entry in result["networks"]}
    remark = f"test {result['metric']}"
    chosen = by_name[result["chosen"]]
    name = "the student alone" if result["chosen"] == "alone" else result["chosen"]
    share = by_name["teacher"]["parameters"] / max(1, by_name["alone"]["parameters"])
    return [
        Tile("teacher", scores.spread(by_name["teacher"]["test"], percent), remark),
        Tile("student alone", scores.spread(by_name["alone"]["test"], percent), remark),
        Tile(f"chosen on validation: {name}", scores.spread(chosen["test"], percent), remark),
        Tile("parameters", f"1 / {share:.1f}", "of the teacher's"),
        *scores.closing_tiles(result),
    ]


def _verdict(result: dict[str, Any], percent: bool) -> list[str]:
    """Returns statements on seeds, teacher, and losses against the student alone."""
    tests = {entry["name"]: entry["against_alone"] for entry in result["networks"] if entry["loss"] is not None}
    statements = seed_statements(result) + [
        difference_statement(test, "the student alone", percent, result["maximize"], name, len(tests))
        for name, test in tests.items()
        if test is not None
    ]
    means = {entry["name"]: entry["test"]["mean"] for entry in result["networks"] if entry["test"]}
    if {"teacher", "alone"} <= means.keys():
        gain = means["teacher"] - means["alone"]
        if (gain if result["maximize"] else -gain) <= 0:
            statements.append("The teacher is no better than the student alone: it has little to transfer.")
    return statements


def _networks(result: dict[str, Any], percent: bool) -> Table:
    head = ["network", "model", "test", "validation", "difference", "p", "better", "parameters", "KiB", "ms"]
    rows: list[list[Cell]] = []
    for entry in result["networks"]:
        against = entry["against_alone"]
        cells: list[Cell] = [None, None, None]
        if against is not None:
            difference = format_score(against["difference"], percent, sign=True)
            wins = against["wins" if result["maximize"] else "losses"]
            p = None if against["p"] is None else f"{against['p']:.4f}"
            cells = [difference, p, f"{wins} of {against['pairs']}"]
        name = "student alone" if entry["name"] == "alone" else entry["name"]
        both = [scores.spread(entry[key], percent) for key in ("test", "validation")]
        size, time = f"{entry['size_bytes'] / 1024:.0f}", f"{entry['latency_ms']:.2f}"
        rows.append([name, entry["model"], *both, *cells, entry["parameters"], size, time])
    return Table(head, rows)


def _losses(networks: list[dict[str, Any]]) -> Table:
    """Returns the settings of the losses."""
    rows: list[list[Cell]] = []
    for entry in networks:
        if entry["loss"] is not None:
            options = {key: value for key, value in entry["loss"].items() if key != "name"}
            text = ", ".join(f"{key}: {value}" for key, value in options.items())
            rows.append([entry["name"], text or "defaults", scores.duration(entry["seconds"])])
    return Table(["loss", "settings", "training"], rows)


def _local_structure(folder: Path, config: DistillConfig) -> list[Block]:
    pairs = structures(folder, config)
    fits = ", ".join(f"{_named(name)} {_agreement(*pair):.2f}" for name, pair in pairs.items())
    caption = f"{_STRUCTURE}Correlation with the teacher: {fits}."
    return [draw(folder, local_structures(pairs), "structures", "Local structures", caption, wide=True)]


def _agreement(student: np.ndarray, teacher: np.ndarray) -> float:
    """Returns the correlation of two sets of weights; 0 if one of them is constant."""
    if min(student.std(), teacher.std()) < 1e-7:
        return 0.0
    return float(np.corrcoef(student, teacher)[0, 1])


@torch.no_grad()
def structures(folder: Path, config: DistillConfig) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Computes the local structures of the first fits of students and teacher.

    Both use the kernel ``"rbf"`` on normalized features, so that they are comparable for networks of any width, at the
    layers of the loss ``lsp`` if it was compared, else at the last hidden layers. Weights are multiplied by the
    in-degree.

    Raises:
        NoPicture: If no node has two incoming edges, a network has no layer of node features, or data or a network
            cannot be loaded.
    """
    with loading():
        alone = open_run(folder / "alone").fits[0]
        dataset = alone.dataset
        path = Path(config.teacher.run) if config.teacher.is_trained else folder / "teacher"
        teacher = load_teacher(open_run(path), alone.config, dataset)
        _ = teacher.model
    chosen = config.losses["lsp"].layer_names if "lsp" in config.losses else None
    by_node = dataset.level == "node"
    pairs: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    theirs: LayerOutput | None = None
    for name in ("alone", *config.losses):
        with loading():
            student = open_run(folder / name).fits[0].with_dataset(dataset)
            _ = student.model
        if chosen is None:
            layers = (hidden_layer(teacher.model, by_node), hidden_layer(student.model, by_node))
        else:
            layers = chosen
        theirs = _hear(teacher, layers[0], "teacher") if theirs is None else theirs
        output = _hear(student, layers[1], "student")
        made = (theirs.edge_index, output.edge_index)
        given = (run.model.inputs(_data(run)).get("edge_index") for run in (teacher, student))
        edges = [dataset.joint_edges, *(b if a is None else a for a, b in zip(made, given, strict=True))]
        there = [entry for entry in edges if entry is not None]
        if not there:
            raise NoPicture("the networks do not use edges: there is no local structure")
        edge_index = united_edges(there, output.features.size(0), output.nodes)
        weights = [_weights(entry.features, edge_index) for entry in (output, theirs)]
        pairs[name] = (weights[0], weights[1])
    return pairs


def _data(run: TrainedRun) -> Any:
    graphs = run.dataset.graphs
    if run.dataset.is_single_graph:
        return copy(graphs[0])
    split = run.dataset.split_of(run.config.data.fold, run.config.seed)
    ids = split.test if split.test.numel() else split.train
    return graphs.batch(ids[:_BATCH])  # type: ignore[attr-defined]


def _hear(run: TrainedRun, layer: str, whose: str) -> LayerOutput:
    path = find_layer(run.model, layer, whose)
    with listening(run.model, [path]) as captured:
        run.model(**run.model.inputs(_data(run)))
    if path not in captured or captured[path].features.dim() != 2:
        raise NoPicture(f"the layer '{layer}' of the {whose} gives no features of nodes")
    return captured[path]


def _weights(z: Tensor, edge_index: Tensor) -> np.ndarray:
    """Returns the local structure of nodes with several edges, relative to uniform."""
    plain = edge_index.as_tensor() if isinstance(edge_index, EdgeIndex) else edge_index
    degree = torch.bincount(plain[1], minlength=z.size(0))[plain[1]]
    if not bool((degree > 1).any()):
        raise NoPicture("no node has two or more incoming edges: there is no local structure")
    structure = local_structure(torch.nn.functional.normalize(z.float()), edge_index) * degree
    return structure[degree > 1].numpy()


def score_against_cost(networks: Sequence[Mapping[str, Any]], metric: str, percent: bool = False) -> "Figure":
    """Draws the scores of all networks, and the best ones against size and time.

    Args:
        networks (list[dict]): Networks of a result: ``name``, ``test``, ``size_bytes`` and ``latency_ms``.
        metric (str): Name of the metric.
        percent (bool, optional): Shows fractions as percentages. (default: ``False``)
    """
    scale = 100 if percent else 1
    label = f"test {metric}{' (%)' if percent else ''}"
    with style():
        figure = new_figure(10.8, 0.9 + max(2.3, 0.3 * len(networks)))
        bars, size, time = (panel.subplots() for panel in panels(figure, 1, 3, (1.5, 1, 1)))
        rows = [ScoreRow(_named(entry["name"]), **entry["test"], color=_color(entry["name"])) for entry in networks]
        draw_scores(bars, rows, scale)
        alone = next(entry for entry in networks if entry["name"] == "alone")
        bars.axvline(alone["test"]["mean"] * scale, color=LINE, linewidth=1.2, zorder=0)
        bars.set(xlabel=label, title="each network, its runs and deviation")
        costs = ((size, "size_bytes", "weights on disk (KiB)", 1 / 1024), (time, "latency_ms", "forward pass (ms)", 1))
        for axis, key, unit, factor in costs:
            apart = 0.02 * max(entry[key] for entry in networks) * factor  # students of the same size would overlap
            for number, entry in enumerate(networks):
                shift = 0.0 if entry["name"] == "teacher" else apart * (number - len(networks) / 2)
                axis.errorbar(
                    entry[key] * factor + shift, entry["test"]["mean"] * scale, yerr=entry["test"]["std"] * scale,
                    fmt="o", color=_color(entry["name"]), markersize=5, linewidth=1.0, capsize=2,
                )  # fmt: skip
            axis.set(xlabel=unit, ylabel=label)
            axis.set_xlim(0, 1.1 * factor * max(entry[key] for entry in networks))
            axis.grid(True)
            axis.set_axisbelow(True)
        return figure


def local_structures(students: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> "Figure":
    """Draws the edge weights of each student against those of the teacher.

    Args:
        students (dict): By name, the edge weights ``[E]`` of student and teacher for nodes with several edges,
            multiplied by the in-degree (1 is a uniform weight).
    """
    limits = [np.quantile(np.concatenate(pair), (0.002, 0.998)) for pair in students.values()]
    low, high = min(limit[0] for limit in limits), max(limit[1] for limit in limits)
    low, high = min(low, 0.98), max(high, 1.02)
    with style():
        from matplotlib.colors import LinearSegmentedColormap, LogNorm, to_rgba

        columns = min(len(students), 4)
        rows = -(-len(students) // columns)
        side = min(10.8 / columns, 3.6)
        figure = new_figure(side * columns, side * rows)
        axes = [panel.subplots() for panel in panels(figure, rows, columns)[: len(students)]]
        for axis, (name, (student, teacher)) in zip(axes, students.items(), strict=True):
            color = to_rgba(_color(name))[:3]
            colors = LinearSegmentedColormap.from_list("edges", [(*color, 0.12), (*color, 1.0)])
            bins = np.linspace(low, high, 49)
            axis.hist2d(teacher, student, bins=(bins, bins), cmap=colors, cmin=1, norm=LogNorm(), rasterized=True)
            axis.plot((low, high), (low, high), color=MUTED, linewidth=0.8)
            axis.set(title=_named(name), xlim=(low, high), ylim=(low, high), aspect="equal")
            axis.set(xlabel="weight in the teacher", ylabel="weight in the student")
            axis.title.set_color(INK)
        return figure


def _color(name: str) -> str:
    """Returns the color of a network: gray for teacher and student alone."""
    from graphkit.registry import loss_names

    if name in ("teacher", "alone"):
        return INK if name == "teacher" else MUTED
    return SERIES[loss_names().index(name) % len(SERIES)]


def _named(name: str) -> str:
    return "student alone" if name == "alone" else name
