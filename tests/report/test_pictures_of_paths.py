import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection

from graphkit.experiments import evaluate_run, open_run
from graphkit.nn.attended_paths import NodePath
from graphkit.report.collect_paths import PathExample, path_examples
from graphkit.report.path_figures import attended_paths_picture, edge_weights
from graphkit.report.style import INK, LINE, MUTED, SERIES
from tests.fitting import fit

from .test_report import page

PATHS = [
    NodePath((1, 0), 0.5, 0.7, 0.35),
    NodePath((0, 0), 0.0, 0.3, 0.15),
    NodePath((2, 1, 0), 1.0, 0.6, 0.3),
    NodePath((3, 1, 0), 1.5, 0.1, 0.05),
    NodePath((0, 0, 0), 0.0, 0.3, 0.15),
]
EDGES = np.array([[0, 1], [1, 2], [1, 3], [2, 3]])
EXAMPLE = PathExample("node 0", 0, PATHS, EDGES, {node: f"n{node}" for node in range(4)})


def test_an_edge_weighs_what_runs_along_it() -> None:
    assert edge_weights(EXAMPLE) == pytest.approx({(0, 1): 0.7, (1, 2): 0.3, (1, 3): 0.05})


def test_widths_areas_and_colors_follow_the_weights() -> None:
    from matplotlib.colors import to_hex

    axis = attended_paths_picture([EXAMPLE]).axes[0]
    lines = [layer for layer in axis.collections if isinstance(layer, LineCollection)]
    assert [to_hex(layer.get_colors()[0]) for layer in lines] == [LINE, MUTED]
    assert len(lines[0].get_segments()) == 1  # between nodes 2 and 3 runs no path
    wide, middle, narrow = lines[1].get_linewidths()
    assert wide > middle > narrow and (wide - 0.8) / (middle - 0.8) == pytest.approx(0.7 / 0.3)
    discs = next(layer for layer in axis.collections if not isinstance(layer, LineCollection))
    assert [to_hex(color) for color in discs.get_facecolors()] == [SERIES[0], SERIES[1], SERIES[1], INK]
    one, two, three, itself = (area - 8 for area in discs.get_sizes())
    assert two / one == pytest.approx(0.3 / 0.35) and three < itself and itself / one == pytest.approx(0.3 / 0.35)
    assert {text.get_text() for text in axis.texts} == {"n1\n35%", "n2\n30%", "n3\n5%", "n0\n30%"}


def test_names_are_on_the_side_away_from_the_edges() -> None:
    axis = attended_paths_picture([EXAMPLE]).axes[0]
    place = {text.get_text().split()[0]: text for text in axis.texts}  # type: ignore[attr-defined]
    height = {name: text.xy[1] for name, text in place.items()}
    for name, others in {"n0": ["n1"], "n2": ["n1", "n3"], "n3": ["n1", "n2"], "n1": ["n0", "n2", "n3"]}.items():
        is_below = sum(height[other] - height[name] for other in others) > 1e-6
        assert place[name].get_verticalalignment() == ("top" if is_below else "bottom")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plot") / "paths"
    fit({"model": {"name": "spagan"}, "data": {"name": "karate"}, "train": {"epochs": 2}}, folder)
    return folder


def test_nodes_with_few_and_with_many_paths_are_shown(run: Path) -> None:
    examples = path_examples(open_run(run))
    counts = [sum(not path.is_self for path in example.paths) for example in examples]
    assert counts == sorted(counts) and 2 <= counts[0] < counts[-1] <= 30
    for example in examples:
        assert sum(path.weight for path in example.paths) == pytest.approx(1)
        assert set(example.edges.flatten().tolist()) <= set(example.names)
        assert example.title.startswith(f"node {example.center} · ")


def test_the_report_shows_the_paths(run: Path) -> None:
    text = page(run)
    assert "Paths attended to" in text and "the strongest paths" in text and "(itself)" in text
    assert (run / "figures" / "paths.png").exists() and "Dotted lines separate the phases" in text
    assert json.loads((run / "result.json").read_text())["test"] == evaluate_run(open_run(run))["test"]


def test_nodes_of_several_graphs_are_shown(tmp_path: Path) -> None:
    model = {"name": "spagan", "hidden_channels": 16}
    fit({"model": model, "data": {"num_graphs": 20}, "train": {"epochs": 1}}, tmp_path / "run")
    examples = path_examples(open_run(tmp_path / "run"))
    assert len(examples) == 3 and all(", node " in example.title for example in examples)
    assert "Paths attended to" in page(tmp_path / "run")


def test_a_model_without_paths_is_refused(plain_run: Path) -> None:
    with pytest.raises(ValueError, match="only spagan attends to paths \\(got the model gcn\\)"):
        path_examples(open_run(plain_run))
