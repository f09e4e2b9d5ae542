"""What all models share: how they read a batch, the embedding of categories and the read-out of graphs."""

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.nn.resolver import activation_resolver
from torch_geometric.utils import scatter

READOUTS = ("mean", "sum", "max")


class GraphModel(torch.nn.Module):
    """A plain module with the two things that a training loop must know of a model.

    A model file registers one sub-class with ``@register_model(name)`` and gives it a ``from_data`` that takes its
    widths from a data set. ``forward`` takes what :meth:`inputs` returns. A model with a loss of its own (FactorGCN's
    discriminators) sets ``has_penalty`` and returns ``(output, penalty)`` when called with ``return_penalty=True``.
    """

    has_penalty = False
    uses_edge_weight = False

    def start(self, data: Data) -> None:
        """Takes first weights from a batch of training data, for the models that can; called once before training."""

    def inputs(self, data: Data) -> dict[str, Any]:
        """Returns the arguments of ``forward`` for a graph or a batch of graphs."""
        if data.get("batch") is None:
            return {"x": data.x, "edge_index": data.edge_index}
        return {"x": data.x, "edge_index": data.edge_index, "batch": data.batch, "batch_size": int(data.num_graphs)}


def check_options(hidden_channels: int, readout: str | None, num_layers: int = 1, **shares: float) -> None:
    """Refuses widths and depths below one, a read-out that does not exist and dropouts outside of [0, 1)."""
    for name, count in (("hidden_channels", hidden_channels), ("num_layers", num_layers)):
        if count < 1:
            raise ValueError(f"`{name}` must be at least 1 (got {count})")
    if readout is not None and readout not in READOUTS:
        raise ValueError(f"`readout` must be one of {', '.join(READOUTS)}, or none for nodes (got {readout!r})")
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise ValueError(f"`{name}` must lie in [0, 1) (got {share})")


def refuse_readout_of_nodes(dataset: Any, options: dict[str, Any]) -> None:
    """Refuses a read-out where the items of the data set are nodes."""
    if dataset.level == "node" and options.get("readout") is not None:
        raise ValueError(f"`readout` is for graphs, but {dataset.name} is about nodes (got {options['readout']!r})")


def make_activation(name: str) -> torch.nn.Module:
    """Returns an activation of PyTorch by name; a leaky ReLU has the slope 0.2.

    Raises:
        ValueError: If there is no such activation.
    """
    try:
        return activation_resolver(name, **({"negative_slope": 0.2} if name == "leaky_relu" else {}))
    except (ValueError, TypeError):
        raise ValueError(f"`act` must be an activation of torch.nn, such as relu, elu or tanh (got {name!r})") from None


def embed(x: Tensor, embedding: torch.nn.Embedding | None) -> Tensor:
    """Looks up categories ``[N]`` or ``[N, 1]`` in the embedding; without one, returns the features as they are."""
    return x if embedding is None else embedding(x.flatten())


def read_out(x: Tensor, batch: Tensor | None, batch_size: int | None, reduce: str) -> Tensor:
    """Reduces node features ``[N, D]`` to graph features ``[B, D]``; without ``batch`` all nodes are one graph."""
    if reduce not in READOUTS:
        raise ValueError(f"`reduce` must be one of {', '.join(READOUTS)} (got {reduce!r})")
    if batch is None:
        batch, batch_size = torch.zeros(x.size(0), dtype=torch.long, device=x.device), 1
    return scatter(x, batch, dim=0, dim_size=batch_size, reduce=reduce)
