"""Edge features, dynamic scores, learned costs and the interface of GATConv, of SPAGANConv."""

import math
from copy import deepcopy
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch_geometric.data import HeteroData
from torch_geometric.explain import Explainer, GNNExplainer
from torch_geometric.nn import GATConv, GATv2Conv, HeteroConv, to_hetero

from graphkit.nn import SPAGANConv, path_edge_attr, path_edges
from graphkit.ops import shortest_paths
from graphkit.testing import random_graph

SCORES, POOLS, EDGE_DIM = ("static", "dynamic"), ("max", "mean"), 3


def make(score: str, pool: str = "max", **options: object) -> tuple[SPAGANConv, Tensor, Tensor, Tensor, Tensor]:
    """A layer in float64, features, edges (two of them parallel), their lengths and their features."""
    torch.manual_seed(0)
    conv = SPAGANConv(4, 5, heads=2, max_hops=3, pool=pool, edge_dim=EDGE_DIM, score=score, **options).double()
    torch.nn.init.normal_(conv.bias)
    edge_index = torch.cat([random_graph(12), random_graph(12)[:, :2]], dim=1)
    size = edge_index.size(1)
    tensors = (torch.randn(12, 4), torch.rand(size), torch.randn(size, EDGE_DIM))
    x, weight, edge_attr = (t.double() for t in tensors)
    return conv, x, edge_index, weight, edge_attr


def leaky(value: float, slope: float) -> float:
    return value if value > 0 else slope * value


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def softmax(values: list[float]) -> list[float]:
    total = sum(math.exp(value) for value in values)
    return [math.exp(value) / total for value in values]


def by_hand(
    conv: SPAGANConv, x: Tensor, paths: list[list[list[int]]], edge_ids: list[list[list[int]]], edge_attr: Tensor
) -> list[list[float]]:
    """The definition, number by number; paths and the edges of each path, by length."""
    heads, width, slope = conv.heads, conv.out_channels, conv.negative_slope
    wide = lambda t, rows: t.detach().view(rows, heads, width).tolist()  # noqa: E731
    maps, edge_maps = wide(conv.weight, -1), wide(conv.weight_edge, -1)
    nodes, attrs = x.tolist(), edge_attr.tolist()
    out = []
    for i in range(len(nodes)):
        row: list[float] = []
        for k in range(heads):
            project = lambda row, m, k=k: [dot(row, [m[f][k][d] for f in range(len(row))]) for d in range(width)]  # noqa: E731
            h = [[a + b for a, b in zip(project(r, maps), wide(conv.bias, 1)[0][k], strict=True)] for r in nodes]
            own = project(nodes[i], wide(conv.weight_target, -1)) if conv.score == "dynamic" else h[i]
            levels, scores = [], []
            for hops, (of_length, ids) in enumerate(zip(paths, edge_ids, strict=True)):
                att = conv.att_path[hops][k].tolist()
                phis, s = [], []
                for path, edges in zip(of_length, ids, strict=True):
                    if path[-1] != i:
                        continue
                    columns = list(zip(*(h[v] for v in path[:-1]), strict=True))
                    phi = [max(c) if conv.pool == "max" else sum(c) / len(c) for c in columns]
                    mean = [sum(attrs[e][f] for e in edges) / max(1, len(edges)) for f in range(EDGE_DIM)]
                    psi = project(mean, edge_maps)
                    total = [a + b for a, b in zip(phi, psi, strict=True)]
                    if conv.score == "dynamic":
                        s.append(dot(att, [leaky(a + b, slope) for a, b in zip(total, own, strict=True)]))
                    else:
                        target = dot(conv.att_target[hops][k].tolist(), own)
                        s.append(leaky(dot(att, phi) + dot(conv.att_edge[k].tolist(), psi) + target, slope))
                    phis.append(total)
                level = [dot(softmax(s), [phi[d] for phi in phis]) for d in range(width)]
                length = conv.att_length[k].tolist()
                if conv.score == "dynamic":
                    scores.append(dot(length, [leaky(a + b, slope) for a, b in zip(level, own, strict=True)]))
                else:
                    scores.append(leaky(dot(length, level) + dot(conv.att_length_target[k].tolist(), own), slope))
                levels.append(level)
            beta = softmax(scores)
            row += [dot(beta, [level[d] for level in levels]) for d in range(width)]
        out.append(row)
    return out


