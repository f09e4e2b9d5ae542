from pathlib import Path

import pytest
import torch
from torch_geometric.data import Batch, Data

import graphkit
from graphkit.data import GraphDataset, Split
from graphkit.errors import InputError
from graphkit.nn import FactorGCN
from graphkit.testing import check_model, random_graph, random_graphs

DEEP = {"hidden_channels": 64, "factors": (4, 4, 2, 2, 1), "head": "layers", "readout": "sum", "batch_norm": True}
WIDE = {"hidden_channels": 144, "head": "mlp", "batch_norm": True, "size_norm": True}


@pytest.mark.parametrize(
    ("arguments", "options", "published"),
    [
        ((15, 4), {"hidden_channels": 32, "factors": (4, 2), "head": "linear", "readout": "mean"}, 1_354),
        ((7, 2), DEEP, 18_689),
        ((150, 2), DEEP, 21_263),
        ((500, 3), DEEP, 28_389),
        # The published counts of these two have one more batch norm of 144 channels, see the class.
        ((36, 1), {**WIDE, "factors": (8, 8, 4, 2), "readout": "mean", "num_categories": 28}, 41_035 - 288),
        ((36, 2), {**WIDE, "factors": (4, 2, 2), "num_categories": 200}, 54_404 - 288),
    ],
)
def test_the_stacks_of_the_paper_have_its_parameters(arguments: tuple, options: dict, published: int) -> None:
    assert sum(p.numel() for p in FactorGCN(*arguments, **options).parameters()) == published


@pytest.mark.parametrize(
    "options",
    [
        {"head": "linear", "readout": "mean", "factors": (4, 2), "act": "leaky_relu", "head_act": "tanh"},
        {**DEEP, "head_dropout": 0.4},
        {**WIDE, "factors": (4, 2), "readout": "mean", "hidden_channels": 16},
        {**WIDE, "factors": (4, 2), "hidden_channels": 16},
        {"dropout": 0.6, "gain": 1.0},
    ],
)
def test_a_graph_does_not_depend_on_its_batch(options: dict) -> None:
    check_model(FactorGCN(5, 3, **options), 5)


def test_categories_are_embedded() -> None:
    model = FactorGCN(6, 1, 8, (2, 2), head="mlp", readout="mean", num_categories=9)
    x, edge_index = torch.randint(9, (12,)), random_graph(12)
    out = model(x, edge_index)
    assert out.shape == (1, 1)
    torch.testing.assert_close(model(x.view(-1, 1), edge_index), out)


def test_returns_the_factors_of_every_layer() -> None:
    model = FactorGCN(5, 3, 16, factors=(4, 2), head="linear", readout="mean").eval()
    graphs = Batch.from_data_list(random_graphs(5))
    out, factors = model(**model.inputs(graphs), return_factors=True)
    assert out.shape == (3, 3)
    assert [tuple(f.shape) for f in factors] == [(graphs.num_edges, 4), (graphs.num_edges, 2)]
    assert all(bool(((f >= 0) & (f <= 1)).all()) and float(f.detach().std()) > 0 for f in factors)


def test_the_penalty_is_the_weighted_discriminator_loss() -> None:
    graphs = Batch.from_data_list(random_graphs(5))
    penalties = []
    for weight in (0.5, 1.0):
        torch.manual_seed(0)
        model = FactorGCN(5, 3, 16, (4, 2), head="linear", readout="mean", discriminator=weight).eval()
        out, penalty = model(**model.inputs(graphs), return_penalty=True)
        torch.testing.assert_close(out, model(**model.inputs(graphs)))
        penalties.append(float(penalty.detach()))
    assert penalties[1] == pytest.approx(2 * penalties[0]) and penalties[0] > 0
    single = FactorGCN(5, 3, 16, (1, 1), head="linear", readout="mean")
    assert float(single(**single.inputs(graphs), return_penalty=True)[1].detach()) == 0


def test_weak_supervision_is_the_cross_entropy_of_the_coefficients() -> None:
    torch.manual_seed(0)
    options = {"head": "linear", "readout": "mean", "discriminator": 0.0, "gain": 1.0}
    model = FactorGCN(5, 2, 16, (4, 2), weak_supervision=2.0, **options).eval()
    graphs = Batch.from_data_list([data for data in random_graphs(5) if data.num_edges])
    graphs.y = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    _, factors, penalty = model(**model.inputs(graphs), return_factors=True, return_penalty=True)
    row, col = graphs.edge_index
    expected = 0.0
    for graph in range(2):
        edges = (graphs.batch[col] == graph) & (row != col)
        for label in range(2):
            coefficients = factors[0][edges, label].detach()
            right = coefficients if graphs.y[graph, label] else 1 - coefficients
            expected += float(-right.log().mean()) / 4
    assert float(penalty.detach()) == pytest.approx(2 * expected, rel=1e-5)


