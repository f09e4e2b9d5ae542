import pytest
import torch
from torch_geometric import EdgeIndex
from torch_geometric.nn import GATConv

from graphkit.nn import FusedGATConv


def graph() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(9, 5, generator=generator, dtype=torch.float64)
    return x, torch.randint(8, (2, 30), generator=generator)  # node 8 has no neighbor


def pair(**options: object) -> tuple[GATConv, FusedGATConv]:
    torch.manual_seed(1)
    plain, fused = GATConv(5, 3, heads=2, **options).double(), FusedGATConv(5, 3, heads=2, **options).double()
    fused.load_state_dict(plain.state_dict())
    return plain, fused


OPTIONS = [{}, {"concat": False}, {"residual": True, "bias": False}, {"add_self_loops": False}]


@pytest.mark.parametrize("options", OPTIONS)
def test_equals_the_layer_of_pyg(options: dict[str, object]) -> None:
    (plain, fused), (x, edge_index) = pair(**options), graph()
    one, other = x.clone().requires_grad_(), x.clone().requires_grad_()
    expected, out = plain(one, edge_index), fused(other, edge_index)
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(fused(x, EdgeIndex(edge_index, sparse_size=(9, 9)).sort_by("col").values), expected)
    for y in (expected, out):
        y.square().sum().backward()
    torch.testing.assert_close(other.grad, one.grad)
    for a, b in zip(fused.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_attention_is_dropped_in_training_only() -> None:
    (_, fused), (x, edge_index) = pair(dropout=0.5), graph()
    torch.manual_seed(0)
    assert not torch.allclose(fused(x, edge_index), fused(x, edge_index))
    fused.eval()
    assert torch.equal(fused(x, edge_index), fused(x, edge_index))


def test_what_needs_messages_goes_the_way_of_pyg() -> None:
    (plain, fused), (x, edge_index) = pair(), graph()
    out, (edges, attention) = fused(x, edge_index, return_attention_weights=True)
    torch.testing.assert_close(out, plain(x, edge_index))
    assert attention.shape == (edges.size(1), 2)
    seen: list[torch.Tensor] = []
    fused.register_message_forward_hook(lambda _module, _inputs, messages: seen.append(messages))
    torch.testing.assert_close(fused(x, edge_index), out)
    assert len(seen) == 1
    torch.testing.assert_close(fused((x, x[:4]), edge_index % 4), plain((x, x[:4]), edge_index % 4))
