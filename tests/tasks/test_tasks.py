import pytest
import torch

from graphkit.data.dataset import TASKS
from graphkit.tasks import make_task


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_a_loss_and_a_metric(name: str) -> None:
    task = make_task(name)
    output = torch.randn(6, 3, requires_grad=True)
    y = torch.randint(3, (6,)) if "multi" not in name and "class" in name else torch.randint(2, (6, 3)).float()
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


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown task 'node-clasification'; did you mean 'node-classification'"):
        make_task("node-clasification")
    with pytest.raises(ValueError, match="unknown metric for graph-regression 'accuracy'"):
        make_task("graph-regression", "accuracy")
