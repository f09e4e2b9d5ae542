"""Regression of nodes and graphs from the data to the result, for all models."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch_geometric.data import Data

from graphkit.errors import InputError
from graphkit.experiments import compare_runs, ensemble_runs, evaluate_run, open_run
from graphkit.nn import SkeletonModel
from graphkit.registry import get_model, model_names
from graphkit.report import report
from graphkit.training.fit_task import fit_task
from graphkit.training.progress import Progress
from tests.fitting import fit, fit_continual, fit_distill, resume

NAMES = [name for name in model_names() if not issubclass(get_model(name), SkeletonModel)]
#: Options of models; without its discriminator, factorgcn fits these small graphs in a few epochs.
OPTIONS = {"dgcnn": {"k": 3}, "factorgcn": {"discriminator": 0.0}}
#: Units of the data, far from those of standardized targets.
MEAN, SCALE = 5000.0, 300.0


def cycle(x: torch.Tensor) -> Data:
    nodes = torch.arange(x.size(0))
    edges = torch.stack([torch.cat([nodes, nodes.roll(1)]), torch.cat([nodes.roll(1), nodes])])
    return Data(x=x, edge_index=edges)


@pytest.fixture(scope="module")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Graphs with targets of the nodes, a graph with two targets and gaps, and graphs with targets of their own."""
    folder = tmp_path_factory.mktemp("regression")
    torch.manual_seed(0)
    many, whole = [], []
    for number in range(40):
        graph = cycle(torch.randn(6, 3))
        graph.y = MEAN + SCALE * (graph.x[:, :1] + 0.1 * torch.randn(6, 1))
        graph.time = torch.tensor([number])
        many.append(graph)
        other = cycle(graph.x)
        other.y = MEAN + SCALE * graph.x[:, :1].mean(dim=0, keepdim=True)
        whole.append(other)
    torch.save(many, folder / "nodes.pt")
    torch.save(whole, folder / "graphs.pt")
    single = cycle(torch.randn(120, 3))
    y = torch.cat([MEAN + SCALE * single.x[:, :1], single.x[:, 1:2] / SCALE], dim=1)
    y[::7, 0] = math.nan
    y[:3] = math.nan
    edges = single.edge_index.numpy()
    np.savez(folder / "node.npz", x=single.x.numpy(), y=y.numpy(), edge_index=edges)
    return {
        name: str(folder / file)
        for name, file in [("nodes", "nodes.pt"), ("node", "node.npz"), ("graphs", "graphs.pt")]
    }


def settings(path: str, model: str = "gcn", **train: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"dropout": 0.0, "hidden_channels": 16, **OPTIONS.get(model, {})}
    return {
        "model": {"name": model, **options},
        "data": {"name": path},
        "train": {"epochs": 30, "lr": 0.02, "batch_size": None if path.endswith(".npz") else 8, **train},
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [*((name, "nodes") for name in NAMES), *((n, kind) for n in ("gcn", "spagan") for kind in ("node", "graphs"))],
)
def test_every_model_learns_targets_in_units_of_the_data(
    graphs: dict[str, str], name: str, kind: str, tmp_path: Path
) -> None:
    epochs = 60 if name == "factorgcn" else 30
    result = fit(settings(graphs[kind], name, metric="r2", epochs=epochs), tmp_path / "run")
    assert result["metric"] == "r2" and result["maximize"] and 0.1 < result["test"]["mean"] <= 1
    assert result["floors"]["mean"]["r2"] < 0.02 and result["floors"]["mean"]["rmse"] + 149 * (kind == "graphs") > 100


def test_floors_scores_and_predictions(graphs: dict[str, str], tmp_path: Path) -> None:
    result = fit(settings(graphs["nodes"], "mlp", metric="rmse"), tmp_path / "run")
    assert list(result["floors"]) == ["mean", "last-value"] and list(result["scores"]) == ["mae", "rmse", "r2"]
    assert result["test"] == result["scores"]["rmse"] and 20 < result["test"]["mean"] < 100
    assert result["floors"]["mean"]["rmse"] == pytest.approx(SCALE, rel=0.2)
    assert result["floors"]["last-value"]["rmse"] == pytest.approx(SCALE * math.sqrt(2), rel=0.2)
    written = json.loads((tmp_path / "run" / "fit.json").read_text())
    assert written["floors"] == result["floors"]
    again = evaluate_run(open_run(tmp_path / "run"))
    for key in ("test", "validation", "scores", "floors"):
        assert again[key] == result[key]
    run = open_run(tmp_path / "run")
    test = run.dataset.graphs.batch(run.split.test)  # type: ignore[attr-defined]
    with torch.no_grad():
        output = run.model(**run.model.inputs(test))
    task = fit_task(run.dataset, run.split, run.config.train)
    assert task.score(output, test.y) == pytest.approx(result["test"]["mean"])
    assert float(task.predict(output)[0].mean()) == pytest.approx(MEAN, rel=0.02) and abs(float(output.mean())) < 0.5


def test_metrics_of_the_task_are_optional_and_others_are_refused(graphs: dict[str, str]) -> None:
    assert fit(settings(graphs["nodes"], epochs=1))["metric"] == "mae"
    with pytest.raises(InputError, match="unknown metric for node-regression 'accuracy'.*mae, r2, rmse|mae, rmse, r2"):
        fit(settings(graphs["nodes"], metric="accuracy"))
    with pytest.raises(InputError, match="unknown metric for node-classification 'rmse'"):
        fit(settings("karate", metric="rmse"))
    with pytest.raises(InputError, match="`train.class_weight` is for tasks with one class per item"):
        fit(settings(graphs["nodes"], class_weight="balanced"))