def edges_by_hand(paths: list[list[list[int]]], edge_index: Tensor, weight: Tensor) -> list[list[list[int]]]:
    """The edges of each path, the cheapest of parallel ones."""
    cheapest: dict[tuple[int, ...], int] = {}
    for e in sorted(range(edge_index.size(1)), key=lambda e: float(weight[e]), reverse=True):
        cheapest[tuple(edge_index[:, e].tolist())] = e
    return [[[cheapest[hop] for hop in pairwise(path) if hop[0] != hop[1]] for path in rows] for rows in paths]


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("pool", POOLS)
def test_it_follows_the_definition(score: str, pool: str) -> None:
    conv, x, edge_index, weight, edge_attr = make(score, pool)
    paths = [p.t().tolist() for p in conv.find_paths(edge_index, 12, weight)]
    expected = torch.tensor(by_hand(conv, x, paths, edges_by_hand(paths, edge_index, weight), edge_attr)).double()
    out = conv(x, edge_index, weight, edge_attr=edge_attr)
    torch.testing.assert_close(out, expected, atol=1e-6, rtol=1e-6)
    order = torch.randperm(edge_index.size(1))
    torch.testing.assert_close(conv(x, edge_index[:, order], weight[order], edge_attr[order]), out)
    handle = conv.register_message_forward_hook(lambda module, inputs, output: None)
    torch.testing.assert_close(conv(x, edge_index, weight, edge_attr), out)
    handle.remove()
    given = conv.find_paths(edge_index, 12, weight)
    features = path_edge_attr(edge_attr, path_edges(given, edge_index, 12, weight))
    torch.testing.assert_close(conv(x, given, edge_attr=features), out)
    single = conv.float()(x.float(), edge_index, weight, edge_attr.float()).double()
    torch.testing.assert_close(single, out, atol=1e-5, rtol=0)


@pytest.mark.parametrize("score", SCORES)
def test_gradients_numerically(score: str) -> None:
    conv, x, edge_index, weight, edge_attr = make(score, "mean")
    names = [name for name, _ in conv.named_parameters()]
    values = [p.detach().requires_grad_() for p in conv.parameters()]
    paths = conv.find_paths(edge_index, 12, weight)
    edge_ids = path_edges(paths, edge_index, 12, weight)

    def call(x: Tensor, edge_attr: Tensor, *parameters: Tensor) -> Tensor:
        state = dict(zip(names, parameters, strict=True))
        features = path_edge_attr(edge_attr, edge_ids)
        return torch.func.functional_call(conv, state, (x, paths), {"edge_attr": features})

    assert torch.autograd.gradcheck(call, (x.requires_grad_(), edge_attr.requires_grad_(), *values), fast_mode=True)
    conv(x, edge_index, weight, edge_attr).sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in conv.parameters())


def test_without_edge_features_the_state_is_that_of_before() -> None:
    names = {"weight", "bias", "att_length", "att_length_target"}
    names |= {f"{name}.{hop}" for name in ("att_path", "att_target") for hop in range(2)}
    assert set(SPAGANConv(4, 8).state_dict()) == names


def test_attention_of_one_hop_is_that_of_gat_with_edge_features() -> None:
    x, edge_index, edge_attr = torch.randn(12, 5), random_graph(12), torch.randn(40, EDGE_DIM)
    gat = GATConv(5, 4, heads=3, edge_dim=EDGE_DIM, fill_value=0.0)
    conv = SPAGANConv(5, 4, heads=3, max_hops=1, edge_dim=EDGE_DIM, bias=False)
    with torch.no_grad():
        conv.weight.copy_(gat.lin.weight.t())
        conv.weight_edge.copy_(gat.lin_edge.weight.t())
        for ours, theirs in ((conv.att_path[0], gat.att_src), (conv.att_target[0], gat.att_dst)):
            ours.copy_(theirs[0])
        conv.att_edge.copy_(gat.att_edge[0])
    check_same_attention(conv, gat, x, edge_index, edge_attr)


def check_same_attention(conv: SPAGANConv, gat: torch.nn.Module, x: Tensor, edges: Tensor, attr: Tensor | None) -> None:
    def table(result: tuple[Tensor, tuple[Tensor, Tensor]]) -> Tensor:
        edge_index, alpha = result[1]
        dense = torch.zeros(12, 12, alpha.size(1))
        dense[edge_index[0], edge_index[1]] = alpha.detach()
        return dense

    ours = conv(x, edges, edge_attr=attr, return_attention_weights=True)
    theirs = gat(x, edges, edge_attr=attr, return_attention_weights=True)
    torch.testing.assert_close(table(ours), table(theirs))
    if attr is None:
        torch.testing.assert_close(ours[0], theirs[0])


