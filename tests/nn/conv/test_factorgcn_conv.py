import pytest
import torch
from torch_geometric import EdgeIndex
from torch_geometric.explain import Explainer, GNNExplainer

from graphkit.errors import InputTypeError
from graphkit.nn import FactorGCNConv
from graphkit.testing import check_layer, random_graph
from tests.nn import golden


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


@pytest.mark.parametrize("options", [{}, {"norm": "source"}, {"concat": False}, {"factors": 1, "bias": False}])
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


def test_a_pyg_explainer_works_on_it() -> None:
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = FactorGCNConv(3, 2, factors=1)

        def forward(self, x: torch.Tensor, edge_index: torch.Tensor) -> torch.Tensor:
            return self.conv(x, edge_index)

    explainer = Explainer(
        Net(),
        GNNExplainer(epochs=3),
        explanation_type="model",
        edge_mask_type="object",
        model_config={"mode": "multiclass_classification", "task_level": "node", "return_type": "raw"},
    )
    mask = explainer(torch.randn(12, 3), random_graph(12), index=0).edge_mask
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
        with pytest.raises(InputTypeError, match="expected no `edge_weight`"):
            conv(x, edge_index, third)