def test_targets_can_stay_as_they_are(graphs: dict[str, str]) -> None:
    far = fit(settings(graphs["nodes"], "mlp", metric="mae", standardize=False, epochs=2))
    near = fit(settings(graphs["nodes"], "mlp", metric="mae", epochs=2))
    assert far["test"]["mean"] > 4000 and near["test"]["mean"] < 400


def test_a_run_is_resumed_to_the_same_numbers(graphs: dict[str, str], tmp_path: Path) -> None:
    config = settings(graphs["nodes"], metric="rmse", epochs=6) | {"seeds": 2}
    config["model"]["dropout"] = 0.3
    wanted = fit(config, tmp_path / "a")

    def stop(self: Progress, row: Any) -> None:
        if row["epoch"] == 3:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Progress, "update", stop)
        patch.setattr("graphkit.training.trainer.Trainer._pause_after_checkpoint", 0.0)
        with pytest.raises(KeyboardInterrupt):
            fit(config, tmp_path / "b")
    got = resume(tmp_path / "b")
    for key in ("test", "validation", "scores", "epochs", "floors"):
        assert got[key] == wanted[key]
    for seed in ("seed-0", "seed-1"):
        one, other = (load_file(tmp_path / run / seed / "model.safetensors") for run in "ab")
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_an_undefined_r2_is_none(tmp_path: Path) -> None:
    graphs = [cycle(torch.randn(4, 2)) for _ in range(8)]
    for number, graph in enumerate(graphs):
        graph.y = torch.full((4, 1), 1.5) if number > 4 else graph.x[:, :1]
        graph.split = "train" if number < 4 else "val" if number == 4 else "test"
    torch.save(graphs, tmp_path / "g.pt")
    lines: list[str] = []
    result = fit(settings(str(tmp_path / "g.pt"), metric="r2", epochs=2), tmp_path / "run", Lines(lines))
    assert result["test"] is None and result["scores"]["r2"] is None and result["scores"]["mae"] is not None
    assert result["floors"]["mean"]["r2"] is None
    assert any("r2 is undefined on the test items, whose targets do not have two different values" in x for x in lines)
    assert report(tmp_path / "run").is_file()


def test_report_has_values_in_place_of_classes(graphs: dict[str, str], tmp_path: Path) -> None:
    fit(settings(graphs["node"], epochs=3, metric="rmse"), tmp_path / "run")
    page = report(tmp_path / "run").read_text(encoding="utf-8")
    assert "Predicted against true values" in page and "mean of the training targets" in page
    assert "Confusion" not in page and (tmp_path / "run" / "figures" / "values.png").is_file()


def test_ensembles_average_values_and_comparisons_need_one_metric(graphs: dict[str, str], tmp_path: Path) -> None:
    runs = [tmp_path / name for name in ("gcn", "mlp", "mae")]
    for path, name, metric in zip(runs, ("gcn", "mlp", "mlp"), ("rmse", "rmse", "mae"), strict=True):
        fit(settings(graphs["nodes"], name, metric=metric, epochs=5), path)
    result = ensemble_runs([open_run(path) for path in runs[:2]])
    assert (result["metric"], result["weights"], result["selected_on"]) == ("rmse", [0.5, 0.5], "equal weights")
    fits = [open_run(path) for path in runs[:2]]
    test = fits[0].dataset.graphs.batch(fits[0].split.test)  # type: ignore[attr-defined]
    with torch.no_grad():
        outputs = [one.model(**one.model.inputs(test)) for one in fits]
    tasks = [fit_task(one.dataset, one.split, one.config.train) for one in fits]
    values = [task.predict(output)[0] for task, output in zip(tasks, outputs, strict=True)]
    error = (torch.stack(values).mean(dim=0) - test.y).square().mean().sqrt()
    assert result["test"]["mean"] == pytest.approx(float(error), rel=1e-5)
    assert compare_runs(fits)["metric"] == "rmse" and not compare_runs(fits)["maximize"]
    with pytest.raises(InputError, match="must have the same metric"):
        compare_runs([fits[0], open_run(runs[2])])


def test_methods_for_classes_say_so(graphs: dict[str, str]) -> None:
    network = {"model": {"name": "gcn", "hidden_channels": 8}, "train": {"epochs": 2}}
    config = {"data": {"name": graphs["nodes"]}, "teacher": network, "student": network}
    result = fit_distill({**config, "losses": {"lsp": {}}})
    assert [entry["name"] for entry in result["networks"]] == ["teacher", "alone", "lsp"] and result["metric"] == "mae"
    with pytest.raises(InputError, match="the loss 'kd' compares labels, and nodes has none; choose another"):
        fit_distill({**config, "losses": {"kd": {}}})
    other = {"model": {"name": "gcn"}, "train": {"metric": "rmse"}}
    with pytest.raises(InputError, match="must have the same metric .got mae and rmse.; change `student.train.metric`"):
        fit_distill({**config, "student": other, "losses": {"lsp": {}}})
    with pytest.raises(InputError, match="needs classes or labels .got the regression 'nodes'."):
        fit_continual({"data": {"name": graphs["nodes"]}, "model": {"name": "gcn"}})


class Lines(Progress):
    """Progress display that keeps its messages."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.lines = lines

    def say(self, text: str) -> None:
        """Keeps a message."""
        self.lines.append(text)