def test_dynamic_scores_of_one_hop_are_those_of_gatv2() -> None:
    x, edge_index, edge_attr = torch.randn(12, 5), random_graph(12), torch.randn(40, EDGE_DIM)
    for edge_dim in (None, EDGE_DIM):
        gat = GATv2Conv(5, 4, heads=3, edge_dim=edge_dim, fill_value=0.0, bias=False)
        conv = SPAGANConv(5, 4, heads=3, max_hops=1, edge_dim=edge_dim, bias=False, score="dynamic")
        with torch.no_grad():
            conv.weight.copy_(gat.lin_l.weight.t())
            conv.weight_target.copy_(gat.lin_r.weight.t())
            conv.att_path[0].copy_(gat.att[0])
            if edge_dim is not None:
                conv.weight_edge.copy_(gat.lin_edge.weight.t())
        check_same_attention(conv, gat, x, edge_index, None if edge_dim is None else edge_attr)


@pytest.mark.parametrize("score", SCORES)
def test_dropout_compiles_and_exports(score: str) -> None:
    conv, x, edge_index, weight, edge_attr = make(score, dropout=0.5)
    paths = conv.find_paths(edge_index, 12, weight)
    features = path_edge_attr(edge_attr, path_edges(paths, edge_index, 12, weight))
    torch.manual_seed(0)
    out = conv(x, paths, edge_attr=features)
    handle = conv.register_message_forward_hook(lambda module, inputs, output: None)
    torch.manual_seed(0)
    torch.testing.assert_close(conv(x, paths, edge_attr=features), out)
    handle.remove()
    expected = conv.eval()(x, paths, edge_attr=features)
    compiled = torch.compile(conv, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(x, paths, edge_attr=features), expected)
    program = torch.export.export(conv, (x, paths), {"edge_attr": features})
    torch.testing.assert_close(program.module()(x, paths, edge_attr=features), expected)


def test_caches_paths_and_their_edges() -> None:
    conv, x, edge_index, weight, edge_attr = make("static")
    cached = make("static", cached=True)[0]
    for call in ((edge_index, weight), (edge_index, weight), (edge_index, 1 - weight)):
        torch.testing.assert_close(cached(x, *call, edge_attr), conv(x, *call, edge_attr))


def test_learned_costs_are_those_of_the_edge_part_of_the_scores() -> None:
    conv, x, edge_index, _, edge_attr = make("static", learn_costs=True)
    maps, att = conv.weight_edge.detach().view(EDGE_DIM, 2, 5).tolist(), conv.att_edge.tolist()
    parts = [[sum(dot(maps[f][k], att[k]) for k in range(2)) / 2 for f in range(EDGE_DIM)]] * edge_index.size(1)
    scores = [dot(row, part) for row, part in zip(edge_attr.tolist(), parts, strict=True)]
    expected = torch.tensor([-math.log(1 / (1 + math.exp(-s))) for s in scores])
    cost = conv.edge_costs(edge_attr)
    torch.testing.assert_close(cost.float(), expected)
    out, attention = conv(x, edge_index, edge_attr=edge_attr, return_attention=True)
    paths = shortest_paths(edge_index, cost, 3, num_nodes=12, ratio=1.0, self_paths=True)[0]
    assert all(torch.equal(a, b) for a, b in zip(attention.path_index, paths, strict=True))
    out.sum().backward()
    assert conv.att_edge.grad.abs().sum() > 0 and conv.weight_edge.grad.abs().sum() > 0
    cheap = conv.edge_costs(1e3 * edge_attr)
    assert bool((cheap >= 0).all()) and bool(cheap.isfinite().all())


def test_explainers_mask_the_edges_of_paths() -> None:
    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = SPAGANConv(3, 2, edge_dim=2)

        def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
            return self.conv(x, edge_index, edge_attr=edge_attr)

    explainer = Explainer(
        Net(),
        GNNExplainer(epochs=3),
        explanation_type="model",
        edge_mask_type="object",
        model_config={"mode": "multiclass_classification", "task_level": "node", "return_type": "raw"},
    )
    edge_index = torch.tensor([[0, 1, 3, 4], [1, 2, 2, 0]])
    mask = explainer(torch.randn(5, 3), edge_index, edge_attr=torch.randn(4, 2), index=2).edge_mask
    assert mask.shape == (4,) and mask[3] == 0 and (mask[:3] > 0).all()


