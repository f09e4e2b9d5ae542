"""The small frozen description that every data set comes in, whatever it was read from."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.collection import GraphCollection
from graphkit.data.edges import plain_edge_index
from graphkit.errors import InputError

TASKS = (
    "node-classification",
    "multilabel-node-classification",
    "graph-classification",
    "multitask-graph-classification",
    "graph-regression",
    "skeleton-classification",
)
#: Attributes that models and losses read.
ATTRIBUTES = ("x", "pos", "edge_index", "edge_weight", "edge_attr", "y")


@dataclass(frozen=True)
class Split:
    """Which items train, select and test: ids of nodes when the data set is one graph, of graphs otherwise.

    ``val`` is empty where the published protocol has no validation set (ten-fold cross-validation).
    """

    train: Tensor
    val: Tensor
    test: Tensor

    def __repr__(self) -> str:
        return f"Split({self.train.numel()} train, {self.val.numel()} val, {self.test.numel()} test)"


@dataclass(frozen=True)
class GraphDataset:
    """A data set: PyG graphs and what a model, a task and a training loop must know about them.

    Args:
        name: The name it was loaded by.
        task: One of :data:`TASKS`.
        graphs: ``(data,)`` for one graph, or a :class:`~graphkit.data.GraphCollection` for many.
        splits: One split, or several where the protocol has several (WebKB's ten, ten folds).
        num_features: Width of ``x``.
        num_outputs: Number of classes, labels, assays or targets.
        metric: Name of the score, such as ``"accuracy"``.
        protocol: ``"validation"``; ``"fold"`` where the held-out fold, or ``"test"`` where the test items, also select
            the epoch.
        num_categories: If set, ``x`` is ``[N]`` int64 with values below it, to be embedded by the model.
        class_names: Names of the outputs, where they are known.
        node_names: The user's own node ids, in the order of the rows of ``x``.
        citation: One line on where the data come from.
        mapped: Whether the features of its only graph stay in their file and are read where they are used.
        notes: What a person should know about how the data were read, one line each.
    """

    #: Kind of the items; a model fits if it :attr:`~graphkit.nn.GraphModel.reads` the same.
    holds: ClassVar[Literal["graphs", "skeleton clips"]] = "graphs"

    name: str
    task: str
    graphs: Sequence[Data]
    splits: tuple[Split, ...]
    num_features: int
    num_outputs: int
    metric: str
    protocol: str = "validation"
    num_categories: int | None = None
    class_names: tuple[str, ...] = ()
    node_names: tuple[str, ...] = ()
    citation: str = ""
    mapped: bool = False
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        size = f"{self.graphs[0].num_nodes} nodes" if self.is_single_graph else f"{len(self.graphs)} graphs"
        splits = repr(self.splits[0]) if len(self.splits) == 1 else f"{len(self.splits)} splits"
        widths = f"{self.num_features} features, {self.num_outputs} outputs"
        return f"GraphDataset({self.name}, {self.task}, {size}, {widths}, {splits})"

    @property
    def is_single_graph(self) -> bool:
        """Whether the items that are split are the nodes of one graph."""
        of_graphs = ("graph-classification", "graph-regression", "skeleton-classification")
        return len(self.graphs) == 1 and not self.task.endswith(of_graphs)

    @property
    def level(self) -> str:
        """``"node"`` or ``"graph"``: what one prediction is made for."""
        return "node" if self.task.endswith("node-classification") else "graph"

    def split_of(self, fold: int | None) -> Split:
        """Returns the split of a fold; ``None`` stands for the first one."""
        return self.splits[(fold or 0) % len(self.splits)]

    @property
    def collection(self) -> GraphCollection | None:
        """Store of many graphs; ``None`` where the data set is one graph or holds clips."""
        return self.graphs if isinstance(self.graphs, GraphCollection) else None

    @property
    def sizes(self) -> Tensor:
        """Work that each item is ``[G]``: the number of nodes and edges of a graph, or of frames of a clip."""
        if self.collection is not None:
            return self.collection.num_nodes + self.collection.num_edges
        return torch.tensor([int(data.num_nodes or 0) + data.num_edges for data in self.graphs])

    @property
    def has_factor_masks(self) -> bool:
        """Whether the true factors that an edge belongs to are known, as ``factor_mask``."""
        return self.collection is not None and "factor_mask" in self.collection.edge

    @property
    def joint_edges(self) -> Tensor | None:
        """Bones of the skeleton as edges ``[2, E]`` in both directions; ``None`` for graphs."""
        return None

    def augmentation(self, items: Sequence[Any]) -> Any:
        """Returns the random change of training items; ``None`` without ``items``.

        Args:
            items: Augmentations in the form of :func:`graphkit.skeleton.augment.build_augmentation`.

        Raises:
            InputError: If a name or an option is wrong, or the items are graphs.
        """
        if items:
            raise InputError(f"`train.augment` changes clips, and {self.name} holds graphs; leave it out")
        return None

    def tensors(self) -> dict[str, Tensor]:
        """Returns the attributes that models and losses read, for all graphs."""
        graphs = self.collection
        if graphs is None:
            attributes = {name: self.graphs[0].get(name) for name in ATTRIBUTES}
        else:
            levels = {**graphs.node, **graphs.edge, **graphs.graph, "edge_index": graphs.edge_index}
            sizes = {"num_nodes": graphs.num_nodes, "num_edges": graphs.num_edges}
            attributes = {**sizes, **{name: levels.get(name) for name in ATTRIBUTES}}
        return {name: plain_edge_index(value) for name, value in attributes.items() if isinstance(value, Tensor)}

    def init_batch(self, ids: Tensor) -> Data:
        """Returns the graph, or some graphs as one batch, for first weights that depend on the data."""
        return self.graphs[0] if self.collection is None else self.collection.batch(ids)

    def union(self) -> Data:
        """Returns the graph, or the disjoint union of all graphs, in an object that may be changed."""
        return copy(self.graphs[0]) if self.collection is None else self.collection.union()

    def with_union(self, data: Data) -> "GraphDataset":
        """Returns the data set with the graphs of a changed :meth:`union`."""
        if self.collection is None:
            return self.replace(graphs=(data,))
        graphs = GraphCollection.from_union(data.to("cpu"), len(self.collection), like=self.collection)
        return self.replace(graphs=graphs)

    def targets(self) -> Tensor:
        """Returns the targets of all nodes or of all graphs, one row each."""
        if self.collection is None:
            return self.graphs[0].y
        return (self.collection.node if self.level == "node" else self.collection.graph)["y"]

    def with_targets(self, y: Tensor) -> "GraphDataset":
        """Returns the data set with other :meth:`targets`; everything else is shared."""
        if self.collection is None:
            data = copy(self.graphs[0])
            data.y = y
            return self.replace(graphs=(data,))
        graphs = copy(self.collection)
        setattr(graphs, self.level, {**getattr(graphs, self.level), "y": y})
        return self.replace(graphs=graphs)

    def replace(self, **changes: object) -> "GraphDataset":
        """Returns a copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]
