"""Training on clips: settings that other tasks do not have, and what is refused."""

import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from graphkit.data import load
from graphkit.data.data_settings import DataSettings
from graphkit.experiments import open_run
from graphkit.tasks import make_task
from graphkit.training.gradient_stepper import GradientStepper
from graphkit.training.optimizer import Schedule, decay_groups, make_optimizer
from graphkit.training.train_config import TrainSettings
from tests.fitting import fit

CONFIG: dict[str, Any] = {
    "model": {"name": "stigcn", "channels": [8], "blocks": [1], "dropout": 0.0},
    "data": {"name": "synthetic-skeleton", "num_clips": 36, "frames": 12, "seed": 0},
    "train": {"epochs": 2, "batch_size": 12, "optimizer": "sgd", "lr": 0.05, "augment": ["crop", {"rotate": 20}]},
}


def changed(**train: Any) -> dict[str, Any]:
    return {**CONFIG, "train": {**CONFIG["train"], **train}}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips") / "run"
    fit(changed(nesterov=True, warmup=1, schedule="cosine", label_smoothing=0.1, precision="bfloat16"), folder)
    return folder


def test_a_run_on_clips_can_be_opened_and_predicts(run: Path, tmp_path: Path) -> None:
    opened = open_run(run)
    assert opened.result["task"] == "skeleton-classification" and opened.result["selected_on"] == "validation"
    predictions = opened.predict()
    predictions.save(tmp_path / "out.csv")
    assert len(predictions) == 36
    head, first = (tmp_path / "out.csv").read_text().splitlines()[:2]
    assert head.startswith("id,split,prediction,probability_walk") and first.split(",")[1] == "train"


def test_the_same_configuration_gives_the_same_numbers_with_workers_or_without(tmp_path: Path) -> None:
    results = [fit(changed(workers=workers), tmp_path / str(workers)) for workers in (0, 1)]
    assert results[0]["test"] == results[1]["test"]
    rows = [open_run(tmp_path / str(workers)).metrics for workers in (0, 1)]
    assert [row["loss"] for row in rows[0]] == [row["loss"] for row in rows[1]]


def test_choosing_on_the_test_clips_is_said_in_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = load("synthetic-skeleton", num_clips=36)
    split = dataset.splits[0].__class__(dataset.splits[0].train, dataset.splits[0].test, dataset.splits[0].test)
    published = dataset.replace(protocol="test", splits=(split,))
    monkeypatch.setattr(DataSettings, "load", lambda settings, seed: published)
    result = fit(changed(epochs=1), tmp_path / "run")
    assert result["selected_on"] == "test" and result["test"]["mean"] == result["validation"]["mean"]


def model() -> torch.nn.Module:
    from graphkit.nn import STIGCN

    return STIGCN(3, 6, "nw-ucla-20", 1, (8,), (1,), 0.0)


def test_the_cosine_schedule_has_the_published_rates() -> None:
    settings = TrainSettings(epochs=70, optimizer="sgd", lr=0.1, schedule="cosine", nesterov=True, weight_decay=5e-4)
    optimizer = make_optimizer(model(), settings)
    assert optimizer.defaults["nesterov"] and optimizer.defaults["momentum"] == 0.9
    schedule, rates = Schedule(optimizer, settings), []
    for _ in range(70):
        rates.append(schedule.lr)
        optimizer.step()
        schedule.step(0.0)
    assert [rates[epoch] for epoch in (0, 1, 35, 69)] == pytest.approx([0.1, 0.0999496533, 0.05, 5.034667e-5])


def test_a_warm_up_comes_before_the_schedule_and_is_continued() -> None:
    settings = TrainSettings(epochs=6, optimizer="sgd", lr=0.4, schedule="cosine", warmup=3)
    optimizer = make_optimizer(model(), settings)
    schedule, rates = Schedule(optimizer, settings), []
    for epoch in range(6):
        rates.append(schedule.lr)
        optimizer.step()
        schedule.step(0.0)
        if epoch == 1:  # as if it were interrupted here
            state, weights = schedule.state_dict(), optimizer.state_dict()
            optimizer = make_optimizer(model(), settings)
            schedule = Schedule(optimizer, settings)
            optimizer.load_state_dict(weights)
            schedule.load_state_dict(state)
    cosine = [0.2 * (1 + math.cos(math.pi * epoch / 3)) for epoch in range(3)]
    assert rates == pytest.approx([0.1, 0.2, 0.3, *cosine])


