import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from graphkit.experiments import evaluate_run, open_run
from graphkit.training.interrupt import Interrupted
from tests.experiments.test_run import StopAt, rows, weights
from tests.fitting import fit, resolve, resume

TEACHER: dict[str, Any] = {
    "model": {"name": "gcn", "hidden_channels": 16},
    "data": {"name": "karate"},
    "train": {"epochs": 5},
}
GRAPHS: dict[str, Any] = {
    "model": {"name": "gin", "hidden_channels": 8},
    "data": {"name": "factor-graphs", "num_graphs": 60, "seed": 3},
    "train": {"epochs": 2, "batch_size": 16},
}
LSP = {"name": "lsp", "layers": "conv1:conv1"}
ALL = [LSP, {"name": "fitnet"}, {"name": "kd", "active_epochs": 3}, {"name": "ickd"}]


def student(teacher: Path, *losses: dict[str, Any], **changes: Any) -> dict[str, Any]:
    model = {"name": "gcn", "hidden_channels": 6}
    return {**TEACHER, "model": model, "distill": {"teacher": str(teacher), "losses": list(losses)}, **changes}


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("teachers") / "karate"
    fit(TEACHER, folder)
    return folder


@pytest.fixture(scope="module")
def taught(teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("students") / "whole"
    fit(student(teacher, *ALL), folder)
    return folder


def test_a_student_is_an_ordinary_run(teacher: Path, taught: Path, tmp_path: Path) -> None:
    moved = tmp_path / "teacher"
    shutil.move(teacher, moved)  # who taught is not needed any more
    try:
        run = open_run(taught)
        assert evaluate_run(run)["test"] == run.result["test"]
        assert run.result["parameters"] == sum(p.numel() for p in run.model.parameters())
        assert run.config.to_dict()["distill"]["losses"] == ALL
    finally:
        shutil.move(moved, teacher)


@pytest.mark.parametrize("epoch", [1, 3, 4])
def test_a_student_that_was_stopped_resumes_to_the_same_bits(
    teacher: Path, taught: Path, tmp_path: Path, epoch: int
) -> None:
    folder = tmp_path / "run"
    with pytest.raises(Interrupted):
        fit(student(teacher, *ALL), folder, StopAt("gcn", epoch))
    state = torch.load(folder / "state.pt", weights_only=True)
    assert set(state["extra"]) == {f"losses.{i}.map.{param}" for i in (1, 3) for param in ("weight", "bias")}
    resume(folder)
    assert all(torch.equal(value, weights(folder)[name]) for name, value in weights(taught).items())
    assert rows(folder) == rows(taught)
    states = [torch.load(run_dir / "state.pt", weights_only=True)["extra"] for run_dir in (folder, taught)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[1])
    assert not torch.equal(state["extra"]["losses.1.map.weight"], states[1]["losses.1.map.weight"])  # it was trained


def test_a_loss_of_weight_zero_leaves_the_student_as_it_is_alone(teacher: Path, tmp_path: Path) -> None:
    alone = {key: value for key, value in student(teacher).items() if key != "distill"}
    alone["model"]["dropout"] = 0.5
    fit(alone, tmp_path / "alone")
    fit({**alone, **student(teacher, {"name": "fitnet", "weight": 0}, model=alone["model"])}, tmp_path / "taught")
    first, second = weights(tmp_path / "alone"), weights(tmp_path / "taught")
    assert all(torch.equal(first[name], second[name]) for name in first)
    fit(student(teacher, {"name": "fitnet"}, model=alone["model"]), tmp_path / "really")
    assert not all(torch.equal(first[name], value) for name, value in weights(tmp_path / "really").items())


def test_students_without_a_graph_and_of_another_kind(teacher: Path, tmp_path: Path) -> None:
    losses = ({"name": "lsp", "layers": "conv1:lin1"}, {"name": "kd"})
    fit(student(teacher, *losses, model={"name": "mlp", "hidden_channels": 4}), tmp_path / "mlp")
    other = {"name": "karate", "transforms": ["self-loops"]}
    model = {"name": "factorgcn", "hidden_channels": 8, "factors": [4, 1]}
    result = fit(student(teacher, {"name": "lsp"}, {"name": "gsp"}, model=model, data=other), tmp_path / "factors")
    assert result["model"] == "factorgcn"


def test_seeds_learn_from_the_teacher_of_the_same_seed(tmp_path: Path) -> None:
    fit({**TEACHER, "seeds": 2}, tmp_path / "teachers")
    both = student(tmp_path / "teachers", {"name": "kd"}, seeds=2)
    fit(both, tmp_path / "students")
    one = fit({**both, "seeds": 1, "seed": 1, "distill": {**both["distill"], "teacher": str(tmp_path / "teachers")}})
    assert one["test"]["runs"] == json.loads((tmp_path / "students" / "result.json").read_text())["test"]["runs"][1:]


def test_batches_of_graphs(tmp_path: Path) -> None:
    fit(GRAPHS, tmp_path / "teacher")
    losses = [{"name": name} for name in ("lsp", "kd", "fitnet", "at", "gsp", "ickd")]
    small = {**GRAPHS, "model": {"name": "gcn", "hidden_channels": 4}}
    result = fit({**small, "distill": {"teacher": str(tmp_path / "teacher"), "losses": losses}}, tmp_path / "student")
    assert result["parameters"] < json.loads((tmp_path / "teacher" / "result.json").read_text())["parameters"]
    stopped = tmp_path / "stopped"  # what the teacher says of every graph is kept, and the same after a stop
    with pytest.raises(Interrupted):
        fit({**small, "distill": {"teacher": str(tmp_path / "teacher"), "losses": losses}}, stopped, StopAt("gcn", 1))
    resume(stopped)
    assert all(torch.equal(value, weights(stopped)[name]) for name, value in weights(tmp_path / "student").items())
    other = {**small, "data": {**GRAPHS["data"], "transforms": ["self-loops"]}}
    with pytest.raises(ValueError, match="was trained on other graphs: its `data.transforms` are"):
        fit({**other, "distill": {"teacher": str(tmp_path / "teacher"), "losses": losses}})


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ([{"name": "lps"}], "unknown distillation loss 'lps'; did you mean 'lsp'?"),
        ([{"name": "lsp", "kernal": "rbf"}], "key 'losses.lsp.kernal'; did you mean 'losses.lsp.kernel'?"),
        ([{"name": "lsp", "kernel": "gauss"}], "`kernel` must be one of 'rbf'"),
        ([{"name": "lsp", "sigma": "wide"}], "`losses.lsp.sigma` must be a number (got 'wide')"),
        ([{"name": "lsp", "weight": "much"}], "`losses.lsp.weight` must be a number, or none (got 'much')"),
        ([{"name": "lsp", "weight": -1}], "`losses.lsp.weight` must not be negative, or none (got -1)"),
        ([{"name": "lsp", "active_epochs": 0}], "`losses.lsp.active_epochs` must be at least 1"),
        ([{"name": "lsp", "layers": "conv1:conv9"}], "unknown layer of the student 'conv9'; did you mean 'conv2'?"),
        ([{"name": "lsp", "layers": "covn1"}], "unknown layer of the teacher 'covn1'; did you mean 'conv1'?"),
        ([{"name": "lsp", "layers": "a:b:c"}], "layers` must read TEACHER:STUDENT, such as conv2:conv3 (got 'a:b:c')"),
        ([{"layers": "conv1"}], "a loss of `distill.losses` must have a name"),
        ([], "`distill.losses` must be a list"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(teacher: Path, tmp_path: Path, losses: list, message: str) -> None:
    with pytest.raises(ValueError) as error:
        fit(student(teacher, *losses), tmp_path / "run")
    assert message in str(error.value) and "\n" not in str(error.value) and not (tmp_path / "run").exists()


def test_a_teacher_that_cannot_teach_is_refused(teacher: Path, tmp_path: Path) -> None:
    loss = {"name": "kd"}
    with pytest.raises(ValueError, match="was trained on another data set: karate .the student's is factor-graphs"):
        fit({**GRAPHS, "distill": {"teacher": str(teacher), "losses": [loss]}}, tmp_path / "run")
    split = {"name": "karate", "split": "0.5,0.2,0.3"}
    with pytest.raises(ValueError, match=r"on other data \(`data.split`\).*not trained on test items"):
        fit(student(teacher, loss, data=split), tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="'nowhere' is not a run folder|nowhere' is not a run folder"):
        fit(student(Path("nowhere"), loss), tmp_path / "run")
    shutil.copytree(teacher, tmp_path / "stopped")
    (tmp_path / "stopped" / "result.json").unlink()
    with pytest.raises(ValueError, match="has not ended; continue it with: graphkit train --resume"):
        fit(student(tmp_path / "stopped", loss), tmp_path / "run")
    with pytest.raises(ValueError, match="unknown configuration key 'distill.techer'; did you mean 'distill.teacher'"):
        resolve({"distill": {"techer": "x"}})
    with pytest.raises(ValueError, match="`distill.teacher` must be the folder of a run"):
        resolve({"distill": {"losses": [loss]}})
    assert not (tmp_path / "run").exists()


def test_a_graph_without_edges_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    def graph(path: Path, x: torch.Tensor, edge_index: torch.Tensor) -> dict[str, Any]:
        torch.save({"x": x, "edge_index": edge_index, "y": torch.arange(30) % 3}, path)
        return {"name": str(path), "split": "0.4,0.3,0.3"}

    x = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
    data = graph(tmp_path / "none.pt", x, torch.zeros(2, 0, dtype=torch.long))
    fit({**TEACHER, "data": data}, tmp_path / "teacher")
    with pytest.raises(ValueError, match="LocalStructureLoss compares over edges, and the graph has none"):
        fit(student(tmp_path / "teacher", LSP, data=data), tmp_path / "run")
    fit(student(tmp_path / "teacher", {"name": "kd"}, data=data), tmp_path / "kd")  # needs none
    assert not (tmp_path / "run").exists()


def test_local_structure_over_a_skeleton(tmp_path: Path) -> None:
    clips: dict[str, Any] = {
        "model": {"name": "stigcn", "channels": [8], "blocks": [1], "dropout": 0.0},
        "data": {"name": "synthetic-skeleton", "num_clips": 24, "frames": 8, "seed": 0},
        "train": {"epochs": 1, "batch_size": 12, "optimizer": "sgd", "lr": 0.05, "precision": "bfloat16"},
    }
    fit(clips, tmp_path / "teacher")
    small = {**clips, "model": {**clips["model"], "channels": [4]}}
    losses = [{"name": name} for name in ("lsp", "kd", "fitnet", "at", "gsp", "ickd")]
    result = fit({**small, "distill": {"teacher": str(tmp_path / "teacher"), "losses": losses}}, tmp_path / "student")
    assert result["test"] is not None
    other = [{"name": "lsp", "layers": "conv1:conv2"}]  # half of the frames are left there
    with pytest.raises(ValueError, match="teacher and student must be on the same nodes"):
        fit({**small, "distill": {"teacher": str(tmp_path / "teacher"), "losses": other}})
