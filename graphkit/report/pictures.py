"""Sections of the report with figures."""

import base64
from collections.abc import Sequence

import numpy as np
import torch

from graphkit.experiments import RunFolder
from graphkit.metrics import target_scores
from graphkit.metrics.format_scores import PERCENT
from graphkit.report import collect, collect_clips, collect_paths, links
from graphkit.report.class_outputs import POINTS as OUTPUTS
from graphkit.report.class_outputs import calibration, class_outputs_picture
from graphkit.report.classes import class_tables
from graphkit.report.clips import clip_animation, clip_strip, learned_graphs_picture, learned_skeleton_picture
from graphkit.report.confusion import confusion_matrix
from graphkit.report.correlation import block_contrast, correlation_maps
from graphkit.report.curves import LINES, training_curves
from graphkit.report.factors import coefficient_histograms, factor_graphs, found_beside_true
from graphkit.report.label_tables import MULTI_LABEL, label_table, target_table
from graphkit.report.no_picture import NoPicture, loading
from graphkit.report.page import Block, Cell, Columns, Figure, Folded, Note, Section, Table, attempt, draw
from graphkit.report.path_figures import attended_paths_picture, attention_distributions
from graphkit.report.regression import POINTS, TARGETS, predicted_values


def curves_section(run: RunFolder) -> list[Section]:
    """Returns the section of training curves, if there are epochs."""
    runs = [fit.metrics for fit in run.fits if fit.metrics]
    if not runs:
        return []
    result = run.result
    fold = result.get("selected_on") == "fold"
    epochs = [] if fold and len(result["seeds"]) > 1 else result.get("epochs", [])
    metric = result.get("metric", "score")
    figure = training_curves(runs, metric, epochs, "held-out fold" if fold else "validation", metric in PERCENT)
    lines = "Thin lines are single runs. " if len(runs) <= LINES else "Bands are one standard deviation over the runs. "
    caption = lines if len(runs) > 1 else ""
    if any(row.get("phase", 1) != 1 for row in runs[0]):
        caption += "Dotted lines separate the phases of training. "
    if run.config.model.model_class.has_penalty:
        caption += "The training loss includes the penalties of the model, the other loss does not."
    label = "Loss and score over the epochs"
    return [Section("Training", [draw(run.path, figure, "curves", label, caption, wide=True)])]


def class_section(run: RunFolder) -> list[Section]:
    """Returns the section of the scores of each class, if the result has them."""
    result = run.result
    if not result.get("confusion"):
        return []
    counts, names = torch.tensor(result["confusion"]), [row["name"] for row in result["classes"]]
    items = f"the test items of {len(run.fits)} runs" if len(run.fits) > 1 else "the test items"
    if result.get("selected_on") == "fold":
        items = "all folds together, last epoch"
    share = float(counts.diagonal().sum() / counts.sum().clamp(min=1))
    caption = f"Counts over {items}; {share:.1%} on the diagonal. Shading is the fraction of the true class."
    figure = draw(run.path, confusion_matrix(counts, names), "confusion", "Confusion matrix", caption)
    first, *others = class_tables(result)
    assert isinstance(first, Table)
    return [Section("Classes", [Columns([first, figure]), *others])]


