"""GIN as a baseline."""

from typing import Any

import torch
from torch_geometric.nn.models import GIN as PyGGIN

from graphkit.nn.models.baseline import Baseline
from graphkit.registry import register_model


@register_model("gin")
class GIN(Baseline):
    """`How Powerful are Graph Neural Networks? <https://arxiv.org/abs/1810.00826>`_ (ICLR 2019).

    The layers are those of :class:`torch_geometric.nn.models.GIN`; see :class:`Baseline` for the arguments.
    """

    def make_body(
        self, in_channels: int, hidden: int, num_layers: int, out_channels: int, dropout: float, norm: str | None,
        **options: Any,
    ) -> torch.nn.Module:
        """Returns PyG's stack."""
        return PyGGIN(in_channels, hidden, num_layers, out_channels, dropout=dropout, norm=norm, **options)
