"""Every example runs, and does what it says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_layer_in_a_model_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("own_model").main(num_graphs=400, epochs=20) > 0.75  # guessing all labels gives 0.67
    assert "mean coefficient of each factor" in capsys.readouterr().out


def test_training_in_python(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = example("train_in_python").main(str(tmp_path), num_graphs=200, epochs=2)
    assert len(result["test"]["runs"]) == 2 and (tmp_path / "run" / "seed-1" / "model.safetensors").is_file()
    assert "factors of layer 1" in capsys.readouterr().out


def test_a_networkx_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    module = example("networkx_graph")
    assert (
        module.predictions.prediction == module.predictions.target
    ).mean() > 0.85  # without the edges, a model gets less than half
    assert (tmp_path / "predictions.png").stat().st_size > 10_000
    assert "of the nodes of the new graph are right" in capsys.readouterr().out
    code = Path(module.__file__ or "").read_text(encoding="utf-8").split('"""', 2)[2].strip()
    assert f"```python\n{code}\n```" in (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    assert sum(1 for line in code.splitlines() if line.strip()) == 15


def test_own_data(tmp_path: Path) -> None:
    assert example("own_data").main(str(tmp_path)) > 0.75  # the nodes' own measurements give about 0.7
    assert (tmp_path / "preds.csv").read_text().count("member-") == 120


@pytest.mark.extended
def test_link_prediction(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert example("link_prediction").main(str(tmp_path)) > 0.65  # pairs of one club are a third of all pairs
    assert (tmp_path / "new_links.csv").read_text().startswith("source,target,score")
    assert "preferential-attachment" in capsys.readouterr().out


def test_continual_learning_in_a_loop_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    scores = example("continual_own_loop").main(size=20, epochs=10)
    assert set(scores) == {"FineTune", "TWP"} and min(scores.values()) > 0.5  # of two classes, guessing gets one half
    assert capsys.readouterr().out.count("negative is forgetting") == 2


def test_a_path_layer_in_a_model_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert example("own_path_model").main() > 0.75  # a linear model of the sensors gets about 0.4
    assert "attention by length: 1 hops" in capsys.readouterr().out


def test_a_large_graph_in_batches(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = example("large_graph").main(nodes=4000, edges=20_000, batch_size=100, epochs=6)
    assert first > 0.2 and second > 0.2  # of twenty classes
    assert capsys.readouterr().out.count("unseen nodes") == 2


@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ("onnx", "onnxscript", "onnxruntime")),
    reason="needs onnx, onnxscript and onnxruntime: pip install onnx onnxruntime onnxscript",
)
def test_skeletons_from_training_to_onnxruntime(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    right = example("skeleton_deploy").main(str(tmp_path), num_clips=60, epochs=3)
    said = capsys.readouterr().out
    assert f"{right:.3f} in training, {right:.3f} in onnxruntime" in said and (tmp_path / "model.onnx").is_file()


def test_distillation_in_a_loop_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    scores = example("distill_own_loop").main(epochs=20)
    assert set(scores) == {"teacher", "alone", "taught"} and scores["teacher"] > 0.5  # of four groups
    assert capsys.readouterr().out.count("parameters, test accuracy") == 3


def test_features_that_stay_on_disk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert example("mapped_features").main(str(tmp_path), nodes=2000, epochs=3) > 0.6  # of four classes
    assert "the graph is in" in capsys.readouterr().out and (tmp_path / "trees" / "x.npy").is_file()


def test_one_training_by_as_many_processes_as_there_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = example("two_processes").main(str(tmp_path))
    assert result["test"]["mean"] > 0.5 and (tmp_path / "run" / "model.safetensors").is_file()
    assert capsys.readouterr().out.startswith("1 process(es): micro-f1")


def test_a_tracker_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = example("own_tracker").main(str(tmp_path), epochs=3)
    assert [event["event"] for event in events] == ["begin", "epoch", "epoch", "epoch", "end"] * 2
    assert events[-1]["unit"] == "seed-1" and 0 <= events[-1]["accuracy"] <= 1 and events[1]["loss"] > 0
    assert capsys.readouterr().out.startswith("10 events")


def test_every_example_is_tested() -> None:
    tested = {"large_graph", "own_path_model", "continual_own_loop", "own_model", "train_in_python", "own_data"}
    tested |= {
        "skeleton_deploy",
        "distill_own_loop",
        "mapped_features",
        "two_processes",
        "own_tracker",
        "networkx_graph",
        "link_prediction",
    }
    assert {path.stem for path in EXAMPLES.glob("*.py")} == tested
