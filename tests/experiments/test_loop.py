import pytest
import torch
from torch_geometric.data import Data

from graphkit.nn import GCN
from graphkit.tasks import make_task
from graphkit.training.loop import collect, evaluate, train_epoch
from graphkit.training.loss import TrainingLoss
from graphkit.training.optimizer import Schedule, make_optimizer
from graphkit.training.train_config import TrainSettings


def graph() -> Data:
    return Data(x=torch.eye(4), edge_index=torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]]), y=torch.tensor([0, 0, 1, 1]))


def test_training_lowers_the_loss_of_the_nodes_that_count() -> None:
    torch.manual_seed(0)
    model, task = GCN(4, 2, dropout=0.0), make_task("node-classification")
    batches = [(graph(), torch.tensor([0, 2]))]
    optimizer = make_optimizer(model, TrainSettings(lr=0.1))
    losses = [train_epoch(TrainingLoss(model, task), batches, optimizer) for _ in range(30)]
    assert losses[-1] < 0.01 < losses[0]
    assert evaluate(model, task, batches)[1] == 1.0


def test_collects_the_items_of_all_batches_in_order() -> None:
    model = GCN(4, 2)
    output, y = collect(model, [(graph(), torch.tensor([3])), (graph(), torch.tensor([0, 1]))])
    assert output.shape == (3, 2) and y.tolist() == [1, 0, 0] and not model.training


def test_a_loss_that_is_not_finite_stops_the_training() -> None:
    data = graph()
    data.x = data.x * float("nan")
    model = GCN(4, 2)
    with pytest.raises(ValueError, match="the training loss is not finite"):
        objective = TrainingLoss(model, make_task("node-classification"))
        train_epoch(objective, [(data, torch.arange(4))], make_optimizer(model, TrainSettings()))


def test_the_gradient_is_clipped() -> None:
    model = GCN(4, 2, dropout=0.0)
    before = [p.detach().clone() for p in model.parameters()]
    optimizer = make_optimizer(model, TrainSettings(optimizer="sgd", lr=1.0))
    objective = TrainingLoss(model, make_task("node-classification"))
    train_epoch(objective, [(graph(), torch.arange(4))], optimizer, clip=1e-3)
    moved = torch.cat([(p.detach() - old).flatten() for p, old in zip(model.parameters(), before, strict=True)])
    assert 0 < float(moved.norm()) <= 1.001e-3


@pytest.mark.parametrize(
    ("settings", "rates"),
    [
        ({"schedule": "none"}, [1.0, 1.0, 1.0, 1.0]),
        ({"schedule": "step", "schedule_step": 2, "schedule_factor": 0.1}, [1.0, 1.0, 0.1, 0.1]),
        ({"schedule": "cosine", "epochs": 2}, [1.0, 0.5, 0.0]),
        ({"schedule": "plateau", "schedule_patience": 1}, [1.0, 1.0, 1.0, 0.5]),
    ],
)
def test_schedules_change_the_rate_as_they_say(settings: dict, rates: list[float]) -> None:
    options = TrainSettings(lr=1.0, **settings)
    model = torch.nn.Linear(1, 1)
    optimizer = make_optimizer(model, options)
    schedule, seen = Schedule(optimizer, options), []
    for _ in rates:
        seen.append(schedule.lr)
        optimizer.step()
        schedule.step(1.0)
    assert seen == pytest.approx(rates)
