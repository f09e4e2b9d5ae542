from unittest.mock import patch

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from torch_geometric import EdgeIndex
from torch_geometric.explain import Explainer, GNNExplainer
from torch_geometric.nn import GATConv
from torch_geometric.utils import remove_self_loops

from graphkit.nn import SPAGANConv
from graphkit.ops import shortest_paths
from graphkit.testing import check_layer, random_graph
from tests.nn import golden_paths as golden

VARIANTS = list(golden.OUT)
Pairs = tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]


def golden_layer(by_hops: Pairs, pool: str = "max", bias: tuple[float, float] = (0, 0)) -> SPAGANConv:
    conv = SPAGANConv(2, 2, max_hops=len(by_hops), pool=pool).double()
    with torch.no_grad():
        conv.weight.copy_(torch.eye(2))
        conv.bias.copy_(golden.double(bias))
        for hop, (path, target) in enumerate(by_hops):
            conv.att_path[hop].copy_(golden.double(path))
            conv.att_target[hop].copy_(golden.double(target))
        if len(by_hops) > 1:
            conv.att_length.copy_(golden.double(golden.LENGTH[0]))
            conv.att_length_target.copy_(golden.double(golden.LENGTH[1]))
    return conv


def paths_of(edge_index: Tensor, max_hops: int = 2, **options: object) -> list[Tensor]:
    return shortest_paths(edge_index, None, max_hops, num_nodes=12, self_paths=True, **options)[0]


def test_one_hop_of_the_worked_example() -> None:
    out = golden_layer((golden.NEIGHBOUR,), bias=(0.1, -0.1))(golden.X, [golden.EDGES])
    torch.testing.assert_close(F.elu(out), golden.GAT, atol=1e-9, rtol=0)


@pytest.mark.parametrize(("pool", "ratio"), VARIANTS)
def test_two_levels_of_the_worked_example(pool: str, ratio: float) -> None:
    paths = [golden.ONE_HOP, golden.TWO_HOPS[ratio]]
    out, attention = golden_layer(golden.BY_HOPS, pool)(golden.X, paths, return_attention=True)
    torch.testing.assert_close(F.elu(out), golden.OUT[pool, ratio], atol=1e-9, rtol=0)
    assert attention.beta[:, 0, 0].tolist() == pytest.approx(golden.BETA[pool, ratio], abs=1e-9)
    alpha, expected = attention.alpha, golden.ALPHA_TWO_HOPS[pool, ratio]
    assert alpha[0][:5, 0].tolist() == pytest.approx(golden.ALPHA_ONE_HOP, abs=1e-9)
    assert alpha[1][: len(expected), 0].tolist() == pytest.approx(expected, abs=1e-9)
    share = attention.weights()
    assert float(share[0][0].detach()) == pytest.approx(golden.ALPHA_ONE_HOP[0] * golden.BETA[pool, ratio][0])
    total = sum(torch.zeros(5, 1).double().index_add(0, p[-1], w) for p, w in zip(paths, share, strict=True))
    torch.testing.assert_close(total, torch.ones(5, 1).double())


def test_finds_the_paths_of_the_worked_example_itself() -> None:
    conv = golden_layer(golden.BY_HOPS)
    out = conv(golden.X, golden.EDGES, golden.COST)
    torch.testing.assert_close(F.elu(out), golden.OUT["max", 1.0], atol=1e-9, rtol=0)
    order = torch.randperm(15)
    torch.testing.assert_close(conv(golden.X, golden.EDGES[:, order], golden.COST[order]), out)
    torch.testing.assert_close(conv(golden.X, remove_self_loops(golden.EDGES)[0]), conv(golden.X, golden.EDGES))


def test_output_layer_of_the_worked_example() -> None:
    out = golden_layer(golden.BY_HOPS[:1])(golden.X, [golden.EDGES])
    torch.testing.assert_close(F.elu(out).log_softmax(dim=-1), golden.LOG_SHARES, atol=1e-9, rtol=0)


def test_float32_agrees_with_the_worked_example() -> None:
    paths = [golden.ONE_HOP, golden.TWO_HOPS[1.0]]
    out = golden_layer(golden.BY_HOPS).float()(golden.X.float(), paths)
    torch.testing.assert_close(F.elu(out).double(), golden.OUT["max", 1.0], atol=2e-6, rtol=0)


