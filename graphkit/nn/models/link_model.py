"""Model of links: a model of nodes as encoder, and a decoder of pairs."""

from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.nn.models.graph_model import GraphModel, ReceptiveField


class LinkModel(GraphModel):
    """Model of links that scores pairs of nodes.

    Args:
        network (GraphModel): Encoder, with an embedding per node as its output.
        decoder (torch.nn.Module): Decoder of two embeddings ``[B, C]``, see :mod:`graphkit.nn.link_decoders`.

    Shapes:
        - **input:** ``pair_index`` ``[2, B]``, nodes of each pair, and ``inputs``, the arguments of the encoder.
        - **output:** ``[B]``, logits; with ``return_penalty`` also the penalty of the encoder.
    """

    def __init__(self, network: GraphModel, decoder: torch.nn.Module) -> None:
        super().__init__()
        self.network, self.decoder = network, decoder
        self.has_penalty = network.has_penalty

    def inputs(self, data: Data) -> dict[str, Any]:
        """Returns the arguments of ``forward`` for a graph with ``pair_index``."""
        return {"pair_index": data.pair_index, "inputs": self.network.inputs(data)}

    def forward(
        self, pair_index: Tensor, inputs: dict[str, Any], *, return_penalty: bool = False
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Returns the logits of the pairs."""
        if not return_penalty:
            return self.decode(self.network(**inputs), pair_index)
        embedding, penalty = self.network(**inputs, return_penalty=True)
        return self.decode(embedding, pair_index), penalty

    def decode(self, embedding: Tensor, pair_index: Tensor) -> Tensor:
        """Returns the logits of pairs of nodes with some embeddings ``[N, C]``."""
        score: Tensor = self.decoder(embedding[pair_index[0]], embedding[pair_index[1]])
        return score

    def init_from_data(self, data: Data) -> None:
        """Initializes the weights of the encoder."""
        self.network.init_from_data(data)

    @property
    def has_next_phase(self) -> bool:
        """True if another training phase of the encoder follows."""
        return self.network.has_next_phase

    def begin_phase(self, data: Data) -> Data | None:
        """Begins the next phase of the encoder."""
        return self.network.begin_phase(data)

    def prepare(self, data: Data) -> Data:
        """Returns the data for the current phase of the encoder."""
        return self.network.prepare(data)

    def receptive_field(self, data: Data) -> ReceptiveField | None:
        """Returns the receptive field of the embedding of a node."""
        return self.network.receptive_field(data)

    def prepare_for_sampling(self, data: Data) -> Data:
        """Returns the graph with the node attributes that sampled subgraphs need."""
        return self.network.prepare_for_sampling(data)

    def begin_sampled_phase(self, data: Data) -> bool:
        """Begins the next phase of the encoder on sampled subgraphs."""
        return self.network.begin_sampled_phase(data)

    def with_edge_costs(self, data: Data) -> Data:
        """Returns the graph with the edge lengths of the current phase."""
        return self.network.with_edge_costs(data)
