from copy import deepcopy

import pytest
import torch
from torch_geometric.nn import GCNConv

from graphkit.continual import TaskHeads
from graphkit.registry import get_model
from tests.continual.tasks import make_model, nodes

DATASET = nodes()
DATA = DATASET.graphs[0]


@pytest.mark.parametrize("name", ["gcn", "gat", "gatv2", "gin", "gine", "mlp", "sage", "factorgcn", "spagan"])
def test_any_model_gets_heads(name: str) -> None:
    model = TaskHeads(lambda n: get_model(name).from_data(DATASET.replace(num_outputs=n)), [2, 3, 2]).eval()
    outs = [model(**model.inputs(DATA), task=task) for task in range(3)]
    assert [out.size(1) for out in outs] == [2, 3, 2]
    outs[1].sum().backward()
    trained = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert any(name.startswith("heads.1.") for name in trained) and any(name.startswith("network.") for name in trained)
    assert not any(name.startswith(("heads.0.", "heads.2.")) for name in trained)


def test_the_rest_is_shared_and_every_parameter_has_one_name() -> None:
    model = make_model(DATASET, [2, 3], "gcn")
    assert model.places == ["body.convs.1"]
    names = [name for name, _ in model.named_parameters()]
    assert names == ["heads.0.0.bias", "heads.0.0.lin.weight", "heads.1.0.bias", "heads.1.0.lin.weight"] + [
        "network.body.convs.0.bias",
        "network.body.convs.0.lin.weight",
    ]
    model(**model.inputs(DATA), task=1)
    assert [name for name, _ in model.named_parameters()] == names
    with torch.no_grad():
        model.network.body.convs[0].lin.weight.zero_()
        model.eval()
        outs = [model(**model.inputs(DATA), task=task) for task in (0, 1)]
    assert all(bool((out == out[0]).all()) for out in outs)


def test_state_copies_and_modes() -> None:
    model = make_model(DATASET, [2, 2])
    other = deepcopy(model).eval()
    torch.nn.init.ones_(model.heads[1][0].lin.weight)
    other.load_state_dict(model.state_dict())
    model.eval()
    assert torch.equal(model(**model.inputs(DATA), task=1), other(**other.inputs(DATA), task=1))
    model.train()
    assert model.heads[1][0].training and model.network.training and not other.heads[1][0].training


def test_a_first_batch_reaches_the_network() -> None:
    model = make_model(DATASET, [2, 2], "factorgcn", factors=[4, 1], input_norm=True)
    model.init_from_data(DATA)
    assert model.has_penalty and not model.uses_edge_weight
    torch.testing.assert_close(model.network.input_norm.running_mean, DATA.x.mean(dim=0))


def test_bad_input() -> None:
    model = make_model(DATASET, [2, 2])
    with pytest.raises(ValueError, match=r"`task` must be below 2, the number of tasks \(got 2\)"):
        model(**model.inputs(DATA), task=2)
    with pytest.raises(ValueError, match=r"number of outputs of every task \(got none\)"):
        TaskHeads(lambda n: torch.nn.Linear(2, n), [])
    with pytest.raises(ValueError, match="got no change in GCNConv"):
        TaskHeads(lambda n: GCNConv(2, 3), [2, 2])
    with pytest.raises(ValueError, match="got bias, weight in Linear|got weight, bias in Linear"):
        TaskHeads(lambda n: torch.nn.Linear(2, n), [2, 2])