def picture_sections(run: RunFolder, others: Sequence[RunFolder] = ()) -> list[Section]:
    """Returns the sections that need the data and the trained model.

    Args:
        run (RunFolder): The run.
        others (list of RunFolder, optional): Runs on the same data. (default: ``()``)
    """
    try:
        with loading():
            dataset, _ = run.best.dataset, run.best.model
    except NoPicture as error:
        text = f"Figures of the data are omitted: {' '.join(str(error).split())}"
        return [Section("Pictures", [Note(text)])]
    parts = []
    if collect.has_factors(run.best):
        true = collect.has_true_factors(dataset)
        parts.append(Section("Factor graphs", attempt(_true_factors if true else _factors, run)))
        if collect.has_blocks(run.best):
            parts.append(Section("Correlation of features", attempt(_correlation, run)))
    if collect_paths.has_paths(run.best):
        parts.append(Section("Paths attended to", attempt(_paths, run)))
        parts.append(Section("Attention against uniform", attempt(_attention, run, others)))
    if collect_clips.has_clips(run.best):
        parts.append(Section("Clips", attempt(_clips, run)))
        if collect_clips.has_learned_graphs(run.best):
            parts.append(Section("Learned graphs", attempt(_learned, run)))
    if run.result.get("confusion"):
        parts.insert(0, Section("Confidence", attempt(_confidence, run)))
    if dataset.task.startswith(MULTI_LABEL) and run.best.split.test.numel():
        parts.insert(0, Section("Labels", attempt(_labels, run)))
    if dataset.task.endswith("regression") and run.result.get("test"):
        parts.append(Section("Predicted values", attempt(_values, run)))
    if dataset.level == "link":
        parts.append(Section("Links", attempt(_links, run)))
    return parts


def _links(run: RunFolder) -> list[Block]:
    """Draws the scores of test edges and negatives, with a table of extreme pairs."""
    fit = run.best
    scores = links.test_links(fit)
    which = "" if fit.path == run.path else f" of {fit.path.name}"
    caption = (
        f"Scores of the test pairs{which}. Hard negatives are pairs with many common neighbors; the scores of edges "
        "and of negatives overlap where the model cannot tell them apart."
    )
    figure = links.score_distributions(scores)
    rows = [[title, pair, f"{score:.3f}"] for title, pair, score in links.link_examples(scores)]
    drawn = draw(run.path, figure, "links", "Scores of edges and negatives", caption)
    return [Columns([drawn, Table(["kind", "nodes", "score"], rows, "Examples")])]


def _confidence(run: RunFolder) -> list[Block]:
    """Draws the calibration and the outputs of the test items of a classification."""
    fit = run.best
    output, probability, y = collect.class_outputs(fit)
    if y.numel() < 2 or output.size(1) < 2:
        raise NoPicture("it needs two test items and two classes at least")
    result = calibration(probability, y)
    which = "" if fit.path == run.path else f" of {fit.path.name}"
    caption = (
        f"Test items{which}. First: accuracy of the items with similar confidence, with their number; the expected "
        f"calibration error is {result.error:.1%}. Second: the outputs of the model on their first two principal "
        "components, colored by true class."
    )
    if y.numel() > OUTPUTS:
        caption += f" {OUTPUTS:,} of {y.numel():,} items."
    figure = class_outputs_picture(output, result, y, fit.dataset.class_names)
    return [draw(run.path, figure, "confidence", "Calibration, and outputs of the test items", caption, wide=True)]


def _true_factors(run: RunFolder) -> list[Block]:
    figure = found_beside_true(collect.true_examples(run.best))
    caption = (
        "Test graphs with a small, a median and a large edit distance (the tenth, fiftieth and ninetieth percentile). "
        "A factor graph has as many edges as the pattern, those with the largest coefficients, shown by width and "
        "opacity. Colors are factors of the first layer."
    )
    return [draw(run.path, figure, "factors", "Factor graphs and true patterns", caption, wide=True)]


def _factors(run: RunFolder) -> list[Block]:
    view = collect.factor_view(run.best)
    caption = (
        "Factor graphs of the first layer; width and opacity of an edge show its coefficient (mean of directions)."
    )
    if any(example.center is not None for example in view.examples):
        caption += " The graphs are neighborhoods of test nodes of a suitable size."
    saturated = np.mean((view.coefficients < 0.01) | (view.coefficients > 0.99))
    spread = f"Coefficients of the first layer over all evaluated edges; {saturated:.0%} are below 0.01 or above 0.99."
    histograms = coefficient_histograms(view.coefficients)
    return [
        draw(run.path, factor_graphs(view.examples), "factors", "Factor graphs", caption, wide=True),
        draw(run.path, histograms, "coefficients", "Distribution of the coefficients", spread, wide=True),
    ]


