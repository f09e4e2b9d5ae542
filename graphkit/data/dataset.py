"""Data set class: graphs, splits and metadata."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data.collection import GraphCollection
from graphkit.data.edges import plain_edge_index
from graphkit.errors import InputError

if TYPE_CHECKING:
    from graphkit.data.smiles import MoleculeEncoder
    from graphkit.data.user.encoder import FeatureEncoder

TASKS = (
    "node-classification",
    "multilabel-node-classification",
    "graph-classification",
    "multitask-graph-classification",
    "node-regression",
    "graph-regression",
    "skeleton-classification",
    "link-prediction",
)
#: Attributes that models and losses use.
ATTRIBUTES = ("x", "pos", "edge_index", "edge_weight", "edge_attr", "y")


@dataclass(frozen=True)
class Split:
    """Training, validation and test items.

    Items are nodes for a single graph, graphs otherwise. ``val`` is empty for protocols without a validation set
    (ten-fold cross-validation).
    """

    train: Tensor
    val: Tensor
    test: Tensor

    def __repr__(self) -> str:
        return f"Split({self.train.numel()} train, {self.val.numel()} val, {self.test.numel()} test)"


class Rejected(NamedTuple):
    """Row of a file without a valid molecule.

    Args:
        id (str): Id of the row.
        text (str): SMILES string.
        reason (str): Reason of the rejection.
        row (int): Number of the row, from 0 below the header.
        line (int): Line in the file.
    """

    id: str
    text: str
    reason: str
    row: int
    line: int


@dataclass(frozen=True)
class GraphDataset:
    """Data set: PyG graphs with splits, task and metadata.

    Args:
        name (str): Name of the data set.
        task (str): One of :data:`TASKS`.
        graphs (tuple[Data] or GraphCollection): ``(data,)`` for one graph, a :class:`~graphkit.data.GraphCollection`
            for many.
        splits (tuple[Split, ...]): One or several splits (such as ten folds).
        num_features (int): Width of ``x``.
        num_outputs (int): Number of classes, labels, assays or targets.
        metric (str): Name of the metric, such as ``"accuracy"``.
        protocol (str, optional): Items on which the epoch is selected: ``"validation"``, ``"fold"`` (the held-out fold)
            or ``"test"``. (default: ``"validation"``)
        num_categories (int, optional): If set, ``x`` is ``[N]`` int64 with values below it, for an embedding. (default:
            ``None``)
        class_names (tuple[str, ...], optional): Names of the outputs. (default: ``()``)
        node_names (tuple[str, ...], optional): User-defined node ids, in the order of the rows of ``x``. (default:
            ``()``)
        graph_names (tuple[str, ...], optional): User-defined ids of many graphs. (default: ``()``)
        citation (str, optional): Origin of the data. (default: ``""``)
        mapped (bool, optional): Features are memory-mapped (single graph). (default: ``False``)
        notes (tuple[str, ...], optional): Messages for the user about how the data were read. (default: ``()``)
        smiles (tuple[str, ...], optional): SMILES string of each graph. (default: ``()``)
        rejected (tuple[Rejected, ...], optional): Rows of the file that are not molecules. (default: ``()``)
        encoder (FeatureEncoder or MoleculeEncoder, optional): Encoding of the features, for new data. (default:
            ``None``)
    """

    #: Kind of the items; must equal :attr:`~graphkit.nn.GraphModel.reads` of a model.
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
    graph_names: tuple[str, ...] = ()
    citation: str = ""
    mapped: bool = False
    notes: tuple[str, ...] = ()
    smiles: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    encoder: "FeatureEncoder | MoleculeEncoder | None" = None

    def __repr__(self) -> str:
        size = f"{self.graphs[0].num_nodes} nodes" if self.is_single_graph else f"{len(self.graphs)} graphs"
        splits = repr(self.splits[0]) if len(self.splits) == 1 else f"{len(self.splits)} splits"
        widths = f"{self.num_features} features, {self.num_outputs} outputs"
        return f"GraphDataset({self.name}, {self.task}, {size}, {widths}, {splits})"

    @property
    def is_single_graph(self) -> bool:
        """``True`` if the split items are the nodes of one graph."""
        of_graphs = ("graph-classification", "graph-regression", "skeleton-classification")
        return len(self.graphs) == 1 and not self.task.endswith(of_graphs)

    @property
    def level(self) -> str:
        """Prediction level, ``"node"`` or ``"graph"``."""
        return "node" if self.task.endswith(("node-classification", "node-regression")) else "graph"

    def split_of(self, fold: int | None, seed: int) -> Split:
        """Returns the split of a fold; for ``None``, the one of a seed, in turn."""
        return self.splits[(seed if fold is None else fold) % len(self.splits)]

    @property
    def collection(self) -> GraphCollection | None:
        """Collection of graphs; ``None`` for a single graph or clips."""
        return self.graphs if isinstance(self.graphs, GraphCollection) else None

    @property
    def sizes(self) -> Tensor:
        """Size of each item ``[G]``: nodes plus edges of a graph, or frames of a clip."""
        if self.collection is not None:
            return self.collection.num_nodes + self.collection.num_edges
        return torch.tensor([int(data.num_nodes or 0) + data.num_edges for data in self.graphs])

    @property
    def has_factor_masks(self) -> bool:
        """``True`` if the graphs have ``factor_mask``, the true factors of each edge."""
        return self.collection is not None and "factor_mask" in self.collection.edge

    @property
    def num_edge_features(self) -> int:
        """Width ``D`` of the edge features ``edge_attr`` ``[E, D]``; 0 without them.

        Categorical edge features, such as types of bonds, are one-hot.
        """
        edge_attr = self.tensors().get("edge_attr")
        return 0 if edge_attr is None else edge_attr.shape[1:].numel()

    @property
    def joint_edges(self) -> Tensor | None:
        """Bones of the skeleton as edges ``[2, E]`` in both directions, or ``None``."""
        return None

    def graph_title(self, index: int) -> str:
        """Returns the name of a graph for figures: its id, and for molecules the SMILES."""
        name = f"graph {self.graph_names[index] if self.graph_names else index}"
        return f"{name}, {self.smiles[index]:.40}" if self.smiles else name

    def augmentation(self, items: Sequence[Any]) -> Any:
        """Returns the augmentation of training items; ``None`` without ``items``.

        Args:
            items (list): Augmentations in the form of :func:`graphkit.skeleton.augment.build_augmentation`.

        Raises:
            InputError: If a name or an option is invalid, or the items are graphs.
        """
        if items:
            raise InputError(f"`train.augment` is for clips, and {self.name} has graphs; leave it out")
        return None

    def tensors(self) -> dict[str, Tensor]:
        """Returns the tensors of all graphs that models and losses use."""
        graphs = self.collection
        if graphs is None:
            attributes = {name: self.graphs[0].get(name) for name in ATTRIBUTES}
        else:
            levels = {**graphs.node, **graphs.edge, **graphs.graph, "edge_index": graphs.edge_index}
            sizes = {"num_nodes": graphs.num_nodes, "num_edges": graphs.num_edges}
            attributes = {**sizes, **{name: levels.get(name) for name in ATTRIBUTES}}
        return {name: plain_edge_index(value) for name, value in attributes.items() if isinstance(value, Tensor)}

    def init_batch(self, ids: Tensor) -> Data:
        """Returns a batch for data-dependent initialization."""
        return self.graphs[0] if self.collection is None else self.collection.batch(ids)

    def union(self) -> Data:
        """Returns a shallow copy of the graph, or of the disjoint union of all graphs."""
        return copy(self.graphs[0]) if self.collection is None else self.collection.union()

    def with_union(self, data: Data) -> "GraphDataset":
        """Returns the data set with the graphs of a modified :meth:`union`."""
        if self.collection is None:
            return self.replace(graphs=(data,))
        graphs = GraphCollection.from_union(data.to("cpu"), len(self.collection), like=self.collection)
        return self.replace(graphs=graphs)

    def selection_items(self, ids: Tensor, metric: str) -> Tensor:
        """Returns the validation items that a metric needs."""
        return ids

    def targets(self) -> Tensor:
        """Returns the targets of all nodes or graphs, one row each."""
        if self.collection is None:
            return self.graphs[0].y
        return (self.collection.node if self.level == "node" else self.collection.graph)["y"]

    def with_targets(self, y: Tensor) -> "GraphDataset":
        """Returns the data set with other :meth:`targets`."""
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
