"""Visible part of a graph in the training on a task."""

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.edges import plain_edge_index, sorted_edge_index
from graphkit.errors import InputError
from graphkit.nn.attribute_level import attribute_level

VISIBLE = ("whole", "so-far", "task")


class VisibleGraph:
    """Visible subgraphs of a graph by task; the whole graph is not copied.

    Args:
        data: The graph, with edges sorted by target.
        owner: Task ``[N]`` of each node, int64; -1 for none.
        visible: ``"whole"``, ``"so-far"`` (nodes of the tasks up to the current one) or ``"task"`` (nodes of the
            current task only). Nodes of no task are visible with ``"whole"`` only.
        inter_task_edges: If ``False``, edges between nodes of different tasks are removed.
        edge_time: Task ``[E]`` at which each edge appears; ``None`` if edges appear with their nodes.
    """

    def __init__(
        self, data: Data, owner: Tensor, visible: str, inter_task_edges: bool, edge_time: Tensor | None = None
    ) -> None:
        if visible not in VISIBLE:
            raise InputError(f"`visible` must be one of {', '.join(VISIBLE)} (got {visible!r})")
        self.data, self.owner, self.visible, self.edge_time = data, owner, visible, edge_time
        self.inter_task_edges = inter_task_edges
        self._kept: dict[int, Data] = {}

    def stage(self, index: int, stage: int) -> int:
        """Returns the number of the visible graph of task ``index`` at a stage."""
        return {"whole": 0, "so-far": max(index, stage), "task": index}[self.visible]

    def graph(self, stage: int) -> Data:
        """Returns a visible graph by number; ``n_id`` has the original ids of its nodes."""
        if self.visible == "whole" and self.inter_task_edges:
            return self.data
        if stage not in self._kept:
            if self.visible == "so-far" and len(self._kept) > 1:  # bounds the memory of a growing graph
                del self._kept[min(self._kept)]
            self._kept[stage] = self._cut(stage)
        return self._kept[stage]

    def _cut(self, stage: int) -> Data:
        """Returns the graph with the nodes and edges of a stage."""
        owner, source = self.owner, plain_edge_index(self.data.edge_index)
        if self.visible == "whole":
            nodes = torch.ones_like(owner, dtype=torch.bool)
        elif self.visible == "so-far":
            nodes = (owner >= 0) & (owner <= stage)
        else:
            nodes = owner == stage
        edges = nodes[source[0]] & nodes[source[1]]
        if not self.inter_task_edges:
            ends = owner[source]
            edges &= (ends[0] == ends[1]) | (ends < 0).any(dim=0)
        if self.edge_time is not None and self.visible != "whole":
            edges &= self.edge_time <= stage
        ids = nodes.nonzero().view(-1)
        mapping = torch.full_like(owner, -1)
        mapping[ids] = torch.arange(ids.numel(), device=ids.device)
        everyone = ids.numel() == owner.numel()
        cut = Data()
        for name, value in self.data.to_dict().items():
            if name == "edge_index" or not isinstance(value, Tensor):
                continue
            level = attribute_level(self.data, name)
            if level == "edge":
                cut[name] = value[edges]
            elif level == "node" and not everyone:
                cut[name] = rows_of(value, ids)
            else:
                cut[name] = value
        cut.edge_index = sorted_edge_index(mapping[source[:, edges]], ids.numel())
        cut.num_nodes = ids.numel()
        cut.n_id = ids
        return cut

    def places(self, ids: Tensor, stage: int) -> Tensor:
        """Returns the indices in the visible graph of nodes by their original ids."""
        graph = self.graph(stage)
        if "n_id" not in graph or graph.n_id.numel() == self.owner.numel():
            return ids
        return torch.searchsorted(graph.n_id, ids)


def rows_of(value: Tensor, ids: Tensor) -> Tensor:
    """Returns rows of a dense or sparse tensor, in the same layout."""
    if value.layout != torch.sparse_csr:
        return value.index_select(0, ids)
    return value.to_sparse(layout=torch.sparse_coo).index_select(0, ids).to_sparse_csr()