def test_first_weights_follow_the_principal_components_of_the_edges() -> None:
    graphs = Batch.from_data_list(random_graphs(5, sizes=(30, 20)))
    coefficients = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        model = FactorGCN(5, 2, 16, (4, 2), head="linear", readout="mean", gain=1.0, first_weights="principal").eval()
        model.init_from_data(graphs)
        coefficients.append(model(**model.inputs(graphs), return_factors=True)[1][0].detach())
    assert torch.equal(*coefficients)  # chance has no part in them
    row, col = graphs.edge_index
    scores = torch.logit(coefficients[0][row != col].double())
    torch.testing.assert_close(scores[:, 0], -scores[:, 1], atol=1e-4, rtol=0)
    torch.testing.assert_close(scores.mean(dim=0), torch.zeros(4, dtype=torch.float64), atol=1e-4, rtol=0)
    torch.testing.assert_close(scores.std(dim=0), torch.ones(4, dtype=torch.float64), atol=1e-4, rtol=0)
    z = ((graphs.x[row] + graphs.x[col]) / 2)[row != col].double()
    directions = torch.linalg.svd(z - z.mean(dim=0), full_matrices=False).Vh
    for pair in range(2):
        along = (z - z.mean(dim=0)) @ directions[pair]
        assert abs(float(torch.corrcoef(torch.stack([along, scores[:, 2 * pair]]))[0, 1])) == pytest.approx(1, abs=1e-5)


def test_the_input_norm_starts_with_the_statistics_of_the_data() -> None:
    graphs = Batch.from_data_list(random_graphs(5, sizes=(30, 20)))
    graphs.x = 3 * graphs.x + 7
    model = FactorGCN(5, 2, 16, (4, 2), input_norm=True).eval()
    model.init_from_data(graphs)
    x = model.input_norm(graphs.x).detach()
    torch.testing.assert_close(x.mean(dim=0), torch.zeros(5), atol=1e-4, rtol=0)
    torch.testing.assert_close(x.std(dim=0), torch.ones(5), atol=1e-3, rtol=0)


def test_first_weights_need_edges() -> None:
    model = FactorGCN(5, 2, 16, (4, 2), first_weights="principal")
    before = model.state_dict()["convs.0.weight"].clone()
    model.init_from_data(random_graphs(5, sizes=(1,))[0])
    assert torch.equal(model.state_dict()["convs.0.weight"], before)


def test_dropout_follows_the_training_mode() -> None:
    model = FactorGCN(5, 3, dropout=0.5, head_dropout=0.5, factors=(4, 2), head="linear", readout="mean")
    graphs = Batch.from_data_list(random_graphs(5))
    assert not torch.equal(model.train()(**model.inputs(graphs)), model(**model.inputs(graphs)))
    assert torch.equal(model.eval()(**model.inputs(graphs)), model(**model.inputs(graphs)))


def test_compiles_without_graph_breaks_and_exports() -> None:
    model = FactorGCN(5, 3, 16, factors=(4, 2), head="linear", readout="mean", batch_norm=True).eval()
    graphs = Batch.from_data_list(random_graphs(5))
    arguments = (graphs.x, graphs.edge_index, graphs.batch, 3)
    expected = model(*arguments)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(*arguments), expected)
    torch.testing.assert_close(torch.export.export(model, arguments).module()(*arguments), expected)


def edge_graphs(seed: int = 0) -> list[Data]:
    """Returns random graphs with three features per edge."""
    generator = torch.Generator().manual_seed(seed)
    graphs = random_graphs(5)
    for graph in graphs:
        graph.edge_attr = torch.randn(graph.num_edges, 3, generator=generator)
    return graphs


EDGES = {"edge_attr": "edge_attr", "edge_dim": 3}


@torch.no_grad()
@pytest.mark.parametrize("options", [{}, {"head": "linear", "readout": "mean", "factors": (4, 2), "batch_norm": True}])
def test_edge_features_change_every_layer_and_not_other_graphs_of_a_batch(options: dict) -> None:
    model = FactorGCN(5, 3, 16, **{"factors": (4, 2), **options}, **EDGES).eval()
    graphs = edge_graphs()
    together, factors = model(**model.inputs(Batch.from_data_list(graphs)), return_factors=True)
    alone = torch.cat([model(**model.inputs(Batch.from_data_list([graph]))) for graph in graphs])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    out, others = model(**model.inputs(Batch.from_data_list(edge_graphs(1))), return_factors=True)
    assert not torch.allclose(out, together)
    assert all(not torch.allclose(*pair) for pair in zip(factors, others, strict=True))


def test_the_penalty_sees_the_edge_features() -> None:
    model = FactorGCN(5, 3, 16, (4, 2), head="linear", readout="mean", **EDGES).eval()
    batches = [Batch.from_data_list(edge_graphs(seed)) for seed in (0, 1)]
    penalties = [model(**model.inputs(batch), return_penalty=True)[1] for batch in batches]
    assert float((penalties[0] - penalties[1]).detach().abs()) > 1e-6
    penalties[0].backward()
    assert all(conv.att_edge.grad.abs().max() > 0 for conv in model.convs)


