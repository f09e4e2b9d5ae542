import pytest
import torch
from torch import Tensor
from torch_geometric.data import Batch, Data
from torch_geometric.explain import Explainer, GNNExplainer

from graphkit.nn import SPAGAN
from graphkit.ops import shortest_paths
from graphkit.testing import check_model, random_graph, random_graphs
from graphkit.transforms import ShortestPaths, SparseFeatures
from tests.nn import golden_paths as golden


def graph() -> Data:
    return Data(x=torch.randn(12, 5), edge_index=random_graph(12))


def after_the_first_phase(model: SPAGAN, data: Data) -> Data:
    prepared = model.begin_phase(data)
    assert prepared is not None
    return prepared


@pytest.mark.parametrize(
    ("features", "classes", "first_phase", "path_phase"),
    [(1433, 7, 92_373, 92_629), (3703, 6, 237_586, 237_842), (500, 3, 32_393, 32_649)],
)
def test_has_the_parameters_of_the_paper(features: int, classes: int, first_phase: int, path_phase: int) -> None:
    assert sum(p.numel() for p in SPAGAN(features, classes, max_hops=1).parameters()) == first_phase
    assert sum(p.numel() for p in SPAGAN(features, classes).parameters()) == path_phase


def golden_model(hops: int = 2) -> SPAGAN:
    """Its first layer has the bias, the attention and the graph of the worked example."""
    model = SPAGAN(2, 2, hidden_channels=2, heads=1, max_hops=hops, ratio=1.0).double().eval()
    with torch.no_grad():
        first, last = model.convs
        for conv in (first, last):
            conv.weight.copy_(torch.eye(2))
        first.bias.copy_(golden.double([0.1, -0.1]))
        for vectors, values in zip((first.att_path[0], first.att_target[0]), golden.NEIGHBOUR, strict=True):
            vectors.copy_(golden.double(values))
        for vectors, values in zip((last.att_path[0], last.att_target[0]), golden.BY_HOPS[0], strict=True):
            vectors.copy_(golden.double(values))
    return model


def test_the_first_phase_of_the_worked_example() -> None:
    model, data = golden_model(), Data(x=golden.X, edge_index=golden.EDGES)
    seen: list[Tensor] = []
    model.convs[1].register_forward_hook(lambda module, inputs, output: seen.append(inputs[0]))
    model(**model.inputs(data))
    torch.testing.assert_close(seen[0], golden.GAT, atol=1e-9, rtol=0)
    model.convs[0].register_forward_hook(lambda module, inputs, output: (golden.X, output[1]))
    model.act = torch.nn.Identity()
    torch.testing.assert_close(model(**model.inputs(data)).log_softmax(-1), golden.LOG_SHARES, atol=1e-9, rtol=0)


def test_costs_are_those_of_the_head_averaged_attention() -> None:
    model, data = SPAGAN(5, 3, heads=4, hidden_channels=8).eval(), graph()
    _, attention = model(**model.inputs(data), return_attention=True)
    alpha, edges = attention[0].alpha[0].mean(dim=1), attention[0].path_index[0]
    largest = alpha[edges[0] != edges[1]].max()
    model.train()  # must not matter: costs know no dropout
    after_the_first_phase(model, data)
    edge_index, cost = model.edge_costs(data)
    assert torch.equal(edge_index, edges)
    expected = torch.where(edges[0] == edges[1], 1.0, 1 - alpha / largest)
    torch.testing.assert_close(cost, expected.detach())
    assert float(cost[edges[0] != edges[1]].min()) == 0


def test_paths_are_the_cheapest_by_these_costs() -> None:
    model, data = SPAGAN(5, 3, max_hops=3, ratio=0.7), graph()
    prepared = after_the_first_phase(model, data)
    edges, cost = model.edge_costs(data)
    expected, costs = shortest_paths(edges, cost, 3, num_nodes=12, ratio=0.7, self_paths=True)
    for hops, path_index in enumerate(expected, start=1):
        assert torch.equal(prepared[f"path_index_{hops}"], path_index)
    assert all(torch.equal(a, b) for a, b in zip(model.find_paths(data)[1], costs, strict=True))
    assert "path_index_1" not in data and "path_index_4" not in prepared
    assert [len(model.inputs(d)["paths"]) for d in (prepared, data)] == [3, 3]  # those that it carries, those it finds
    model.eval()
    torch.testing.assert_close(model(**model.inputs(data)), model(**model.inputs(prepared)))


@pytest.mark.parametrize("share", [True, False])
def test_each_phase_attends_to_paths_from_the_one_before(share: bool) -> None:
    data, model = graph(), SPAGAN(5, 3, iterations=2, share_transform=share).eval()
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    assert model.inputs(data)["paths"] is None and model.has_next_phase
    first = after_the_first_phase(model, data)
    torch.testing.assert_close(model.guide_weight, before["convs.0.weight"])
    same = [torch.equal(before[name], parameter) for name, parameter in model.named_parameters()]
    assert all(same) if share else not any(s for s, name in zip(same, before, strict=True) if "bias" not in name)
    with torch.no_grad():
        model.convs[0].att_path[0] += 3 * torch.randn_like(model.convs[0].att_path[0])
    second = after_the_first_phase(model, data)
    assert int(model.phase) == 2 and not torch.equal(first.path_index_2, second.path_index_2)
    assert not model.has_next_phase and model.begin_phase(data) is None
    torch.testing.assert_close(model.prepare(data).path_index_2, second.path_index_2)


def test_the_state_of_a_model_is_all_that_its_paths_need() -> None:
    data, model = graph(), SPAGAN(5, 3).eval()
    after_the_first_phase(model, data)
    other = SPAGAN(5, 3).eval()
    other.load_state_dict(model.state_dict())
    torch.testing.assert_close(other(**other.inputs(data)), model(**model.inputs(data)))


