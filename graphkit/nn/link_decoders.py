"""Decoders of links: the score of a pair of nodes from their embeddings."""

import torch
from torch import Tensor

#: Decoders that score both directions of a pair alike.
SYMMETRIC = ("dot", "distance")


class DotDecoder(torch.nn.Module):
    """Dot product of the embeddings; both directions of a pair have the same score."""

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Returns the logits ``[B]`` of pairs of embeddings ``[B, C]``."""
        return (source * target).sum(dim=-1)


class DistanceDecoder(torch.nn.Module):
    """Learned margin minus the squared distance of the embeddings, symmetric."""

    def __init__(self) -> None:
        super().__init__()
        self.margin = torch.nn.Parameter(torch.ones(()))

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Returns the logits ``[B]`` of pairs of embeddings ``[B, C]``."""
        return self.margin - (source - target).square().sum(dim=-1)


class MLPDecoder(torch.nn.Module):
    """Multilayer perceptron on two embeddings.

    Args:
        channels (int): Width of the embeddings and of the hidden layer.
        directed (bool): Input of the perceptron: the concatenated embeddings, whose order matters, else their product.
    """

    def __init__(self, channels: int, directed: bool) -> None:
        super().__init__()
        self.directed = directed
        width = 2 * channels if directed else channels
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(width, channels), torch.nn.ReLU(), torch.nn.Linear(channels, 1)
        )

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Returns the logits ``[B]`` of pairs of embeddings ``[B, C]``."""
        x = torch.cat([source, target], dim=-1) if self.directed else source * target
        return self.layers(x).squeeze(-1)


def make_decoder(name: str, channels: int, directed: bool) -> torch.nn.Module:
    """Creates the decoder ``"dot"``, ``"distance"`` or ``"mlp"``."""
    if name == "mlp":
        return MLPDecoder(channels, directed)
    return DistanceDecoder() if name == "distance" else DotDecoder()