def _correlation(run: RunFolder) -> list[Block]:
    maps, factors, titles = collect.correlations(run.best)
    contrasts = [
        f"{title}: {inside:.2f} within a factor, {outside:.2f} between factors"
        for title, (inside, outside) in zip(titles, map(block_contrast, maps, factors), strict=True)
    ]
    caption = "Mean absolute correlation of node features on test items. " + "; ".join(contrasts).capitalize() + "."
    figure = correlation_maps(maps, factors, titles)
    return [draw(run.path, figure, "correlation", "Correlation of features", caption, wide=True)]


def _paths(run: RunFolder) -> list[Block]:
    examples = collect_paths.path_examples(run.best)
    caption = (
        "Attention of the first layer to the paths that end at test nodes with few, with a median number of, and with "
        "many paths, averaged over heads. The area of a disc is the weight of the path from this node, its color the "
        "number of hops. The width of an edge is the total weight of its paths."
    )
    tables = [
        Folded(f"{example.title}: the strongest paths", _strongest(example), is_open=not number)
        for number, example in enumerate(examples)
    ]
    figure = attended_paths_picture(examples)
    return [draw(run.path, figure, "paths", "Paths attended to", caption, wide=True), *tables]


def _attention(run: RunFolder, others: Sequence[RunFolder]) -> list[Block]:
    """Draws the attention of SPAGAN, and of a GAT, relative to a uniform one."""
    fit = run.best
    by_hops = collect_paths.relative_attention(fit, collect_paths.NODES)
    values = {f"{run.config.model.name}, paths of {hops} hop{'s' * (hops > 1)}": by_hops[hops] for hops in by_hops}
    if not values:
        raise NoPicture("no node has several paths of one length")
    for other in others:
        with loading():
            is_edge_attention = collect_paths.has_edge_attention(other.best)
        if is_edge_attention:
            edges = collect_paths.relative_edge_attention(other.best, collect_paths.NODES)
            values[f"{other.config.model.name} ({other.path.name}), edges"] = edges
    caption = (
        "Attention within the paths of one length of a test node, or within the edges of a GAT, times their number, in "
        "the first layer and averaged over heads; 1 is uniform, values outside are at the margin."
    )
    if len(values) == len(by_hops):
        caption += f" For the attention of a GAT on the same data: graphkit report {run.path.name} GAT_RUN."
    label = "Attention relative to uniform of " + ", ".join(values)
    return [draw(run.path, attention_distributions(values), "attention", label, caption)]


def _strongest(example: collect_paths.PathExample) -> Table:
    """Returns the table of the paths with the largest weights of a node."""
    rows: list[list[Cell]] = []
    for path in sorted(example.paths, key=lambda path: -(path.weight or 0.0))[:8]:
        steps = [example.names[node] for node in path.nodes]
        text = f"{steps[-1]} (itself)" if path.is_self else " → ".join(steps)
        cost = None if path.cost is None else f"{path.cost:.4f}"
        rows.append([text, path.hops, cost, f"{path.attention:.1%}", f"{path.weight:.1%}"])
    return Table(["path", "hops", "cost", "of its length", "in all"], rows)


def _clips(run: RunFolder) -> list[Block]:
    """Draws a strip and an animation of test clips, and the table of important joints."""
    examples = collect_clips.clip_examples(run.best)
    strip = clip_strip(examples)
    moving = clip_animation(examples, run.path / "figures" / "clips.gif")
    caption = (
        "Test clips with the largest, the median and the smallest confidence. The area of a disc is the importance of "
        "the joint for the predicted action: gradient times input after the first norm, so that zero is the mean "
        "position of the joint. Numbers are frames."
    )
    moving_text = "Animation of the same clips; the file is figures/clips.gif."
    code = base64.b64encode(moving.read_bytes()).decode("ascii")
    rows: list[list[Cell]] = [
        [example.title, ", ".join(f"{name} {share:.0%}" for name, share in example.strongest())] for example in examples
    ]
    return [
        draw(run.path, strip, "clips", "Clips with joint importance", caption, wide=True),
        Figure(moving_text, source=f"data:image/gif;base64,{code}", label=moving_text),
        Table(("clip", "joints with the largest weights"), rows),
    ]