def test_bfloat16_is_close() -> None:
    paths = [golden.ONE_HOP, golden.TWO_HOPS[1.0]]
    out = golden_layer(golden.BY_HOPS).bfloat16()(golden.X.bfloat16(), paths)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(F.elu(out).double(), golden.OUT["max", 1.0], atol=2e-2, rtol=0)
    with torch.autocast("cpu", torch.bfloat16):
        out = golden_layer(golden.BY_HOPS).float()(golden.X.float(), paths)
    torch.testing.assert_close(F.elu(out).double(), golden.OUT["max", 1.0], atol=2e-2, rtol=0)


@pytest.mark.parametrize("concat", [True, False])
def test_one_hop_is_the_attention_of_a_gat_layer(concat: bool) -> None:
    gat = GATConv(5, 4, heads=3, concat=concat).double()
    conv = SPAGANConv(5, 4, heads=3, max_hops=1, concat=concat, bias=False).double()
    with torch.no_grad():
        conv.weight.copy_(gat.lin.weight.t())
        conv.att_path[0].copy_(gat.att_src[0])
        conv.att_target[0].copy_(gat.att_dst[0])
    x, edge_index = torch.randn(12, 5, dtype=torch.float64), random_graph(12)
    torch.testing.assert_close(conv(x, edge_index), gat(x, edge_index))


@pytest.mark.parametrize(
    "options",
    [{"max_hops": 1}, {"max_hops": 1, "heads": 4, "concat": False}, {"max_hops": 1, "bias": False, "pool": "mean"}],
)
def test_one_hop_is_a_well_behaved_layer(options: dict) -> None:
    check_layer(SPAGANConv(5, 8, **options), in_channels=5)


@pytest.mark.parametrize(
    "options",
    [{}, {"heads": 3}, {"max_hops": 4, "heads": 2, "concat": False}, {"pool": "mean", "ratio": None, "bias": False}],
)
def test_it_is_a_well_behaved_layer(options: dict) -> None:
    check_layer(SPAGANConv(5, 8, **options), in_channels=5, weighted=True)


def test_given_paths_are_those_that_it_finds() -> None:
    x, edge_index, weight = torch.randn(12, 3), random_graph(12), torch.rand(40)
    conv = SPAGANConv(3, 4, heads=2, max_hops=3, ratio=0.5)
    paths = shortest_paths(edge_index, weight, 3, num_nodes=12, ratio=0.5, self_paths=True)[0]
    expected, attention = conv(x, edge_index, weight, return_attention=True)
    torch.testing.assert_close(conv(x, paths), expected)
    assert all(torch.equal(a, b) for a, b in zip(attention.path_index, paths, strict=True))
    assert [tuple(alpha.shape) for alpha in attention.alpha] == [(p.size(1), 2) for p in paths]
    assert attention.beta.shape == (12, 2, 3)
    shuffled = [p[:, torch.randperm(p.size(1))] for p in reversed(paths)]  # neither order matters
    torch.testing.assert_close(conv(x, shuffled), expected)


def test_a_length_may_be_left_out() -> None:
    x, edge_index = torch.randn(12, 3), random_graph(12)
    conv, paths = SPAGANConv(3, 4, max_hops=2), paths_of(random_graph(12))
    single, attention = conv(x, paths[1:], return_attention=True)
    torch.testing.assert_close(single, attention.alpha[0].new_zeros(12, 4).index_add(
        0, paths[1][-1], attention.alpha[0] * torch.maximum(*conv.project(x)[paths[1][:2], 0])
    ))  # fmt: skip
    assert torch.equal(attention.beta, torch.ones(12, 1, 1))
    assert not torch.allclose(single, conv(x, edge_index))


def test_a_length_that_a_node_has_no_path_of_takes_no_part() -> None:
    conv, x = SPAGANConv(3, 4), torch.randn(4, 3)
    paths = [torch.tensor([[1, 0], [0, 1]]), torch.tensor([[2], [1], [0]])]
    out, attention = conv(x, paths, return_attention=True)
    h = conv.project(x)[:, 0]
    assert attention.beta[1, 0].tolist() == [1, 0]
    torch.testing.assert_close(out[1], h[0])
    torch.testing.assert_close(out[0], attention.beta[0, 0] @ torch.stack([h[1], torch.maximum(h[1], h[2])]))
    assert out[2:].abs().sum() == 0  # no path at all
    out.sum().backward()
    assert all(bool(p.grad.isfinite().all()) for p in conv.parameters())


