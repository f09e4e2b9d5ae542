import math

import pytest
import torch

from graphkit.data.dataset import TASKS
from graphkit.tasks import Regression, make_task

NAN = math.nan


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_a_loss_and_a_metric(name: str) -> None:
    task = make_task(name)
    if name == "link-prediction":
        pytest.skip("its targets are pairs")
    output = torch.randn(6, 3, requires_grad=True)
    y = torch.randint(3, (6,)) if "multi" not in name and "class" in name else torch.randint(2, (6, 3)).float()
    if "regression" in name:
        y[5, 0] = NAN
    y[:3] = y.new_tensor([0, 1, 0]) if y.dim() == 1 else torch.eye(3)
    task.loss(output, y).backward()
    assert output.grad is not None and output.grad.abs().sum() > 0
    assert isinstance(task.score(output.detach(), y), float)
    prediction, values = task.predict(output.detach())
    assert prediction.size(0) == 6 and values.shape == (6, 3)


def test_missing_labels_do_not_count() -> None:
    task = make_task("multitask-graph-classification")
    output = torch.randn(4, 2, requires_grad=True)
    y = torch.tensor([[1.0, float("nan")], [0.0, 1.0], [float("nan"), 0.0], [1.0, 0.0]])
    task.loss(output, y).backward()
    assert task.weight(y) == 6 and output.grad is not None
    assert output.grad[0, 1] == 0 and output.grad[2, 0] == 0 and output.grad[0, 0] != 0
    changed = output.detach().clone()
    changed[0, 1] = 100
    assert task.score(changed, y) == task.score(output.detach(), y)


def test_balanced_accuracy_weights_the_loss_by_class() -> None:
    y, output = torch.tensor([0, 0, 0, 1]), torch.zeros(4, 2)
    output[:, 0] = 1.0
    plain = make_task("node-classification").loss(output, y)
    weighted = make_task("node-classification", "balanced-accuracy").loss(output, y)
    assert weighted > plain
    one_class = make_task("node-classification", "balanced-accuracy").loss(output[:3], y[:3])
    assert bool(one_class.isfinite())


def test_a_batch_without_a_known_label_teaches_nothing() -> None:
    output = torch.randn(2, 3, requires_grad=True)
    loss = make_task("multitask-graph-classification").loss(output, torch.full((2, 3), float("nan")))
    loss.backward()
    assert float(loss.detach()) == 0 and output.grad is not None and float(output.grad.abs().sum()) == 0


def test_knows_the_direction_of_its_metric() -> None:
    assert make_task("node-classification").maximize and not make_task("graph-regression").maximize


@pytest.mark.parametrize("metric", ["mae", "rmse", "r2"])
def test_a_regression_has_its_loss_on_standardized_targets_and_its_scores_in_units_of_the_data(metric: str) -> None:
    task = make_task("node-regression", metric)
    assert isinstance(task, Regression)
    y = torch.tensor([[10.0, 7.0], [20.0, 7.0], [30.0, NAN]])
    task.standardize(y)
    assert task.mean is not None and task.mean.tolist() == [20, 7]
    assert task.std is not None and task.std.tolist() == [pytest.approx(math.sqrt(200 / 3)), 1]
    output = torch.zeros(3, 2, requires_grad=True)
    loss = task.loss(output, y)
    scaled = [10 / math.sqrt(200 / 3), 0, 10 / math.sqrt(200 / 3), 0, 0]
    assert float(loss.detach()) == pytest.approx(sum(v if metric == "mae" else v * v for v in scaled) / 5)
    loss.backward()
    assert output.grad is not None and output.grad[2, 1] == 0 and output.grad[0, 0] != 0
    assert task.weight(y) == 5 and task.predict(output.detach())[0].tolist() == [[20, 7]] * 3
    expected = {"mae": 20 / 5, "rmse": math.sqrt(200 / 3) / 2, "r2": 0.0}
    assert task.score(output.detach(), y) == pytest.approx(expected[metric], abs=1e-6)
    assert task.maximize is (metric == "r2")


def test_a_constant_target_has_the_deviation_one_despite_rounding() -> None:
    task = make_task("graph-regression")
    assert isinstance(task, Regression)
    task.standardize(torch.full((7, 1), 0.1))
    assert task.std is not None and task.std.tolist() == [1]
    task.standardize(torch.full((7, 1), NAN))
    assert task.std.tolist() == [1] and task.predict(torch.ones(1, 1))[0].tolist() == [[1]]


def test_the_score_of_a_regression_is_undefined_for_some_targets() -> None:
    gaps, constant = torch.tensor([[NAN], [NAN]]), torch.tensor([[1.0], [1.0]])
    assert not make_task("node-regression").has_score(gaps) and make_task("node-regression").has_score(constant)
    assert not make_task("node-regression", "r2").has_score(constant)
    assert make_task("node-regression", "r2").has_score(torch.tensor([[1.0, 1.0], [1.0, 2.0]]))
    assert math.isnan(make_task("node-regression", "r2").score(gaps, constant))


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown task 'node-clasification'; did you mean 'node-classification'"):
        make_task("node-clasification")
    with pytest.raises(ValueError, match="unknown metric for graph-regression 'accuracy'"):
        make_task("graph-regression", "accuracy")


def test_links_are_ranked_among_random_and_hard_negatives() -> None:
    task = make_task("link-prediction")
    output = torch.tensor([2.0, 1.0, 0.0, 1.5, 3.0, -1.0], requires_grad=True)
    y = torch.tensor([[1, 0], [1, 1], [0, -1], [0, -1], [0, 0], [0, 1]])  # two edges, two random and two hard negatives
    loss = task.loss(output, y)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(output[:4], torch.tensor([1.0, 1, 0, 0]))
    assert float(loss.detach()) == pytest.approx(float(expected.detach())) and task.weight(y) == 4
    scores = task.scores(output.detach(), y)
    assert scores["roc-auc"] == 0.75 and scores["mrr"] == 0.75 and scores["hits@10"] == 1.0
    assert scores["hard-mrr"] == 0.75  # second among the negatives of its group, and first
    assert make_task("link-prediction", "hard-mrr").has_score(y)
    assert not make_task("link-prediction", "hard-mrr").has_score(y[:4])
    assert task.scores(output.detach()[:4], y[:4])["hard-mrr"] is None
    probability = task.predict(output.detach())[1]
    torch.testing.assert_close(probability, output.detach().sigmoid())