def _learned(run: RunFolder) -> list[Block]:
    """Draws the learned matrices of blocks, and lists the strongest pairs of joints."""
    fit = run.best
    examples = collect_clips.clip_examples(fit)
    graphs, layout = collect_clips.learned_graphs(fit), fit.dataset.layout  # type: ignore[attr-defined]
    figure = learned_graphs_picture(graphs, layout)
    skeleton = learned_skeleton_picture(graphs, layout, collect_clips.standing_pose(examples))
    caption = (
        "Additions of each block to its four fixed matrices: mean absolute value of the learned and data-dependent "
        f"matrices, over the four and up to {collect_clips.AVERAGED} test clips. Orange boxes are bones."
    )
    on_skeleton = (
        "The six pairs of different joints with the largest additions, from the sending to the receiving joint, on the "
        "most upright frame of the clips above; the width of an arrow is the addition, on one scale."
    )
    steps = collect_clips.bones_between(layout)
    rows: list[list[Cell]] = []
    for number, graph in enumerate(graphs):
        best = np.argsort(-graph.added, axis=None, kind="stable")[:3]
        pairs = []
        for index in best:
            u, v = divmod(int(index), layout.num_joints)
            bones = f"{steps[u, v]} bones" if steps[u, v] != 1 else "1 bone"
            pairs.append(f"{layout.joints[u]} → {layout.joints[v]} ({graph.added[u, v]:.2g}, {bones})")
        share = f"{graph.added.mean() / max(graph.fixed.mean(), 1e-12):.1%}"
        rows.append([f"block {number + 1}", share, "; ".join(pairs)])
    head = ("", "size against the fixed ones", "strongest pairs (addition, bones between)")
    return [
        draw(run.path, skeleton, "skeleton", "Strongest learned pairs of joints on the skeleton", on_skeleton),
        draw(run.path, figure, "graphs", "Learned matrices of each block", caption, wide=True),
        Folded("The strongest pairs of joints", Table(head, rows)),
    ]


def _values(run: RunFolder) -> list[Block]:
    """Draws predicted against true values of a regression, with a table per target."""
    fits, dataset = collect.shown_fits(run), run.best.dataset
    values = [collect.test_values(fit) for fit in fits]
    prediction, y = (torch.cat(parts) for parts in zip(*values, strict=True))
    caption = f"Predicted against true values, {_shown(run)}; the dashed line is the diagonal."
    if y.size(1) > TARGETS:
        caption += f" The first {TARGETS} of {y.size(1)} targets."
    if y.size(0) > POINTS:
        caption += f" At most {POINTS:,} of {y.size(0):,} points."
    figure = predicted_values(prediction, y, dataset.class_names)
    blocks: list[Block] = [draw(run.path, figure, "values", "Predicted against true values", caption)]
    names, title = collect.output_names(run.best), "Largest errors"
    if y.size(1) > 1:
        title += f" of {names[0]}"
        scores, floors = [target_scores(*pair) for pair in values], [collect.test_floors(fit) for fit in fits]
        blocks += target_table(scores, floors, names, run.result["metric"])
    if rows := collect.largest_errors(run, prediction, y):
        blocks.append(Folded(title, Table(["item", "true value", "prediction"], rows)))
    return blocks


def _labels(run: RunFolder) -> list[Block]:
    """Returns the table of the scores of each label."""
    scores, names = collect.test_labels(run), collect.output_names(run.best)
    means = "; scores are means over the folds" if len(scores) > 1 else ""
    shown = _shown(run)
    text = f"{shown[:1].upper()}{shown[1:]}{means}. Missing labels are left out."
    return [Note(text, ""), *label_table(scores, names, run.result["metric"])]


def _shown(run: RunFolder) -> str:
    """Returns the name of the items of :func:`~graphkit.report.collect.shown_fits`."""
    if len(collect.shown_fits(run)) > 1:
        return "all folds together, last epoch"
    return f"test items of {run.best.path.name}" if run.members else "test items"