def test_an_isolated_node_looks_at_itself() -> None:
    conv, x = SPAGANConv(3, 4, heads=2), torch.randn(12, 3)
    torch.testing.assert_close(conv(x, random_graph(12))[11], conv.project(x)[11].flatten())
    torch.testing.assert_close(conv(x, torch.empty(2, 0, dtype=torch.long)), conv.project(x).flatten(1))
    torch.testing.assert_close(conv(x[:1], torch.empty(2, 0, dtype=torch.long)), conv.project(x[:1]).flatten(1))
    torch.testing.assert_close(conv(x[:1], torch.tensor([[0], [0]])), conv.project(x[:1]).flatten(1))


def test_graphs_of_a_batch_stay_apart() -> None:
    conv, x = SPAGANConv(3, 4, heads=2, max_hops=3), torch.randn(24, 3)
    first, second = random_graph(12, 40, 1), random_graph(12, 30, 2)
    together = conv(x, torch.cat([first, second + 12], dim=1))
    torch.testing.assert_close(together, torch.cat([conv(x[:12], first), conv(x[12:], second)]))


def test_directions_are_kept() -> None:
    conv, x = SPAGANConv(3, 4), torch.randn(3, 3)
    _, attention = conv(x, torch.tensor([[0, 1], [1, 2]]), return_attention=True)
    assert [p.t().tolist() for p in attention.path_index] == [
        [[0, 0], [0, 1], [1, 1], [1, 2], [2, 2]],
        [[0, 0, 0], [1, 1, 1], [0, 1, 2], [2, 2, 2]],
    ]


@pytest.mark.filterwarnings("ignore:Sparse CSR")
def test_sparse_features_stay_sparse_and_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randn(12, 6).relu()
    conv = SPAGANConv(6, 8, heads=2)
    expected = conv(x, random_graph(12))
    monkeypatch.setattr(Tensor, "to_dense", lambda self: pytest.fail("densified"))
    for sparse in (x.to_sparse(), x.to_sparse_csr()):
        conv.zero_grad()
        out = conv(sparse, random_graph(12))
        torch.testing.assert_close(out, expected)
        out.sum().backward()
        assert conv.weight.grad is not None and conv.weight.grad.abs().sum() > 0
        with torch.autocast("cpu", torch.bfloat16):
            torch.testing.assert_close(conv(sparse, random_graph(12)).float(), expected, atol=0.05, rtol=0.02)


def test_paths_are_kept_only_if_asked_for() -> None:
    x, first, second = torch.randn(12, 3), random_graph(12), random_graph(12, 40, seed=5)
    conv = SPAGANConv(3, 4)
    assert not torch.allclose(conv(x, first), conv(x, second))
    cached = SPAGANConv(3, 4, cached=True)
    cached(x, first)
    with patch("graphkit.nn.conv.spagan_conv.weighted_paths", side_effect=AssertionError):
        cached(x, first.clone())  # the same edges, at another address
    assert "cache" not in str(cached.state_dict().keys())
    cached.reset_parameters()
    torch.testing.assert_close(cached(x, second), SPAGANConv.forward(cached, x, paths_of(second, ratio=1.0)))


def test_kept_paths_serve_the_same_graph_only() -> None:
    cached, x, edges = SPAGANConv(3, 4, cached=True), torch.randn(12, 3), random_graph(12)
    fresh = SPAGANConv(3, 4)
    fresh.load_state_dict(cached.state_dict())
    weight = torch.rand(edges.size(1))
    calls = [(x, edges, None), (x, edges, weight), (torch.randn(15, 3), edges, None), (x, random_graph(12, 20), None)]
    for call in [*calls, *calls]:
        torch.testing.assert_close(cached(*call), fresh(*call))
    for change in (lambda: edges[0].fill_(3), lambda: edges.data.copy_(random_graph(12, 40, seed=9))):  # in place
        change()
        torch.testing.assert_close(cached(x, edges), fresh(x, edges))


