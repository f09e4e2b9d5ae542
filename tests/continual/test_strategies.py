"""What must hold for every strategy, whatever is added later."""

import copy
import math

import pytest
import torch

from graphkit.continual import AGEM, EWC, GEM, MAS, TWP, Experience, LwF, Strategy, TaskStream, UniformImportance
from graphkit.continual.gradients import flatten, trainable
from graphkit.continual.quadratic_penalty import QuadraticPenalty
from graphkit.registry import get_strategy, strategy_names
from tests.continual.tasks import NOTHING, SMALL, labeled_graphs, learn, make_model, molecules, nodes


def weights_after(name: str, options: dict) -> torch.Tensor:
    dataset = nodes()
    stream = TaskStream(dataset, 2)
    model = make_model(dataset, stream.sizes)
    learn(model, stream, get_strategy(name)(**SMALL.get(name, {}), **options))
    return flatten(trainable(model)).detach()


@pytest.fixture(scope="module")
def fine_tuned() -> torch.Tensor:
    return weights_after("fine-tune", {})


@pytest.mark.parametrize("name", sorted(NOTHING))
def test_with_zero_strength_is_fine_tuning(name: str, fine_tuned: torch.Tensor) -> None:
    assert torch.equal(weights_after(name, NOTHING[name]), fine_tuned)


@pytest.mark.parametrize("name", sorted(set(strategy_names()) - {"fine-tune", "fine-tune-no-decay"}))
def test_with_its_defaults_is_not(name: str, fine_tuned: torch.Tensor) -> None:
    params = weights_after(name, {})
    assert bool(params.isfinite().all()) and not torch.equal(params, fine_tuned)


def test_all_strategies_have_a_setting_that_does_nothing() -> None:
    assert set(NOTHING) | {"fine-tune-no-decay", "joint"} == set(strategy_names())


@pytest.mark.parametrize("name", strategy_names())
def test_learns_assays_of_graphs_in_batches(name: str) -> None:
    dataset = molecules()
    stream = TaskStream(dataset, 2, batch_size=10, split=(0.5, 0.25, 0.25))
    model = make_model(dataset, stream.sizes)
    learn(model, stream, get_strategy(name)(**SMALL.get(name, {})), steps=1)
    assert all(bool(parameter.isfinite().all()) for parameter in model.parameters())


@pytest.mark.parametrize("name", ["ewc", "gem", "er-gnn", "lwf", "twp"])
def test_learns_labels_of_the_nodes_of_many_graphs(name: str) -> None:
    dataset = labeled_graphs()
    stream = TaskStream(dataset, 2, batch_size=3)
    model = make_model(dataset, stream.sizes)
    learn(model, stream, get_strategy(name)(**SMALL.get(name, {})), steps=1)
    assert 0 <= stream[0].scores(model.eval())["test"] <= 1


@pytest.mark.parametrize("name", strategy_names())
def test_a_class_incremental_stream_has_one_output_layer(name: str) -> None:
    dataset = nodes()
    stream = TaskStream(dataset, 2, scenario="class", visible="so-far")
    model = make_model(dataset, None, "gcn")
    learn(model, stream, get_strategy(name)(**SMALL.get(name, {})), steps=1)
    assert stream.at(0, 2).all_outputs(model, stream.at(0, 2).data).size(1) == 6


@pytest.mark.parametrize("strategy", [GEM(4, margin=0.0), GEM(4), AGEM(4)], ids=["gem", "gem with margin", "a-gem"])
def test_a_projected_gradient_hurts_no_memory(strategy: GEM) -> None:
    dataset = nodes()
    stream = TaskStream(dataset, 2)
    model = make_model(dataset, stream.sizes, dropout=0.0)  # a dropped gradient would differ from the one looked at
    seen = []

    def watch() -> None:
        if not strategy._old:
            return
        parameters = trainable(model)
        grads = {n: torch.zeros_like(p) if p.grad is None else p.grad for n, p in parameters.items()}
        old = strategy.old_gradients(model, parameters).double()
        old = old.mean(dim=0, keepdim=True) if isinstance(strategy, AGEM) else old
        seen.append(float((old @ flatten(grads).double()).min()))

    learn(model, stream, strategy, steps=5, watch=watch)
    assert len(seen) == 10 and min(seen) >= -1e-6