@pytest.mark.parametrize("widths", [(4, 6), -1, (-1, -1)])
@pytest.mark.parametrize("score", SCORES)
def test_two_sets_of_nodes(widths: object, score: str) -> None:
    options = {"heads": 2, "edge_dim": 2, "score": score, "max_hops": 2, "ratio": None}
    size = (3, 7) if widths == (4, 6) else (7, 3)
    x = (torch.randn(size[0], 4), torch.randn(size[1], 4 if widths == -1 else 6))
    conv = SPAGANConv(widths, 5, **options)
    edge_index, edge_attr = (
        torch.stack([torch.arange(20) % size[0], torch.arange(20) // 5 % size[1]]),
        torch.rand(20, 2),
    )
    out, attention = conv(x, edge_index, edge_attr=edge_attr, return_attention=True)
    assert out.shape == (size[1], 10) and len(attention.alpha) == 1 and attention.beta.shape == (size[1], 2, 1)
    same = (out, (edge_index, attention.weights()[0]))
    torch.testing.assert_close(conv(x, edge_index, edge_attr=edge_attr, return_attention_weights=True), same)
    torch.testing.assert_close(conv(x, [edge_index], edge_attr=[edge_attr]), out)
    handle = conv.register_message_forward_hook(lambda module, inputs, output: None)
    torch.testing.assert_close(conv(x, edge_index, edge_attr=edge_attr), out)
    handle.remove()
    assert set(edge_index[1].tolist()) == {i for i in range(size[1]) if bool(out[i].any())}
    with pytest.raises(ValueError, match="`edge_index` must hold node ids"):
        conv(x, edge_index + size[0], edge_attr=edge_attr)
    with pytest.raises(ValueError, match="expected no `edge_weight` for edges between two sets of nodes"):
        conv(x, edge_index, torch.ones(20), edge_attr)
    with pytest.raises(ValueError, match="expected paths of one hop between two sets of nodes, got 2 hops"):
        conv(x, [torch.zeros(3, 1, dtype=torch.long)], edge_attr=[torch.zeros(1, 2)])


def test_two_sets_of_nodes_are_those_of_gat() -> None:
    x, edge_index = (torch.randn(12, 5), torch.randn(12, 6)), random_graph(12)
    gat = GATConv((5, 6), 4, heads=3, add_self_loops=False)
    conv = SPAGANConv((5, 6), 4, heads=3, max_hops=1, bias=False)
    with torch.no_grad():
        conv.weight.copy_(gat.lin_src.weight.t())
        conv.weight_target.copy_(gat.lin_dst.weight.t())
        conv.att_path[0].copy_(gat.att_src[0])
        conv.att_target[0].copy_(gat.att_dst[0])
    torch.testing.assert_close(conv(x, edge_index), gat(x, edge_index))


def test_widths_may_be_set_by_the_first_call() -> None:
    lazy, x = SPAGANConv(-1, 4, heads=2), torch.randn(12, 5)
    saved = deepcopy(lazy).state_dict()
    assert saved.keys() == SPAGANConv(5, 4, heads=2).state_dict().keys()
    lazy.load_state_dict(saved)
    other = deepcopy(lazy)
    assert "-1" in repr(lazy)
    expected = lazy(x, random_graph(12))
    assert lazy.weight.shape == (5, 8) and repr(lazy) == "SPAGANConv(5, 4, heads=2, max_hops=2)"
    other.load_state_dict(lazy.state_dict())
    torch.testing.assert_close(other(x, random_graph(12)), expected)
    lazy.reset_parameters()
    assert not torch.allclose(lazy(x, random_graph(12)), expected)


def hetero_data() -> HeteroData:
    data = HeteroData()
    data["paper"].x, data["author"].x = torch.randn(12, 5), torch.randn(7, 3)
    data["paper", "cites", "paper"].edge_index = random_graph(12)
    data["author", "writes", "paper"].edge_index = torch.stack([torch.arange(14) % 7, torch.arange(14) % 12])
    data["paper", "rev_writes", "author"].edge_index = data["author", "writes", "paper"].edge_index.flip(0)
    for store in data.edge_stores:
        store.edge_attr = torch.rand(store.edge_index.size(1), 2)
    return data


def test_hetero_conv_and_to_hetero() -> None:
    data = hetero_data()
    convs = {kind: SPAGANConv((-1, -1), 4, heads=2, edge_dim=2) for kind in data.edge_types}
    out = HeteroConv(convs)(data.x_dict, data.edge_index_dict, edge_attr_dict=data.edge_attr_dict)
    assert out["paper"].shape == (12, 8) and out["author"].shape == (7, 8)
    cites, writes = ("paper", "cites", "paper"), ("author", "writes", "paper")
    papers = convs[cites](data["paper"].x, data[cites].edge_index, edge_attr=data[cites].edge_attr)
    authors = convs[writes](
        (data["author"].x, data["paper"].x), data[writes].edge_index, edge_attr=data[writes].edge_attr
    )
    torch.testing.assert_close(out["paper"], papers + authors)

    class Net(torch.nn.Module):
        def __init__(self, score: str) -> None:
            super().__init__()
            self.conv1 = SPAGANConv((-1, -1), 4, heads=2, score=score)
            self.conv2 = SPAGANConv(-1, 3, edge_dim=2, score=score)

        def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Tensor) -> Tensor:
            return self.conv2(self.conv1(x, edge_index).relu(), edge_index, edge_attr=edge_attr)

    for score in SCORES:
        model = to_hetero(Net(score), data.metadata())
        out = model(data.x_dict, data.edge_index_dict, data.edge_attr_dict)
        assert {kind: tuple(value.shape) for kind, value in out.items()} == {"paper": (12, 3), "author": (7, 3)}
        sum(value.sum() for value in out.values()).backward()
        cites_conv = model.conv1["__".join(cites)]
        assert cites_conv.att_path[1].grad is not None  # paths of two hops within one set of nodes


@pytest.mark.parametrize("score", SCORES)
def test_a_tensor_passed_twice_is_one_set_of_nodes_and_a_copy_is_a_second_set(score: str) -> None:
    conv, x, edge_index, weight, edge_attr = make(score)
    within = conv((x, x), edge_index, weight, edge_attr)
    torch.testing.assert_close(within, conv(x, edge_index, weight, edge_attr))
    out, attention = conv((x, x.clone()), edge_index, edge_attr=edge_attr, return_attention=True)
    assert not torch.allclose(out, within) and len(attention.path_index) == 1
    assert torch.equal(attention.path_index[0], edge_index)


def test_several_lengths_return_lists_of_attention_weights() -> None:
    conv, x, edge_index, weight, edge_attr = make("static")
    _, (paths, alphas) = conv(x, edge_index, weight, edge_attr, return_attention_weights=True)
    total = sum(torch.zeros(12, 2).double().index_add(0, p[-1], a) for p, a in zip(paths, alphas, strict=True))
    torch.testing.assert_close(total, torch.ones(12, 2).double())


def test_mistakes_get_one_clear_line() -> None:
    x, edge_index, attr = torch.randn(12, 4), random_graph(12), torch.rand(40, 2)
    conv, plain = SPAGANConv(4, 3, edge_dim=2), SPAGANConv(4, 3)
    learns = SPAGANConv(4, 3, edge_dim=2, learn_costs=True)
    paths = plain.find_paths(edge_index, 12)
    for call, message in (
        (lambda: plain(x, edge_index, edge_attr=attr), "expected no `edge_attr` with edge_dim=None, got shape .40, 2."),
        (lambda: conv(x, edge_index), "expected `edge_attr` with edge_dim=2, got None; set `edge_dim`"),
        (lambda: conv(x, edge_index, edge_attr=attr[:3]), r"of shape \[40, 2\], .*, got shape \[3, 2\]"),
        (lambda: conv(x, edge_index, edge_attr=attr[:, 0]), r"of shape \[40, 2\], .*, got shape \[40\]"),
        (lambda: conv(x, paths, edge_attr=attr), "a list with the features of 2 sets of paths, got shape"),
        (lambda: learns(x, edge_index, torch.ones(40), attr), "expected no `edge_weight` for learned costs"),
        (lambda: conv((x, None), edge_index), r"a pair of them, got \[shape \[12, 4\], None\]"),
        (lambda: SPAGANConv((4, 5, 6), 3), "`in_channels` must be a width or a pair of widths"),
        (lambda: SPAGANConv(-2, 3), "`in_channels` must be at least 1"),
        (lambda: SPAGANConv(4, 3, score="cosine"), "`score` must be 'static' or 'dynamic' .got 'cosine'."),
        (lambda: SPAGANConv(4, 3, learn_costs=True), "`learn_costs` needs edge features and a static score"),
        (lambda: SPAGANConv(4, 3, edge_dim=0), "`edge_dim` must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message) as error:
            call()
        assert "\n" not in str(error.value)
