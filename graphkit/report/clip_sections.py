"""The parts of the report that are about skeleton clips."""

import base64

import numpy as np

from graphkit.experiments import RunFolder
from graphkit.nn import STIGCN
from graphkit.report import collect_clips, html
from graphkit.report.clips import clip_animation, clip_strip, learned_graphs_picture
from graphkit.report.style import inline_svg, save_png


def clips_part(run: RunFolder) -> str:
    """Returns the strip of test clips, the same clips moving, and the table of the joints that count; writes both."""
    examples = collect_clips.clip_examples(run.best)
    figures = run.path / "figures"
    strip = clip_strip(examples)
    save_png(strip, figures / "clips.png")
    moving = clip_animation(examples, figures / "clips.gif")
    caption = (
        "The test clips that the model is most sure of, usually sure of and least sure of. The area of a disc is the "
        "weight of the joint for the action that the model names: gradient times input, where the input is what the "
        "first norm makes of the stream, so that zero is the usual place of the joint. Numbers are frames."
    )
    code = base64.b64encode(moving.read_bytes()).decode("ascii")
    rows: list[list[html.Cell]] = [
        [example.title, ", ".join(f"{name} {share:.0%}" for name, share in example.strongest())] for example in examples
    ]
    return "\n".join(
        [
            html.picture(inline_svg(strip, "clips", "Clips and the joints that count"), caption, wide=True),
            html.image(f"data:image/gif;base64,{code}", "The same clips, moving", "The same clips, moving."),
            html.table(("clip", "joints with the largest weights"), rows),
        ]
    )


def learned_part(run: RunFolder) -> str:
    """Returns the matrices that blocks have learned, and the strongest pairs of joints in them."""
    fit = run.best
    graphs, layout = collect_clips.learned_graphs(fit), fit.dataset.layout  # type: ignore[attr-defined]
    figure = learned_graphs_picture(graphs, layout)
    save_png(figure, run.path / "figures" / "graphs.png")
    caption = (
        "What each block has added to its four fixed matrices: the mean size of learned matrix and data-dependent one "
        f"over the four and over up to {collect_clips.AVERAGED} test clips. Each block has its own scale; the orange "
        "boxes are the bones. Joints are in the order of the layout."
    )
    steps = collect_clips.bones_between(layout)
    rows: list[list[html.Cell]] = []
    for number, graph in enumerate(graphs):
        best = np.argsort(-graph.added, axis=None, kind="stable")[:3]
        pairs = []
        for place in best:
            u, v = divmod(int(place), layout.num_joints)
            bones = f"{steps[u, v]} bones" if steps[u, v] != 1 else "1 bone"
            pairs.append(f"{layout.joints[u]} → {layout.joints[v]} ({graph.added[u, v]:.2g}, {bones})")
        share = f"{graph.added.mean() / max(graph.fixed.mean(), 1e-12):.1%}"
        rows.append([f"block {number + 1}", share, "; ".join(pairs)])
    head = ("", "size against the fixed ones", "strongest pairs (addition, bones between)")
    return "\n".join(
        [
            html.picture(inline_svg(figure, "graphs", "Learned matrices of each block"), caption, wide=True),
            html.folded("The strongest pairs of joints", html.table(head, rows)),
        ]
    )


def learns_graphs(run: RunFolder) -> bool:
    """Whether the run's model adds to fixed matrices."""
    return isinstance(run.best.model, STIGCN)
