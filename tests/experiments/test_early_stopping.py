import torch

from graphkit.tasks import make_task
from graphkit.training.early_stopping import EarlyStopping


def follow(selection: EarlyStopping, results: list[tuple[float, float]]) -> int | None:
    model = torch.nn.Linear(1, 1)
    for epoch, (loss, score) in enumerate(results, 1):
        with torch.no_grad():
            model.weight.fill_(epoch)
        selection.update(epoch, loss, score, model)
    assert not selection.weights or float(selection.weights["weight"]) == selection.epoch
    return selection.epoch


def test_the_best_score_wins_and_ties_go_to_the_smaller_loss() -> None:
    task = make_task("node-classification")
    assert follow(EarlyStopping(task), [(1.0, 0.5), (0.9, 0.7), (0.8, 0.6), (0.7, 0.7), (0.9, 0.7)]) == 4


def test_the_smallest_loss_wins_where_it_selects() -> None:
    task = make_task("node-classification")
    assert follow(EarlyStopping(task, by="loss"), [(1.0, 0.5), (0.7, 0.4), (0.8, 0.9)]) == 2


def test_the_smallest_error_wins_in_regression() -> None:
    assert follow(EarlyStopping(make_task("graph-regression")), [(1.0, 1.0), (0.5, 0.5), (0.7, 0.7)]) == 2


def test_nan_never_wins() -> None:
    nan = float("nan")
    task = make_task("node-classification")
    assert follow(EarlyStopping(task), [(1.0, 0.5), (nan, nan), (0.9, 0.4)]) == 1
    assert follow(EarlyStopping(task), [(nan, nan), (0.9, 0.4), (1.0, 0.3)]) == 2
    assert follow(EarlyStopping(task, by="loss"), [(nan, 0.5), (0.9, 0.4)]) == 2
    assert follow(EarlyStopping(task), [(1.0, nan), (0.8, nan), (0.9, nan)]) == 2  # without any score, the loss decides


def test_patience_counts_epochs_without_a_better_one() -> None:
    selection = EarlyStopping(make_task("node-classification"), patience=2)
    follow(selection, [(1.0, 0.5), (0.9, 0.6), (0.9, 0.5)])
    assert not selection.exhausted
    follow(selection, [(0.9, 0.5)])
    assert selection.exhausted


def test_goes_on_from_its_state() -> None:
    selection = EarlyStopping(make_task("node-classification"))
    follow(selection, [(1.0, 0.5)])
    other = EarlyStopping(make_task("node-classification"))
    other.load_state_dict(selection.state_dict())
    assert other.epoch == 1 and other.score == 0.5
    assert follow(other, [(0.9, 0.4)]) == 1


def test_patience_waits_for_the_least_number_of_epochs() -> None:
    selection = EarlyStopping(make_task("node-classification"), patience=1, min_epochs=4)
    results = [(1.0, 0.5), (1.1, 0.4), (1.2, 0.3)]
    follow(selection, results)
    assert selection.waited == 2 and not selection.exhausted
    again = EarlyStopping(make_task("node-classification"), patience=1, min_epochs=4)
    again.load_state_dict(selection.state_dict())
    selection.update(4, 1.3, 0.2, torch.nn.Linear(1, 1))
    again.update(4, 0.9, 0.9, torch.nn.Linear(1, 1))
    assert selection.exhausted and not again.exhausted
