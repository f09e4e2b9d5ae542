"""Cache of the outputs of a teacher for the graphs of a collection."""

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.data import Data

from graphkit.data import GraphCollection
from graphkit.distill import Distiller
from graphkit.distill.layer_capture import LayerOutput
from graphkit.nn import GraphModel

#: Maximum size of the cache in bytes. If all graphs need more, the teacher is called for every batch.
LIMIT = 2**30
#: Graphs in one forward pass of the teacher.
BLOCK = 16
#: Graph attribute with the index of a graph in the collection.
NAME = "graph_id"


class TeacherOutputCache:
    """Cache of the outputs of a teacher's layers, by graph.

    In evaluation mode, the output for a graph does not depend on the other graphs of a batch. The teacher is called on
    fixed blocks of graphs, at the first request of one of them, and the features of a batch are concatenated from
    those of its graphs. The result is the same to the bit for any order of graphs. The graphs of the collection are
    numbered by an attribute ``graph_id``.

    Args:
        distiller: Distiller with the layers of the teacher.
        teacher: The teacher.
        graphs: The collection.
        device: Device of the teacher.
        limit: Maximum size of the cache in bytes.
    """

    def __init__(
        self,
        distiller: Distiller,
        teacher: GraphModel,
        graphs: GraphCollection,
        device: torch.device,
        limit: int = LIMIT,
    ) -> None:
        self.distiller, self.teacher, self.graphs, self.device = distiller, teacher, graphs, device
        self._kept: dict[int, dict[str, LayerOutput]] = {}
        first = [t for output in self._block(0).values() for t in output[:2] if t is not None]
        nodes = int(graphs.num_nodes[:BLOCK].sum())
        total = sum(t.numel() * t.element_size() for t in first) / max(1, nodes) * int(graphs.num_nodes.sum())
        self.fits = total <= limit
        if self.fits:
            graphs.graph.setdefault(NAME, torch.arange(len(graphs)))

    def __call__(self, batch: Data) -> dict[str, LayerOutput] | None:
        """Returns the outputs of the teacher's layers for a batch, ``None`` if not cached."""
        ids = batch.get(NAME)
        if ids is None or not self.fits:
            return None
        parts = [self._graph(index) for index in ids.tolist()]
        if not all(parts):
            return None
        joined = {}
        for name in parts[0]:
            captured = [outputs[name] for outputs in parts]
            edges = None
            if captured[0].edge_index is not None:
                starts = batch.ptr.tolist()
                made = [output.edge_index + start for output, start in zip(captured, starts, strict=False)]
                edges = torch.cat(made, dim=1)
            joined[name] = LayerOutput(torch.cat([output.features for output in captured]), edges)
        return joined

    def _graph(self, index: int) -> dict[str, LayerOutput]:
        """Returns the outputs for one graph, cached or computed.

        The result is empty if the outputs of a block cannot be assigned to its graphs.
        """
        if index not in self._kept:
            begin = index - index % BLOCK
            sizes = self.graphs.num_nodes[begin : begin + BLOCK].tolist()
            block = {name: _cut(captured, sizes) for name, captured in self._block(begin).items()}
            complete = all(len(parts) == len(sizes) for parts in block.values())
            for offset in range(len(sizes)):
                self._kept[begin + offset] = {name: parts[offset] for name, parts in block.items()} if complete else {}
        return self._kept[index]

    def _block(self, begin: int) -> dict[str, LayerOutput]:
        """Returns the outputs of the teacher for a block of graphs."""
        ids = torch.arange(begin, min(begin + BLOCK, len(self.graphs)))
        return self.distiller.teach((), self.teacher.inputs(self.graphs.batch(ids).to(self.device)))


def _cut(captured: LayerOutput, sizes: list[int]) -> list[LayerOutput]:
    """Splits the output for a block by graph, into rows of nodes or single rows.

    The result is empty for any other number of rows.
    """
    features, made, _ = captured
    rows = sizes if features.size(0) == sum(sizes) else [1] * len(sizes)
    if features.size(0) != sum(rows):
        return []
    edges: list[Tensor | None] = [None] * len(sizes)
    if made is not None:
        plain = made.as_tensor() if isinstance(made, EdgeIndex) else made
        counter = torch.arange(len(sizes), device=plain.device)
        owner = torch.repeat_interleave(counter, torch.tensor(sizes, device=plain.device))[plain[1]]
        starts = [sum(sizes[:index]) for index in range(len(sizes))]
        edges = [plain[:, owner == index] - start for index, start in enumerate(starts)]
    return [LayerOutput(*fields) for fields in zip(features.split(rows), edges, strict=True)]
