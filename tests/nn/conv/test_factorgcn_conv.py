import math

import pytest
import torch
from torch_geometric import EdgeIndex
from torch_geometric.explain import Explainer, GNNExplainer

from graphkit.errors import InputError, InputTypeError
from graphkit.nn import FactorDiscriminator, FactorGCNConv
from graphkit.testing import check_layer, random_graph
from tests.nn import golden

#: Edge features [10, 3] for the edges of the worked example.
EDGE_ATTR = torch.tensor([[i % 3 - 1, (i * i) % 5 / 4, (-1) ** i / 2] for i in range(10)], dtype=torch.float64)
ATT_EDGE = torch.tensor([[0.2, -0.1], [0.0, 0.3], [-0.25, 0.05]], dtype=torch.float64)


def golden_layer(norm: str, gain: float = 6.0) -> FactorGCNConv:
    conv = FactorGCNConv(2, 4, factors=2, gain=gain, norm=norm).double()
    with torch.no_grad():
        conv.weight.copy_(torch.eye(2))
        conv.att_source.copy_(torch.tensor([[0.1, -0.2], [-0.2, 0.1]], dtype=torch.float64).t())
        conv.att_target.copy_(torch.tensor([[0.3, 0.1], [0.05, -0.1]], dtype=torch.float64).t())
        conv.att_target_bias.copy_(torch.tensor([0.05, -0.05], dtype=torch.float64))
    return conv


@pytest.mark.parametrize("norm", ["source", "both"])
def test_golden_numbers(norm: str) -> None:
    out, factors = golden_layer(norm)(golden.X, golden.EDGES, return_factors=True)
    torch.testing.assert_close(factors.t(), golden.FACTORS, atol=1e-9, rtol=0)
    torch.testing.assert_close(out, golden.OUT[norm], atol=1e-9, rtol=0)


def test_golden_readout_and_gain() -> None:
    out = torch.nn.functional.leaky_relu(golden_layer("source")(golden.X, golden.EDGES), 0.2)
    torch.testing.assert_close(torch.tanh(out.mean(dim=0)), golden.READOUT, atol=1e-9, rtol=0)
    _, factors = golden_layer("both", gain=1.0)(golden.X, golden.EDGES, return_factors=True)
    assert factors[0].tolist() == pytest.approx([0.562176500886, 0.413382421083], abs=1e-9)


def golden_edge_layer(norm: str) -> FactorGCNConv:
    conv = FactorGCNConv(2, 4, factors=2, norm=norm, edge_dim=3).double()
    missing = conv.load_state_dict(golden_layer(norm).state_dict(), strict=False).missing_keys
    assert missing == ["att_edge"]
    with torch.no_grad():
        conv.att_edge.copy_(ATT_EDGE)
    return conv


