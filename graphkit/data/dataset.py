"""The small frozen description that every data set comes in, whatever it was read from."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor
from torch_geometric.data import Data

TASKS = (
    "node-classification",
    "multilabel-node-classification",
    "graph-classification",
    "multitask-graph-classification",
    "graph-regression",
    "skeleton-classification",
)


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

    def replace(self, **changes: object) -> "GraphDataset":
        """Returns a copy with some fields changed."""
        return replace(self, **changes)  # type: ignore[arg-type]
