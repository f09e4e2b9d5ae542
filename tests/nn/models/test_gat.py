import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.nn import GATConv, GATv2Conv

from graphkit.nn import GraphModel
from graphkit.registry import get_model


def make(name: str = "gat", **options: object) -> GraphModel:
    torch.manual_seed(0)
    return get_model(name)(4, 3, hidden_channels=8, heads=2, dropout=0.0, **options).eval()


def graph() -> Data:
    torch.manual_seed(1)
    edge_index = torch.tensor([[0, 1, 2, 3, 0], [1, 2, 3, 0, 2]])
    return Data(x=torch.randn(4, 4), edge_index=edge_index, edge_length=torch.tensor([1.0, 2.0, 0.5, 0.0, 3.0]))


@pytest.mark.parametrize("out_heads", [None, 1])
def test_attention_takes_an_attribute_of_the_edges_into_account(out_heads: int | None) -> None:
    model, data = make(edge_attr="edge_length", out_heads=out_heads), graph()
    out = model(**model.inputs(data))
    data.edge_length = data.edge_length.flip(0)
    assert out.shape == (4, 3) and not torch.allclose(out, model(**model.inputs(data)))
    assert "edge_attr" not in make(out_heads=out_heads).inputs(data)


def test_a_node_is_no_way_from_itself() -> None:
    model, data = make(edge_attr="edge_length"), graph()
    out = model(**model.inputs(data))
    data.edge_index = torch.cat([data.edge_index, torch.arange(4).expand(2, -1)], dim=1)
    data.edge_length = torch.cat([data.edge_length, torch.zeros(4)])
    torch.testing.assert_close(model(**model.inputs(data)), out)


def test_an_attribute_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="one number for each of the 5 edges, got 'edge_weight' .no such attribute."):
        make(edge_attr="edge_weight").inputs(graph())
    assert make(edge_attr="edge_weight").uses_edge_weight and not make(edge_attr="edge_length").uses_edge_weight


def published(layers: int, hidden: int, heads: int, out_heads: int, fused: bool = False) -> GraphModel:
    return get_model("gat")(
        50, 121, hidden_channels=hidden, num_layers=layers, heads=heads, out_heads=out_heads, residual=True, bias=False,
        dropout=0.0, fused=fused,
    )  # fmt: skip


@pytest.mark.parametrize("fused", [False, True])
def test_the_networks_of_the_distillation_paper_have_as_many_parameters_as_published(fused: bool) -> None:
    teacher, student = published(3, 1024, 4, 6, fused), published(5, 136, 2, 2, fused)
    assert sum(p.numel() for p in teacher.parameters()) == 3_640_748
    assert sum(p.numel() for p in student.parameters()) == 185_172


@pytest.mark.parametrize("name", ["gat", "gatv2"])
def test_fused_layers_and_residuals_give_what_plain_layers_give(name: str) -> None:
    plain = make(name, num_layers=3, residual=True, out_heads=3, fused=False)
    fused = make(name, num_layers=3, residual=True, out_heads=3)
    assert [conv.res is not None for conv in plain.body.convs] == [False, True, True]
    fused.load_state_dict(plain.state_dict())
    inputs = plain.inputs(graph())
    torch.testing.assert_close(fused(**inputs), plain(**inputs))
    # The residual of the last layer is the mean over its heads of a map of each.
    last, x = plain.body.convs[-1], torch.randn(4, 8)
    per_head = torch.stack([x @ weight.t() for weight in last.res.weight])
    torch.testing.assert_close(last.res(x), per_head.mean(dim=0))
    assert make(edge_attr="edge_length").body.convs[0].lin_edge is not None


def test_fused_layers_are_the_default_of_both_kinds_of_attention() -> None:
    assert all(type(conv) not in (GATConv, GATv2Conv) for name in ("gat", "gatv2") for conv in make(name).body.convs)
    assert [type(conv) for conv in make(fused=False).body.convs] == [GATConv, GATConv]
    assert [type(conv) for conv in make("gatv2", fused=False, out_heads=1).body.convs] == [GATv2Conv, GATv2Conv]