def loops(norm: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The definition with edge features, one number after another, on the worked example."""
    source, target, bias = ((0.1, -0.2), (-0.2, 0.1)), ((0.3, 0.1), (0.05, -0.1)), (0.05, -0.05)
    x, edges = golden.X.tolist(), golden.EDGES.t().tolist()
    degree = [sum(end == i for _, end in edges) for i in range(4)]
    factors = [[0.0, 0.0] for _ in edges]
    out = [[0.0] * 4 for _ in range(4)]
    for e, (j, i) in enumerate(edges):
        for m in range(2):
            score = bias[m]
            for d in range(2):
                score += source[m][d] * x[j][d] + target[m][d] * x[i][d]
            for k in range(3):
                score += float(EDGE_ATTR[e, k]) * float(ATT_EDGE[k, m])
            factors[e][m] = 1 / (1 + math.exp(-6 * score))
            scale = math.sqrt(degree[j] * degree[i]) if norm == "both" else math.sqrt(degree[j])
            for d in range(2):
                out[i][2 * m + d] += factors[e][m] / scale * x[j][d]
    return torch.tensor(out, dtype=torch.float64), torch.tensor(factors, dtype=torch.float64)


@pytest.mark.parametrize("norm", ["source", "both"])
def test_golden_numbers_with_edge_features(norm: str) -> None:
    expected, expected_factors = loops(norm)
    # The first edge by hand: 6 (.1 + .1 + .05) = 1.5, and 6 (-.2 - .125) = -1.95 for the edge.
    assert float(expected_factors[0, 0]) == pytest.approx(1 / (1 + math.exp(0.45)))
    out, factors = golden_edge_layer(norm)(golden.X, golden.EDGES, EDGE_ATTR, return_factors=True)
    torch.testing.assert_close(factors, expected_factors, atol=1e-12, rtol=0)
    torch.testing.assert_close(out, expected, atol=1e-12, rtol=0)


def test_zeros_as_edge_features_change_nothing() -> None:
    out, factors = golden_edge_layer("both")(golden.X, golden.EDGES, 0 * EDGE_ATTR, return_factors=True)
    torch.testing.assert_close(factors.t(), golden.FACTORS, atol=1e-9, rtol=0)
    torch.testing.assert_close(out, golden.OUT["both"], atol=1e-9, rtol=0)


def test_without_edge_features_weights_and_bits_stay() -> None:
    names = ["weight", "bias", "att_source", "att_target", "att_source_bias", "att_target_bias"]
    torch.manual_seed(0)
    conv = FactorGCNConv(3, 8)
    assert list(conv.state_dict()) == names
    torch.manual_seed(0)
    with_edges = FactorGCNConv(3, 8, edge_dim=2)
    assert list(with_edges.state_dict()) == [*names, "att_edge"]
    assert all(torch.equal(conv.state_dict()[name], with_edges.state_dict()[name]) for name in names)


def test_the_discriminator_follows_the_edge_features() -> None:
    conv, judge = golden_edge_layer("both"), FactorDiscriminator(2, 2).double()
    logits = judge(conv.project(golden.X, EDGE_ATTR), golden.EDGES)
    assert not torch.allclose(logits, judge(conv.project(golden.X, 0 * EDGE_ATTR), golden.EDGES))
    logits.sum().backward()
    assert conv.att_edge.grad.abs().min() > 0


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"norm": "source"},
        {"concat": False},
        {"factors": 1, "bias": False},
        {"edge_dim": 3},
        {"edge_dim": 1, "concat": False},
    ],
)
def test_it_is_a_well_behaved_layer(options: dict) -> None:
    check_layer(FactorGCNConv(5, 8, **options), in_channels=5)


def test_float32_agrees_with_the_golden_numbers() -> None:
    out = golden_layer("both").float()(golden.X.float(), golden.EDGES)
    torch.testing.assert_close(out.double(), golden.OUT["both"], atol=2e-6, rtol=0)


def test_an_isolated_node_gets_zeros() -> None:
    out = FactorGCNConv(3, 4, factors=2)(torch.randn(12, 3), random_graph(12))
    assert out[11].abs().sum() == 0 and out[:11].abs().sum() > 0


def test_sparse_features_give_the_same() -> None:
    x = torch.randn(12, 6).relu()
    conv = FactorGCNConv(6, 8)
    expected = conv(x, random_graph(12))
    torch.testing.assert_close(conv(x.to_sparse(), random_graph(12)), expected)


def test_compiles_without_graph_breaks_and_exports() -> None:
    conv, x, edge_index = FactorGCNConv(3, 4, factors=2), torch.randn(12, 3), random_graph(12)
    expected = conv(x, edge_index)
    torch.testing.assert_close(torch.compile(conv, fullgraph=True, backend="aot_eager")(x, edge_index), expected)
    program = torch.export.export(conv, (x, edge_index))
    torch.testing.assert_close(program.module()(x, edge_index), expected)


@pytest.mark.parametrize("edges", ["plain", "sorted"])
def test_with_edge_features_it_compiles_and_exports(edges: str) -> None:
    conv, x, edge_index = FactorGCNConv(3, 4, factors=2, edge_dim=2), torch.randn(12, 3), random_graph(12)
    edge_attr = torch.randn(edge_index.size(1), 2)
    expected = conv(x, edge_index, edge_attr)
    if edges == "sorted":
        edge_index, order = EdgeIndex(edge_index, sparse_size=(12, 12)).sort_by("col")
        torch.testing.assert_close(conv(x, edge_index, edge_attr[order]), expected)
        return
    compiled = torch.compile(conv, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x, edge_index, edge_attr), expected)
    parameters = list(conv.parameters())
    for grad, other in zip(
        torch.autograd.grad(compiled(x, edge_index, edge_attr).square().sum(), parameters),
        torch.autograd.grad(expected.square().sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(grad, other)
    rows = torch.export.Dim("edges", min=2)
    shapes = {"x": None, "edge_index": {1: rows}, "edge_attr": {0: rows}}
    program = torch.export.export(conv, (x, edge_index, edge_attr), dynamic_shapes=shapes)
    torch.testing.assert_close(program.module()(x, edge_index, edge_attr), expected)
    fewer = (x, edge_index[:, :7], edge_attr[:7])
    torch.testing.assert_close(program.module()(*fewer), conv(*fewer))


def test_single_numbers_per_edge_need_no_second_dimension() -> None:
    conv, x, edge_index = FactorGCNConv(3, 4, factors=2, edge_dim=1), torch.randn(12, 3), random_graph(12)
    number = torch.arange(edge_index.size(1))
    assert torch.equal(conv(x, edge_index, number), conv(x, edge_index, number[:, None].float()))


@pytest.mark.parametrize("edge_dim", [None, 2])
def test_a_pyg_explainer_works_on_it(edge_dim: int | None) -> None:
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = FactorGCNConv(3, 2, factors=1, edge_dim=edge_dim)

        def forward(self, x: torch.Tensor, edge_index: torch.Tensor, **edges: torch.Tensor) -> torch.Tensor:
            return self.conv(x, edge_index, **edges)

    explainer = Explainer(
        Net(),
        GNNExplainer(epochs=3),
        explanation_type="model",
        edge_mask_type="object",
        model_config={"mode": "multiclass_classification", "task_level": "node", "return_type": "raw"},
    )
    edges = {} if edge_dim is None else {"edge_attr": torch.randn(40, edge_dim)}
    mask = explainer(torch.randn(12, 3), random_graph(12), index=0, **edges).edge_mask
    assert mask.shape == (40,) and mask.max() > 0


def test_the_coefficients_follow_the_order_of_the_edges() -> None:
    conv, x, edge_index = FactorGCNConv(3, 4, factors=2), torch.randn(12, 3), random_graph(12)
    _, factors = conv(x, edge_index, return_factors=True)
    order = torch.randperm(edge_index.size(1))
    _, shuffled = conv(x, edge_index[:, order], return_factors=True)
    torch.testing.assert_close(shuffled, factors[order])
    ordered, perm = EdgeIndex(edge_index, sparse_size=(12, 12)).sort_by("col")
    _, by_column = conv(x, ordered, return_factors=True)
    torch.testing.assert_close(by_column, factors[perm])


def test_it_says_what_it_is() -> None:
    assert repr(FactorGCNConv(16, 32, factors=4)) == "FactorGCNConv(16, 32, factors=4)"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factors": 3}, "must be divisible by `factors` \\(got 8 and 3\\)"),
        ({"edge_dim": 0}, "`edge_dim` must be at least 1 \\(got 0\\)"),
        ({"factors": 0}, "`factors` must be at least 1 \\(got 0\\)"),
        ({"norm": "left"}, "`norm` must be 'both' or 'source' \\(got 'left'\\)"),
    ],
)
def test_bad_arguments_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FactorGCNConv(4, 8, **options)


def test_weights_in_the_third_place_are_refused() -> None:
    conv, x, edges = FactorGCNConv(4, 8, factors=2), torch.randn(5, 4), random_graph(5, 9)
    for edge_index, third in ((edges, torch.ones(9)), (edges[:, :1], torch.ones(1)), (edges, True)):
        with pytest.raises(InputTypeError, match="expected no `edge_attr`.*set `edge_dim`"):
            conv(x, edge_index, third)
    with pytest.raises(InputTypeError, match="expected no `edge_weight`"):
        conv(x, edges, edge_weight=torch.ones(9))


@pytest.mark.parametrize(
    ("edge_attr", "message"),
    [
        (None, r"expected `edge_attr` \[E, 3\], got none; pass it"),
        (True, r"expected `edge_attr` \[E, 3\], got bool"),
        (torch.ones(9, 2), r"expected `edge_attr` \[E, 3\], got the shape \[9, 2\]; set `edge_dim`"),
        (torch.ones(9), r"got the shape \[9\]"),
        (torch.ones(9, 3, 1), r"got the shape \[9, 3, 1\]"),
        (torch.ones(8, 3), "expected `edge_attr` to have one row for each of the 9 edges, got 8; give it in the order"),
    ],
)
def test_wrong_edge_features_are_refused(edge_attr: torch.Tensor | None, message: str) -> None:
    conv, x, edges = FactorGCNConv(4, 8, factors=2, edge_dim=3), torch.randn(5, 4), random_graph(5, 9)
    with pytest.raises(InputError, match=message) as error:
        conv(x, edges, edge_attr)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("x", [torch.ones(5, 3), torch.ones(5), (torch.ones(5, 4), torch.ones(5, 4))])
def test_wrong_node_features_are_refused(x: torch.Tensor | tuple) -> None:
    with pytest.raises(InputError, match=r"expected `x` to be one tensor \[N, 4\]"):
        FactorGCNConv(4, 8)(x, random_graph(5, 9))
