import pytest
import torch
from torch_geometric.data import Data

from graphkit.nn import GraphModel
from graphkit.registry import get_model


def make(**options: object) -> GraphModel:
    torch.manual_seed(0)
    return get_model("gat")(4, 3, hidden_channels=8, heads=2, dropout=0.0, **options).eval()


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
    with pytest.raises(ValueError, match="one number per edge .got 'edge_weight'."):
        make(edge_attr="edge_weight").inputs(graph())
    assert make(edge_attr="edge_weight").uses_edge_weight and not make(edge_attr="edge_length").uses_edge_weight
