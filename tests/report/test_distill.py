import shutil
from pathlib import Path

import numpy as np
import pytest

from graphkit.report import report
from graphkit.report.distill_report import local_structures, score_against_cost
from tests.fitting import fit_distill

NETWORKS = [
    {"name": name, "size_bytes": size, "latency_ms": time, "test": {"mean": mean, "std": 0.02, "runs": [mean, mean]}}
    for name, size, time, mean in (("teacher", 4096, 2.0, 0.9), ("alone", 1024, 1.0, 0.8), ("lsp", 1024, 1.0, 0.85))
]


def test_scores_stand_against_size_and_time() -> None:
    figure = score_against_cost(NETWORKS, "accuracy", percent=True)
    bars, size, time = figure.axes
    assert [label.get_text() for label in bars.get_yticklabels()] == ["teacher", "student alone", "lsp"]
    assert size.get_xlabel() == "weights on disk (KiB)" and time.get_xlabel() == "forward pass (ms)"
    heights = sorted(float(line.get_ydata()[0]) for line in size.lines if len(line.get_ydata()) == 1)
    assert {80.0, 85.0, 90.0} <= {round(height, 6) for height in heights}


def test_structures_of_a_student_that_agrees_lie_on_the_line() -> None:
    teacher = np.linspace(0.6, 1.5, 200)
    figure = local_structures({"alone": (np.ones(200), teacher), "lsp": (teacher, teacher)})
    axes = [axis for axis in figure.axes if axis.get_visible()]
    assert [axis.get_title() for axis in axes] == ["student alone", "lsp"]
    for axis, diagonal in zip(axes, (False, True), strict=True):
        counts = np.ma.filled(axis.collections[0].get_array(), 0).reshape(48, 48)
        rows, columns = counts.nonzero()
        assert bool((rows == columns).all()) == diagonal


def test_the_page_of_a_comparison(tmp_path: Path) -> None:
    train = {"epochs": 2}
    config = {
        "teacher": {"model": {"name": "gcn", "hidden_channels": 8}, "train": train},
        "data": {"name": "karate"},
        "losses": {"lsp": {"weight": 2}, "kd": {}},
        "seeds": 2,
    }
    folder = tmp_path / "run"
    result = fit_distill(config, folder)
    assert result["networks"][1]["parameters"] < result["networks"][0]["parameters"]
    text = report(folder).read_text()
    assert "Distillation: gcn to gcn on karate" in text and "Correlation with the teacher: student alone" in text
    assert "weight: 2" in text and "student alone" in text and "graphkit distill --config config.yaml" in text
    assert text.count("<svg") == 6 and (folder / "figures" / "cost.png").is_file()
    shutil.move(folder / "teacher", tmp_path / "elsewhere")
    text = report(folder).read_text()
    assert "This figure is omitted" in text and "student alone" in text
    shutil.move(tmp_path / "elsewhere", folder / "teacher")
    (folder / "result.json").unlink()
    with pytest.raises(ValueError, match="has not ended; continue it with: graphkit distill --resume"):
        report(folder)
