"""What a teacher says of the graphs of a collection, asked once for each of them."""

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.data import Data

from graphkit.data import GraphCollection
from graphkit.distill import Distiller
from graphkit.distill.layer_capture import LayerOutput
from graphkit.nn import GraphModel

#: Bytes of features that are kept; where all graphs together need more, the teacher is asked for every batch.
LIMIT = 2**30
#: Graphs that are shown to the teacher together.
BLOCK = 16
#: The attribute that tells which graph of the collection one is.
NAME = "graph_id"


class TeacherOutputCache:
    """Keeps the features of a teacher for every graph, whatever batch the graph comes in.

    A teacher in evaluation mode says of a graph what it says of it alone. So the graphs are shown to it in blocks that
    are always the same, the first time one of them comes, and the features of a batch are those of its graphs end to
    end: the same bits in whatever order the graphs come. The graphs of the collection are numbered for that, by an
    attribute ``graph_id``.

    Args:
        distiller: The distiller whose teacher is asked.
        teacher: The teacher.
        graphs: The collection.
        device: Where the teacher is.
        limit: Bytes of features that may be kept.
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
        """Returns what the teacher's layers say of a batch; ``None`` where it must be asked for the batch itself."""
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
        """Returns what the teacher says of one graph, kept or computed; nothing if that cannot be told apart."""
        if index not in self._kept:
            begin = index - index % BLOCK
            sizes = self.graphs.num_nodes[begin : begin + BLOCK].tolist()
            block = {name: _cut(captured, sizes) for name, captured in self._block(begin).items()}
            complete = all(len(parts) == len(sizes) for parts in block.values())
            for offset in range(len(sizes)):
                self._kept[begin + offset] = {name: parts[offset] for name, parts in block.items()} if complete else {}
        return self._kept[index]

    def _block(self, begin: int) -> dict[str, LayerOutput]:
        """Returns what the teacher says of a block of graphs."""
        ids = torch.arange(begin, min(begin + BLOCK, len(self.graphs)))
        return self.distiller.teach((), self.teacher.inputs(self.graphs.batch(ids).to(self.device)))


def _cut(captured: LayerOutput, sizes: list[int]) -> list[LayerOutput]:
    """Cuts what was said of a block into that of each graph: rows of its nodes, or one row; nothing for other rows."""
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