def test_data_that_carry_paths_are_trained_on_those() -> None:
    data, model = ShortestPaths(2, 1.0)(graph()), SPAGAN(5, 3)
    assert torch.equal(model.inputs(data)["paths"][1], data.path_index_2)
    assert model.begin_phase(data) is None and int(model.phase) == 0
    with pytest.raises(ValueError, match="from 1 to 2 hops \\(got \\[2, 3, 4\\]\\); change `max_hops`"):
        model(**model.inputs(ShortestPaths(3)(data)))


OPTIONS = [
    {},
    {"readout": "sum", "num_layers": 3, "path_layers": 2, "heads": 4},
    {"max_hops": 4, "pool": "mean", "num_layers": 1, "out_heads": 2},
    {"num_layers": 3, "path_layers": 3, "ratio": 2.0},
]


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("phase", [0, 1, 2])
def test_a_graph_does_not_depend_on_its_batch(options: dict, phase: int) -> None:
    model = SPAGAN(5, 3, iterations=2, **options)
    for _ in range(phase):
        after_the_first_phase(model, Batch.from_data_list(random_graphs(5)))
    check_model(model, 5)


def test_categories_are_embedded_in_the_guide_too() -> None:
    model = SPAGAN(6, 1, 8, heads=2, readout="mean", num_categories=9).eval()
    data = Data(x=torch.randint(9, (12,)), edge_index=random_graph(12))
    after_the_first_phase(model, data)
    paths = model.find_paths(data)[0]
    torch.nn.init.normal_(model.embedding.weight)  # trains on in the path phase, which must not move the paths
    assert all(torch.equal(a, b) for a, b in zip(paths, model.find_paths(data)[0], strict=True))
    assert model(**model.inputs(data)).shape == (1, 1)
    data.x = data.x.view(-1, 1)
    assert torch.equal(model.find_paths(data)[0][1], paths[1])


def test_sparse_features_give_the_same() -> None:
    data, model = graph(), SPAGAN(5, 3, dropout=0.5)
    data.x = data.x.relu()
    after_the_first_phase(model, data)
    expected = model.eval()(**model.inputs(data))
    sparse = SparseFeatures()(data.clone())
    assert sparse.x.layout == torch.sparse_csr
    torch.testing.assert_close(model(**model.inputs(sparse)), expected)
    coo = data.clone()
    coo.x = data.x.to_sparse()
    torch.testing.assert_close(model(**model.inputs(coo)), expected)
    for data in (sparse, coo):
        out = model.train()(**model.inputs(data))
        out.sum().backward()
        assert model.convs[0].weight.grad.abs().sum() > 0 and not torch.equal(out, expected)


def test_returns_the_attention_of_every_layer() -> None:
    model, data = SPAGAN(5, 3, heads=4).eval(), graph()
    after_the_first_phase(model, data)
    out, attention = model(**model.inputs(data), return_attention=True)
    assert out.shape == (12, 3) and [len(a.alpha) for a in attention] == [2, 1]
    assert attention[0].beta.shape == (12, 4, 2) and attention[1].alpha[0].shape[1] == 1


def test_outputs_of_several_labels_have_all_signs() -> None:
    torch.manual_seed(0)
    data = graph()
    data.x = 30 * data.x
    assert float(SPAGAN(5, 3).eval()(data.x, data.edge_index).detach().min()) >= -1
    assert float(SPAGAN(5, 3, out_act="none").eval()(data.x, data.edge_index).detach().min()) < -1


def test_compiles_without_graph_breaks_and_exports() -> None:
    model, data = SPAGAN(5, 3, heads=2).eval(), graph()
    prepared = after_the_first_phase(model, data)
    arguments = (prepared.x, prepared.edge_index, [prepared.path_index_1, prepared.path_index_2])
    expected = model(*arguments)
    torch.testing.assert_close(torch.compile(model, fullgraph=True, backend="aot_eager")(*arguments), expected)
    torch.testing.assert_close(torch.export.export(model, arguments).module()(*arguments), expected)


def test_a_pyg_explainer_works_on_a_path_phase() -> None:
    model, data = SPAGAN(5, 3), graph()
    prepared = after_the_first_phase(model, data)
    explainer = Explainer(
        model.eval(),
        GNNExplainer(epochs=3),
        explanation_type="model",
        edge_mask_type="object",
        model_config={"mode": "multiclass_classification", "task_level": "node", "return_type": "raw"},
    )
    paths = [prepared.path_index_1, prepared.path_index_2]
    mask = explainer(prepared.x, prepared.edge_index, paths=paths, index=0).edge_mask
    assert mask.shape == (prepared.num_edges,) and mask.max() > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden_channels": 30}, "`hidden_channels` must be divisible by `heads` \\(got 30 and 8\\)"),
        ({"path_layers": 3}, "`path_layers` must be from 1 to the 2 layers there are \\(got 3\\)"),
        ({"iterations": -1}, "`iterations` must be at least 0 \\(got -1\\)"),
        ({"out_heads": 0}, "`out_heads` must be at least 1 \\(got 0\\)"),
        ({"attention_dropout": 1.0}, "`attention_dropout` must lie in \\[0, 1\\)"),
        ({"max_hops": 0}, "`max_hops` must be at least 1"),
        ({"readout": "median"}, "`readout` must be one of mean, sum, max"),
        ({"out_act": "nonsense"}, "nonsense"),
    ],
)
def test_bad_arguments_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SPAGAN(5, 3, **options)


def test_there_are_no_costs_before_there_is_a_guide() -> None:
    with pytest.raises(ValueError, match="there are no costs in the first phase"):
        SPAGAN(5, 3).edge_costs(graph())