def test_dropout_of_the_attention_follows_the_training_mode() -> None:
    conv, x = SPAGANConv(3, 4, dropout=0.5), torch.randn(12, 3)
    assert not torch.equal(conv.train()(x, random_graph(12)), conv(x, random_graph(12)))
    _, attention = conv(x, random_graph(12), return_attention=True)
    total = torch.zeros(12, 1).index_add(0, attention.path_index[0][-1], attention.alpha[0])
    torch.testing.assert_close(total, torch.ones(12, 1))  # what is returned is the attention before dropout
    assert torch.equal(conv.eval()(x, random_graph(12)), conv(x, random_graph(12)))
    torch.manual_seed(0)
    fused = conv.train()(x, random_graph(12))
    handle = conv.register_message_forward_hook(lambda module, inputs, output: None)
    torch.manual_seed(0)
    torch.testing.assert_close(conv(x, random_graph(12)), fused)
    handle.remove()


def test_compiles_without_graph_breaks_and_exports_with_given_paths() -> None:
    conv, x, paths = SPAGANConv(3, 4, heads=2), torch.randn(12, 3), paths_of(random_graph(12))
    expected = conv(x, paths)
    torch.testing.assert_close(torch.compile(conv, fullgraph=True, backend="aot_eager")(x, paths), expected)
    program = torch.export.export(conv, (x, paths))
    torch.testing.assert_close(program.module()(x, paths), expected)


def test_compiles_around_the_search_for_paths() -> None:
    conv, x, edge_index = SPAGANConv(3, 4, heads=2), torch.randn(12, 3), random_graph(12)
    compiled = torch.compile(conv, backend="aot_eager")
    torch.testing.assert_close(compiled(x, edge_index), conv(x, edge_index))


class Net(torch.nn.Module):
    def __init__(self, max_hops: int) -> None:
        super().__init__()
        self.conv = SPAGANConv(3, 2, max_hops=max_hops)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.conv(x, edge_index)


def test_a_pyg_explainer_works_on_it() -> None:
    explainer = Explainer(
        Net(2),
        GNNExplainer(epochs=3),
        explanation_type="model",
        edge_mask_type="object",
        model_config={"mode": "multiclass_classification", "task_level": "node", "return_type": "raw"},
    )
    # 0 -> 1 -> 2 <- 3, and 4 -> 0, from where no path of two hops ends at 2
    edge_index = torch.tensor([[0, 1, 3, 4], [1, 2, 2, 0]])
    mask = explainer(torch.randn(5, 3), edge_index, index=2).edge_mask
    assert mask.shape == (4,) and mask[3] == 0 and (mask[:3] > 0).all()


def test_a_masked_edge_takes_its_paths_with_it() -> None:
    conv, x, edge_index = SPAGANConv(3, 4), torch.randn(3, 3), torch.tensor([[0, 1], [1, 2]])
    paths = conv.find_paths(edge_index, 3)
    attention = conv(x, edge_index, return_attention=True)[1]
    conv.explain, conv._edge_mask, conv._apply_sigmoid = True, torch.tensor([0.5, 0.25]), False
    seen: list[Tensor] = []
    handle = conv.register_message_forward_hook(lambda module, inputs, output: seen.append(output))
    for arguments in ({"edge_index": edge_index}, {"edge_index": paths, "edges": edge_index}):
        seen.clear()
        conv(x, **arguments)
        index = [path.tolist() for path in paths[1].t()].index([0, 1, 2])
        phi = torch.maximum(conv.project(x)[0], conv.project(x)[1])
        torch.testing.assert_close(seen[1][index], 0.125 * attention.alpha[1][index, :, None] * phi)
        itself = [path.tolist() for path in paths[1].t()].index([2, 2, 2])
        torch.testing.assert_close(seen[1][itself], attention.alpha[1][itself, :, None] * conv.project(x)[2])
    handle.remove()
    with pytest.raises(ValueError, match="expected the masked edges to be those of the paths"):
        conv(x, paths)