@pytest.mark.parametrize("make", [EWC, MAS, TWP, UniformImportance, LwF])
def test_another_network_is_refused_with_all_that_differs(make: type) -> None:
    dataset = nodes()
    stream = TaskStream(dataset, 2)
    model, strategy = make_model(dataset, stream.sizes, "gcn"), make()
    strategy.before_task(model, stream[0])
    strategy.after_task(model, stream[0])
    state = strategy.state_dict()
    other = make_model(dataset, stream.sizes, "gcn", hidden_channels=4)
    with pytest.raises(ValueError, match="was saved with another network") as error:
        make().load_state_dict(state, other, list(stream))
    assert "network.body.convs.0.lin.weight (8, 32) in the state, (4, 32) in the model" in str(error.value)
    assert "heads.2.0.lin.weight (2, 8) in the state, (2, 4) in the model" in str(error.value)
    deeper = make_model(dataset, stream.sizes, "gcn", num_layers=3)
    with pytest.raises(ValueError, match=r"network.body.convs.1.bias absent in the state, \(8,\) in the model"):
        make().load_state_dict(state, deeper, list(stream))


def test_a_network_that_was_swapped_is_noticed_before_the_task() -> None:
    dataset = nodes()
    stream = TaskStream(dataset, 2)
    strategy = EWC()
    strategy.after_task(make_model(dataset, stream.sizes), stream[0])
    with pytest.raises(ValueError, match="another network"):
        strategy.before_task(make_model(dataset, stream.sizes, hidden_channels=4), stream[1])


def test_a_memory_larger_than_the_task_is_refused() -> None:
    dataset = nodes()
    stream = TaskStream(dataset, 2)
    with pytest.raises(ValueError, match=r"larger than a task \(got 15 for a task of 14 training items\); keep fewer"):
        GEM(15).before_task(make_model(dataset, stream.sizes), stream[0])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EWC(fisher="all"), "`fisher` must be 'sample' or 'batch'"),
        (lambda: TWP(norm="l1"), "`norm` must be one of squared, fro"),
        (lambda: TWP(measure="cube"), "`measure` must be 'abs' or 'square'"),
        (lambda: LwF(items="all"), "`items` must be 'visible' or 'train'"),
        (lambda: LwF(temperature=0), "`temperature` must be positive"),
        (lambda: GEM(0), "`memory` must be at least 1"),
        (lambda: GEM(selection="best"), "`selection` must be 'first', 'mean' or 'coverage'"),
    ],
)
def test_a_wrong_option_is_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]


def test_a_loop_of_ones_own_needs_no_stream() -> None:
    torch.manual_seed(0)
    model, x, y = torch.nn.Linear(3, 2), torch.randn(12, 3), torch.tensor([0, 1] * 6)
    for name in strategy_names():
        strategy = get_strategy(name)(**SMALL.get(name, {}), **({"lambda_t": 0.0} if name == "twp" else {}))
        for rows in (slice(0, 6), slice(6, 12)):
            task = Experience([(x[rows], y[rows])], lambda model, batch: model(batch[0]), lambda batch: batch[1])
            strategy.before_task(model, task)
            (task.mean_loss(model, (x[rows], y[rows])) + strategy.penalty(model)).backward()
            strategy.after_backward(model)
            strategy.after_task(model, task)
        at_rest = float(strategy.penalty(model).detach())
        with torch.no_grad():
            moved = copy.deepcopy(model)
            moved.weight += 1
            difference = float(strategy.penalty(moved)) - at_rest
        assert math.isfinite(difference), name
        if isinstance(strategy, QuadraticPenalty):  # which pulls back to the weights after the tasks
            assert difference > 0, name
        elif type(strategy).penalty is Strategy.penalty:
            assert difference == at_rest == 0, name
