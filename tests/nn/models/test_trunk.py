"""The trunk that all models with graph layers share: what each option adds, for every such model."""

from typing import Any

import pytest
import torch
from torch_geometric.data import Batch

from graphkit.errors import InputError
from graphkit.nn.models import trunk
from graphkit.nn.models.trunk import TrunkModel, is_one_hot
from graphkit.registry import get_model, model_names
from graphkit.testing import check_model, random_graphs
from tests.nn.models.test_registered import dataset

NAMES = [name for name in model_names() if issubclass(get_model(name), TrunkModel)]
#: Options that ``jk`` needs.
HEAD: dict[str, dict[str, Any]] = {"factorgcn": {"head": "linear"}}


def make(name: str, task: str = "node-classification", **options: Any) -> Any:
    torch.manual_seed(0)
    small: dict[str, Any] = {"hidden_channels": 16, "dropout": 0.0, **HEAD.get(name, {})}
    return get_model(name).from_data(dataset(task), **{**small, **options})


def parameters(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "options",
    [
        {"residual": True},
        {"input_projection": True, "residual": True},
        {"layer_norm": True, "batch_norm": False},
        {"batch_norm": True},
        {"jk": "cat"},
        {"jk": "max", "residual": True, "input_projection": True},
    ],
)
@pytest.mark.parametrize("task", ["node-classification", "graph-classification"])
def test_every_option_trains_and_graphs_stay_apart(name: str, options: dict[str, Any], task: str) -> None:
    model = make(name, task, **options)
    check_model(model, 6)
    batch = Batch.from_data_list(random_graphs(6))
    model.train()(**model.inputs(batch)).square().sum().backward()
    unused = [key for key, value in model.named_parameters() if value.grad is None]
    assert all(key.startswith(("discriminators", "convs.0.att_")) for key in unused), unused


@pytest.mark.parametrize("name", NAMES)
def test_attention_readout_is_a_weighted_mean(name: str) -> None:
    model = make(name, "graph-classification", readout="attention")
    check_model(model, 6)
    mean = make(name, "graph-classification", readout="mean")
    mean.load_state_dict(model.state_dict(), strict=False)
    for pool in model.pools:
        torch.nn.init.zeros_(pool.gate_nn.weight)  # equal weights of all nodes
    batch = Batch.from_data_list(random_graphs(6))
    torch.testing.assert_close(model.eval()(**model.inputs(batch)), mean.eval()(**mean.inputs(batch)))


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("gat", "gatv2")])  # in their layers
def test_residual_adds_a_map_of_the_input_of_hidden_layers(name: str) -> None:
    plain, model = make(name), make(name, residual=True)
    widths = {key: tuple(value.weight.shape) for key, value in model.residuals.items()}
    assert list(widths) == ["1"] and parameters(model) == parameters(plain) + widths["1"][0] * widths["1"][1]
    torch.nn.init.zeros_(model.residuals["1"].weight)
    model.load_state_dict(plain.state_dict(), strict=False)
    graph = random_graphs(6)[2]
    torch.testing.assert_close(model.eval()(**model.inputs(graph)), plain.eval()(**plain.inputs(graph)))
    assert list(make(name, residual=True, input_projection=True).residuals) == ["0", "1"]


@pytest.mark.parametrize("name", NAMES)
def test_input_dropout_concerns_the_features_alone(name: str) -> None:
    graph = random_graphs(6)[2]
    for options in ({}, {"input_projection": True}):
        model = make(name, dropout=0.0, input_dropout=0.9, **options).train()
        assert not torch.equal(model(**model.inputs(graph)), model(**model.inputs(graph)))
        model = make(name, num_layers=1, dropout=0.9, input_dropout=0.0) if name != "factorgcn" else None
        if model is not None and name not in ("gat", "gatv2", "spagan") and not options:  # dropout of attention
            assert torch.equal(model.train()(**model.inputs(graph)), model(**model.inputs(graph)))


@pytest.mark.parametrize("name", NAMES)
def test_one_hot_features_are_not_dropped_unless_asked(name: str) -> None:
    graphs = random_graphs(6)
    for graph in graphs:
        graph.x = torch.eye(6)[torch.arange(graph.num_nodes) % 6]
    data = dataset("node-classification", graphs=tuple(graphs[2:]))
    cls = get_model(name)
    assert cls.from_data(data).input_dropout == 0 and make(name).input_dropout is None
    assert cls.from_data(data, input_dropout=0.3).input_dropout == 0.3
    assert cls.from_data(data, input_dropout=None).input_dropout is None


@pytest.mark.filterwarnings("ignore:Sparse CSR")
def test_one_hot_rows() -> None:
    x = torch.eye(4)[torch.tensor([0, 2, 2])]
    forms = (x, x.to_sparse(), x.to_sparse_csr())
    assert all(map(is_one_hot, forms)) and not is_one_hot(x[:, 2:3])
    for other in (x * 2, x + torch.eye(4)[1], x * torch.tensor([[0.0], [1], [1]]), 0.5 * x + 0.5 * x.flip(0)):
        assert not any(map(is_one_hot, (other, other.to_sparse(), other.to_sparse_csr())))


@pytest.mark.filterwarnings("ignore:Sparse CSR")
def test_rows_behind_the_first_ones_are_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.eye(4)[torch.tensor([0, 2, 2])]
    x[2] = 0.5
    forms = (x, x.to_sparse(), x.to_sparse_csr())
    assert not any(map(is_one_hot, forms))
    monkeypatch.setattr(trunk, "_ROWS", 2)
    assert all(map(is_one_hot, forms))


def test_the_guide_of_spagan_includes_the_projection() -> None:
    model, graph = make("spagan", input_projection=True), random_graphs(6)[2]
    first = model.convs[0]
    expected = model.input_map(graph.x) @ first.weight + first.bias
    model.begin_sampled_phase(graph)
    torch.testing.assert_close(graph.x @ model.guide_weight + model.guide_bias, expected.detach())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_norm": True, "layer_norm": True}, "expected one of `batch_norm` and `layer_norm`, got both"),
        ({"jk": "lstm"}, "`jk` must be 'cat' or 'max' (got 'lstm')"),
        ({"input_dropout": 1.0}, "`input_dropout` must lie in [0, 1) (got 1.0)"),
        ({"residual": 1}, "`residual` must be true or false (got 1)"),
    ],
)
def test_messages(options: dict[str, Any], message: str) -> None:
    for name in NAMES:
        with pytest.raises(InputError) as error:
            make(name, **options)
        assert str(error.value).startswith(message)


def test_jumping_knowledge_of_factorgcn_needs_a_head() -> None:
    with pytest.raises(InputError, match="expected `head` to be 'linear' or 'mlp' with `jk`, got 'conv'"):
        make("factorgcn", head="conv", jk="cat")
