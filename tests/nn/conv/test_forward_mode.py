"""Forward-mode derivatives of the layers that stand on native operators, against those of reverse mode."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from graphkit.distill.losses import LocalStructureLoss
from graphkit.nn import DynamicEdgeConv, FactorGCNConv, FusedGATConv, SPAGANConv, STGCNConv, STInceptionConv

EDGES = torch.tensor([[0, 1, 2, 2, 3], [1, 2, 0, 3, 0]])
PATHS = torch.tensor([[2, 3, 0, 1, 2], [0, 1, 2, 0, 0], [1, 2, 0, 3, 1]])
PARTS = torch.eye(3).repeat(3, 1, 1)
Make = Callable[[], torch.nn.Module]

LAYERS: dict[str, tuple[Make, tuple[int, ...], tuple[object, ...]]] = {  # the layer, the shape of x, other inputs
    "SPAGANConv": (lambda: SPAGANConv(3, 2, heads=2), (4, 3), ([EDGES, PATHS],)),
    "FactorGCNConv": (lambda: FactorGCNConv(3, 4, 2), (4, 3), (EDGES,)),
    "FusedGATConv": (lambda: FusedGATConv(3, 2, heads=2), (4, 3), (EDGES,)),
    "STInceptionConv": (lambda: STInceptionConv(4, 6, PARTS), (5, 3, 4), ()),
    "STGCNConv": (lambda: STGCNConv(4, 4, PARTS), (5, 3, 4), ()),
    "DynamicEdgeConv": (lambda: DynamicEdgeConv(3, 2, k=2), (4, 3), ()),
    "LocalStructureLoss": (LocalStructureLoss, (4, 3), (torch.arange(8.0).double().view(4, 2).sin(), EDGES)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_forward_mode(name: str) -> None:
    make, shape, others = LAYERS[name]
    torch.manual_seed(0)
    module = make().double().eval()
    x, direction = torch.randn(2, *shape, dtype=torch.float64)

    def run(x: Tensor) -> Tensor:
        out = module(x, *others)
        return out[0] if isinstance(out, tuple) else out

    expected = torch.autograd.functional.jvp(run, x, direction)[1]
    assert expected.abs().max() > 1e-3
    torch.testing.assert_close(torch.func.jvp(run, (x,), (direction,))[1], expected)
    torch.testing.assert_close(torch.func.jacrev(run)(x), torch.autograd.functional.jacobian(run, x))
