"""The worked example, from the attention to the gradient of a step with the capacity term."""

import torch
from torch import Tensor

from graphkit.continual import TWP, generic_score, importance, listen, topology_loss
from graphkit.continual.gradients import gradients, trainable
from tests.continual import golden
from tests.continual.golden import DOUBLE, LEARNT, MOVED, as_vector, make_layer, make_task


def close(value: Tensor, expected: object) -> bool:
    wanted = torch.tensor(expected, dtype=DOUBLE)
    return bool((value.detach() - wanted).abs().max() <= 1e-6 * max(1.0, float(wanted.abs().max())))


def twp(**options: object) -> TWP:
    given = {"gradients": "batch", "measure": "square", "norm": "fro", "scale": False, "nodes": "all", **options}
    return TWP(1e4, 100.0, **given)  # type: ignore[arg-type]


def test_attention_losses_and_their_gradients() -> None:
    layer, task = make_layer(LEARNT), make_task({0: 0, 2: 1})
    with listen(layer) as parts:
        loss = task.mean_loss(layer, golden.EDGES)
    assert close(parts[0].score.flatten(), golden.ATTENTION) and close(loss, golden.LOSS)
    norm, squared = topology_loss(parts, norm="fro"), topology_loss(parts)
    assert close(norm, golden.NORM) and close(squared, golden.SQUARED_NORM)
    for value, name in ((loss, "loss"), (norm, "fro"), (squared, "squared")):
        assert close(as_vector(gradients(value, trainable(layer), retain_graph=True)), golden.GRADIENT[name])


def test_importance_with_separate_gradients() -> None:
    layer, task = make_layer(LEARNT), make_task({0: 0, 2: 1})
    assert close(as_vector(twp().importance(layer, task)), golden.IMPORTANCE)
    plain = importance(layer, task, task.loss, per="batch")
    assert close(as_vector(plain).abs(), [abs(value) for value in golden.GRADIENT["loss"]])
    topology = TWP(0.0, 1.0, scale=False, nodes="all").importance(layer, task)
    assert close(as_vector(topology), [abs(value) for value in golden.GRADIENT["squared"]])


def test_penalty_and_gradients_of_a_step() -> None:
    layer, strategy = make_layer(LEARNT), twp()
    strategy.after_task(layer, make_task({0: 0, 2: 1}))
    moved, task = make_layer(MOVED), make_task({0: 1, 1: 0})
    strategy.before_task(moved, task)
    penalty, loss = strategy.penalty(moved), task.mean_loss(moved, golden.EDGES)
    assert close(penalty, golden.PENALTY) and close(loss, golden.NEW_LOSS)
    assert close(as_vector(gradients(loss + penalty, trainable(moved))), golden.STEP)


def test_capacity_term_is_differentiated() -> None:
    layer, strategy = make_layer(LEARNT), twp()
    strategy.after_task(layer, make_task({0: 0, 2: 1}))
    moved, task = make_layer(MOVED), make_task({0: 1, 1: 0})
    strategy.beta, strategy.capacity, strategy.measure = 0.01, "loss", "abs"
    strategy.before_task(moved, task)
    assert close(strategy.capacity_term(moved, task, golden.EDGES), golden.NEW_GRADIENT_L1)
    total = task.mean_loss(moved, golden.EDGES) + strategy.penalty(moved)
    assert close(as_vector(gradients(total, trainable(moved))), golden.STEP_WITH_CAPACITY)


def test_generic_score() -> None:
    h = golden.X @ torch.tensor([[1, 0.5], [-0.5, 1]], dtype=DOUBLE)
    assert close(generic_score(h, h, golden.EDGES), golden.GENERIC)
