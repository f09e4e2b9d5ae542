from copy import copy

import pytest
import torch
from torch_geometric.data import Data

from graphkit.continual import TaskStream, listen, share_trunk_outputs
from graphkit.continual.trunk_outputs import call_model
from graphkit.registry import get_model
from tests.continual.tasks import make_model, nodes

DATASET = nodes()
STREAM = TaskStream(DATASET, 2)


def count_calls(layer: torch.nn.Module) -> list[int]:
    """Counts the calls of a layer from now on."""
    calls: list[int] = []
    layer.register_forward_hook(lambda *_: calls.append(1))
    return calls


@pytest.mark.parametrize("name", ["gcn", "gat", "spagan", "mlp"])
def test_heads_of_all_tasks_share_one_pass(name: str) -> None:
    options = {"out_act": "none"} if name == "spagan" else {}
    model = make_model(DATASET, STREAM.sizes, name, **options).eval()
    alone = [task.all_outputs(model, task.data) for task in STREAM]
    first = next(module for key, module in model.network.named_modules() if key.endswith(("convs.0", "lins.0")))
    calls = count_calls(first)
    with share_trunk_outputs():
        together = [task.all_outputs(model, task.data) for task in STREAM]
    assert len(calls) == 1 and all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))
    torch.stack([out.square().sum() for out in together]).sum().backward()
    shared = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    torch.stack([out.square().sum() for out in alone]).sum().backward()
    for grad, parameter in zip(shared, model.parameters(), strict=True):
        torch.testing.assert_close(grad, parameter.grad, rtol=1e-4, atol=1e-4)


def test_a_shared_output_layer_runs_once() -> None:
    model = make_model(DATASET)
    calls = count_calls(model)
    with share_trunk_outputs():
        outs = [call_model(model, task.data, task.index) for task in STREAM]
        assert len(calls) == 1 and all(out is outs[0] for out in outs)
        model.eval()
        assert call_model(model, STREAM[0].data, 0) is not outs[0]
        with torch.no_grad():
            assert not call_model(model, STREAM[0].data, 0).requires_grad
    assert call_model(model, STREAM[0].data, 0) is not outs[0] and len(calls) == 4


def test_what_follows_the_output_layer_is_not_left_out() -> None:
    model = make_model(DATASET, STREAM.sizes, "spagan", out_act="elu").eval()
    alone = [task.all_outputs(model, task.data) for task in STREAM]
    with share_trunk_outputs():
        together = [task.all_outputs(model, task.data) for task in STREAM]
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def test_other_graphs_and_listeners_run_the_network_anew() -> None:
    model = make_model(DATASET, STREAM.sizes).eval()
    growing = TaskStream(DATASET, 2, visible="so-far")
    with share_trunk_outputs():
        sizes = [task.all_outputs(model, task.data).size(0) for task in growing]
        assert sizes == [24, 48, 72]
        with listen(model) as parts:
            STREAM[0].all_outputs(model, STREAM[0].data)
            STREAM[1].all_outputs(model, STREAM[1].data)
        assert len(parts) == 4


@pytest.mark.parametrize("name", ["edge_weight", "edge_index", "x", "time"])
def test_a_graph_that_differs_in_any_attribute_is_another_one(name: str) -> None:
    data = Data(x=torch.randn(6, 4), edge_index=torch.randint(6, (2, 6)), edge_weight=torch.ones(6), time=0)
    other = copy(data)
    other[name] = 1 if name == "time" else data[name].clone()
    masked = copy(data)
    masked.train_mask = torch.ones(6, dtype=torch.bool)
    model = get_model("gcn")(4, 3).eval()
    with share_trunk_outputs():
        out = call_model(model, data, 0)
        assert call_model(model, masked, 0) is out
        assert call_model(model, other, 0) is not out


def test_a_change_in_place_ends_the_sharing() -> None:
    data = Data(x=torch.randn(6, 4), edge_index=torch.randint(6, (2, 9)), edge_weight=torch.ones(9))
    model = get_model("gcn")(4, 3, dropout=0.0)

    def mode() -> None:
        model.body.convs[0].eval()

    def weights() -> None:
        with torch.no_grad():
            next(model.parameters()).mul_(2)

    changes = [lambda: data.x.mul_(2), lambda: data.edge_index[0].fill_(1), lambda: data.edge_weight[0].fill_(9), mode]
    with share_trunk_outputs():
        for change in [*changes, weights]:
            out = call_model(model, data, 0)
            assert call_model(model, data, 0) is out
            change()
            assert call_model(model, data, 0) is not out
            torch.testing.assert_close(call_model(model, data, 0), model(**model.inputs(data)))
        out = call_model(model, data, 0)
        with torch.autocast("cpu", torch.bfloat16):
            assert call_model(model, data, 0) is not out
