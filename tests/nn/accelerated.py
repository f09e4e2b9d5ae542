"""What the tests of accelerated models share: edges, outcomes and counts of native calls."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch_geometric import EdgeIndex, seed_everything
from torch_geometric.utils import to_torch_csr_tensor

from graphkit.nn import accelerate


class NativeCalls(TorchDispatchMode):
    """Names of the native operators that are called, other than those that group edges."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.name()
        if name.startswith("graphkit::") and "neighbors" not in name and "interrupts" not in name:
            self.names.append(name.removeprefix("graphkit::"))
        return func(*args, **(kwargs or {}))


def edges_of(kind: str, nodes: int = 20, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    edge_index = torch.randint(nodes, (2, 90), generator=torch.Generator().manual_seed(seed))
    if kind == "plain":
        return edge_index
    if kind == "csr":
        edge_index = edge_index.flip(0).unique(dim=1)
        return to_torch_csr_tensor(edge_index, torch.ones(edge_index.size(1), dtype=dtype), size=(nodes, nodes))
    edge_index = edge_index[:, torch.sort(edge_index[1], stable=True).indices]
    return EdgeIndex(edge_index, sparse_size=(nodes, nodes), sort_order="col")


def outcome(model: nn.Module, *inputs: object) -> list[Tensor]:
    """Returns the output and the gradients of all parameters and of the first input."""
    x = inputs[0].detach().requires_grad_() if isinstance(inputs[0], Tensor) else inputs[0]
    model.zero_grad()
    seed_everything(1)
    out = model(x, *inputs[1:])
    out.backward(torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape))
    grads = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    return [out.detach(), *grads, *([x.grad] if isinstance(x, Tensor) and x.grad is not None else [])]


def assert_same(model: nn.Module, *inputs: object, dtype: torch.dtype, cancels: bool = False) -> None:
    """Compares the outcomes of a model and its accelerated copy.

    Args:
        model (torch.nn.Module): Model of PyG.
        inputs (optional): Its inputs.
        dtype (torch.dtype): Type of the model.
        cancels (bool, optional): If ``True``, PyG itself is precise to 1e-4 in float32 only. (default: ``False``)
    """
    tolerance = (1e-4 if cancels else 1e-5) if dtype == torch.float32 else 1e-10
    buffers = {name: t.clone() for name, t in model.named_buffers()}
    fused = accelerate(model)
    theirs = outcome(model, *inputs)
    model.load_state_dict(buffers, strict=False)
    ours = outcome(fused, *inputs)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance * max(1.0, float(b.abs().max())))