def test_weight_decay_can_spare_norms_biases_and_additions_to_the_graph() -> None:
    network = model()
    weights, rest = decay_groups(network)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    spared = {names[id(parameter)].rsplit(".", 1)[-1] for parameter in rest["params"]}
    assert spared == {"weight", "bias", "bias_embed", "adapt", "rho"} and rest["weight_decay"] == 0.0
    assert all(parameter.dim() > 1 for parameter in weights["params"])
    assert len(weights["params"]) + len(rest["params"]) == len(names)


def test_gradients_of_several_batches_make_one_step() -> None:
    torch.manual_seed(0)
    line = torch.nn.Linear(3, 1)
    start = line.weight.detach().clone()
    x = torch.randn(4, 3)
    precision, optimizer = GradientStepper(accumulate=2), torch.optim.SGD(line.parameters(), 0.5)
    optimizer.zero_grad()
    assert [precision.backward(line(chunk).mean()) for chunk in x.split(2)] == [False, True]
    precision.step(line, optimizer)
    torch.testing.assert_close(line.weight.detach(), start - 0.5 * x.mean(dim=0, keepdim=True))
    precision.step(line, optimizer)  # nothing waits: nothing happens
    torch.testing.assert_close(line.weight.detach(), start - 0.5 * x.mean(dim=0, keepdim=True))


def test_label_smoothing_spreads_targets() -> None:
    output, y = torch.tensor([[2.0, 0.0]]), torch.tensor([0])
    plain, smooth = (make_task("skeleton-classification", label_smoothing=s).loss(output, y) for s in (0.0, 0.2))
    log = output.log_softmax(dim=1)[0]
    assert float(plain) == pytest.approx(-float(log[0]))
    assert float(smooth) == pytest.approx(-float(0.9 * log[0] + 0.1 * log[1]))
    assert make_task("skeleton-classification", "top-5-accuracy").score(torch.eye(6), torch.arange(6)) == 1.0
    with pytest.raises(ValueError, match=re.escape("tasks with one class per item (got 0.1 for graph-regression)")):
        make_task("graph-regression", label_smoothing=0.1)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({**CONFIG, "model": {"name": "gcn"}}, "'gcn' reads graphs, and synthetic-skeleton holds skeleton clips"),
        ({"model": {"name": "stigcn"}, "data": {"name": "karate"}}, "reads skeleton clips, and karate holds graphs"),
        ({"model": {"name": "gcn"}, "data": {"name": "karate"}, "train": {"augment": ["crop"]}}, "karate has graphs"),
        (changed(augment=["crops"]), "unknown augmentation 'crops'; did you mean 'crop'"),
        (changed(precision="float16"), "`train.precision` float16 needs a GPU (got the device cpu); take bfloat16"),
        (changed(precision="half"), "`train.precision` must be one of float32, bfloat16, float16 (got 'half')"),
        (changed(warmup=2), "`train.warmup` must be below `train.epochs`, 2 (got 2)"),
        (changed(nesterov=True, momentum=0), "`train.nesterov` needs a momentum (got 0)"),
        (changed(label_smoothing=1.0), "`train.label_smoothing` must lie in [0, 1) (got 1.0)"),
        (changed(accumulate=0), "`train.accumulate` must be at least 1 (got 0)"),
        (changed(workers=-1), "`train.workers` must not be negative (got -1)"),
        ({**CONFIG, "model": {"name": "stigcn", "layout": "ntu-25"}}, "unknown configuration key 'model.layout'"),
    ],
)
def test_settings_that_do_not_fit_are_refused(config: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        fit(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_teacher_of_another_stream_is_refused(run: Path, tmp_path: Path) -> None:
    student = {**CONFIG, "data": {**CONFIG["data"], "stream": "bone"}}
    with pytest.raises(ValueError, match="was trained on another stream of the clips; set its `data.stream`"):
        fit({**student, "distill": {"teacher": str(run), "losses": [{"name": "kd"}]}}, tmp_path / "student")