@torch.no_grad()
def test_hooks_give_the_same_with_edge_features() -> None:
    model = FactorGCN(5, 3, 16, (4, 2), head="linear", readout="mean", **EDGES).eval()
    inputs = model.inputs(Batch.from_data_list(edge_graphs()))
    expected, messages = model(**inputs), []
    for conv in model.convs:
        conv.register_message_forward_hook(lambda module, arguments, output: messages.append(output))
    torch.testing.assert_close(model(**inputs), expected, atol=1e-5, rtol=0)
    assert [message.dim() for message in messages] == [3, 3]


def test_from_data_takes_the_edge_features_of_the_data() -> None:
    graphs = edge_graphs()
    for number, graph in enumerate(graphs):
        graph.y, graph.bond = torch.tensor([number]), torch.randn(graph.num_edges)
    ids = torch.arange(3)
    dataset = GraphDataset(
        "random", "graph-classification", tuple(graphs), (Split(ids, ids, ids),), 5, 3, metric="accuracy"
    )
    model = FactorGCN.from_data(dataset)
    assert (model.edge_attr, model.edge_dim) == ("edge_attr", 3)
    assert all(conv.edge_dim == 3 for conv in model.convs)
    assert model.inputs(graphs[0])["edge_attr"].shape == (graphs[0].num_edges, 3)
    named = FactorGCN.from_data(dataset, edge_attr="bond")
    assert [conv.edge_dim for conv in named.convs] == [1, 1]
    without = FactorGCN.from_data(dataset, edge_attr=None)
    assert "edge_attr" not in without.inputs(graphs[0])
    assert list(without.state_dict()) == list(
        FactorGCN.from_data(dataset.replace(graphs=tuple(random_graphs(5)))).state_dict()
    )
    with pytest.raises(InputError, match="expected `edge_attr` to be an attribute with one number .* got 'length'"):
        FactorGCN.from_data(dataset, edge_attr="length").inputs(graphs[0])
    with pytest.raises(InputError, match="expected `edge_attr` .E, 3., got none"):
        model(graphs[0].x, graphs[0].edge_index)
    with pytest.raises(InputError, match="expected no `edge_attr`"):
        without(graphs[0].x, graphs[0].edge_index, edge_attr=graphs[0].edge_attr)


def test_with_edge_features_it_compiles_and_exports() -> None:
    model = FactorGCN(5, 3, 16, factors=(4, 2), head="linear", readout="mean", **EDGES).eval()
    inputs = model.inputs(Batch.from_data_list(edge_graphs()))
    expected = model(**inputs)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(**inputs), expected)
    torch.testing.assert_close(torch.export.export(model, (), inputs).module()(**inputs), expected)


def typed_cycles(count: int) -> list[Data]:
    """Cycles of six nodes with equal features, whose class is the type of all bonds but one."""
    ends = torch.arange(6)
    edge_index = torch.stack([torch.cat([ends, (ends + 1) % 6]), torch.cat([(ends + 1) % 6, ends])])
    graphs = []
    for number in range(count):
        kind = ((ends == number // 2 % 6).long() + number % 2).remainder(2).repeat(2)
        one_hot = torch.nn.functional.one_hot(kind, 2).float()
        data = Data(x=torch.ones(6, 2), edge_index=edge_index, edge_attr=one_hot, y=torch.tensor([number % 2]))
        graphs.append(data)
    return graphs


@pytest.mark.parametrize("edge_attr", [None, "edge_attr"])
def test_a_run_on_own_graphs_uses_the_types_of_bonds(edge_attr: str | None, tmp_path: Path) -> None:
    """Nothing but the types of the bonds tells the classes apart."""
    graphs, settings = typed_cycles(24), {"gain": 2, "factors": [4, 4], "hidden_channels": 16, "edge_attr": edge_attr}
    run = graphkit.fit(
        "factorgcn", graphs, output=tmp_path / "run", epochs=40 if edge_attr else 1, lr=0.05, batch_size=12,
        set={f"model.{key}": value for key, value in settings.items()},
    )  # fmt: skip
    assert [conv.att_edge is None for conv in run.model.convs] == [edge_attr is None] * 2
    predictions = run.predict(graphs)
    correct = predictions.prediction == predictions.target
    assert correct.mean() == (0.5 if edge_attr is None else 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"factors": ()}, "`factors` must list whole numbers"),
        ({"factors": ("a",)}, "`factors` must list whole numbers, .* \\(got \\['a'\\]\\)"),
        ({"hidden_channels": 30}, "`hidden_channels` must be divisible by the factors"),
        ({"hidden_channels": 0}, "`hidden_channels` must be at least 1"),
        ({"dropout": 1.0}, "`dropout` must lie in \\[0, 1\\)"),
        ({"readout": "median"}, "`readout` must be one of mean, sum, max"),
        ({"head": "tail"}, "`head` must be one of linear, mlp, layers, conv \\(got 'tail'\\)"),
        ({"weak_supervision": 1.0}, "`weak_supervision` needs labels of graphs"),
        ({"act": "nonsense"}, "nonsense"),
        ({"first_weights": "zero"}, "`first_weights` must be 'random' or 'principal' \\(got 'zero'\\)"),
    ],
)
def test_bad_arguments_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FactorGCN(5, 3, **options)