def test_the_attention_follows_the_order_of_the_paths() -> None:
    conv, x, paths = SPAGANConv(3, 4, heads=2), torch.randn(12, 3), paths_of(random_graph(12))
    _, attention = conv(x, paths, return_attention=True)
    order = torch.randperm(paths[1].size(1))
    _, shuffled = conv(x, [paths[0], paths[1][:, order]], return_attention=True)
    torch.testing.assert_close(shuffled.alpha[1], attention.alpha[1][order])


def test_a_sorted_edge_index_can_be_given_as_paths() -> None:
    conv, x, edge_index = SPAGANConv(3, 4, max_hops=1), torch.randn(12, 3), random_graph(12)
    ordered = EdgeIndex(edge_index, sparse_size=(12, 12)).sort_by("col").values
    torch.testing.assert_close(conv(x, [ordered]), conv(x, [edge_index]))


def test_weights_of_the_released_kind_are_those_of_each_head() -> None:
    torch.manual_seed(0)
    conv = SPAGANConv(400, 100, heads=8, max_hops=2, init="xavier-normal")
    assert abs(conv.weight.std() / (1.414 * (2 / 500) ** 0.5) - 1) < 0.02
    for vectors in (*conv.att_path, *conv.att_target, conv.att_length):
        assert abs(vectors.std() / (1.414 * (2 / 201) ** 0.5) - 1) < 0.1
    assert not conv.bias.any()


def test_it_says_what_it_is() -> None:
    assert repr(SPAGANConv(16, 32, heads=4)) == "SPAGANConv(16, 32, heads=4, max_hops=2)"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_hops": 0}, "`max_hops` must be at least 1 \\(got 0\\)"),
        ({"heads": 0}, "`heads` must be at least 1 \\(got 0\\)"),
        ({"ratio": 0.0}, "`ratio` must be greater than 0 and finite, or None for all paths \\(got 0.0\\)"),
        ({"pool": "sum"}, "`pool` must be 'max' or 'mean' \\(got 'sum'\\)"),
        ({"init": "zeros"}, "`init` must be 'glorot' or 'xavier-normal' \\(got 'zeros'\\)"),
        ({"dropout": 1.0}, "`dropout` must lie in \\[0, 1\\) \\(got 1.0\\)"),
    ],
)
def test_bad_arguments_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SPAGANConv(4, 8, **options)


EDGES = torch.tensor([[0, 1], [1, 2]])


@pytest.mark.parametrize(
    ("paths", "weight", "message"),
    [
        (EDGES, torch.tensor([1.0, -1.0]), "`edge_weight` must be finite and not negative \\(got -1.0 for edge 1\\)"),
        (EDGES, torch.tensor([float("nan"), 1.0]), "`edge_weight` must be finite .* \\(got nan for edge 0\\)"),
        (EDGES, torch.ones(3), "`edge_weight` must be a float tensor \\[E\\] with E = 2"),
        (EDGES + 7, None, "must hold node ids from 0 to 2 \\(got ids from 7 to 9\\)"),
        ([EDGES], torch.ones(2), "`edge_weight` is for an `edge_index`"),
        ([EDGES + 7], None, "`path_index` must hold node ids from 0 to 2"),
        ([], None, "must be a tensor \\[2, E\\] or a list of path tensors \\(got \\[\\]\\)"),
        ([[[0, 1, 2], [1, 2]]], None, "an integer tensor \\[h \\+ 1, P\\], whose paths have equal length"),
        ([torch.tensor([0, 1])], None, "an integer tensor \\[h \\+ 1, P\\], .* \\(got \\[2\\]\\)"),
        ([EDGES.float()], None, "`path_index` must be an integer tensor"),
        ([EDGES, EDGES], None, "its own number of rows, from 2 to 3 .* \\(got \\[2, 2\\]\\)"),
        ([EDGES[:1]], None, "its own number of rows, from 2 to 3 .* \\(got \\[1\\]\\)"),
        ([torch.tensor([[0], [1], [2], [0]])], None, "from 1 to 2 hops \\(got \\[4\\]\\); change `max_hops`"),
    ],
)
def test_bad_paths_and_weights_are_one_clear_error(paths: object, weight: Tensor | None, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        SPAGANConv(3, 4)(torch.randn(3, 3), paths, weight)
    assert "\n" not in str(error.value)
