"""Stream of tasks from a data set."""

from collections.abc import Iterator, Sequence
from typing import TypedDict, overload

import numpy as np
import torch
from torch import Tensor

from graphkit.continual.grouping import groups_of, node_time, window_of_edges, windows_of
from graphkit.continual.stream_task import StreamTask
from graphkit.continual.visible_graph import VISIBLE, VisibleGraph
from graphkit.data import GraphDataset, Split
from graphkit.data.splits import parse_fractions
from graphkit.errors import InputError
from graphkit.tasks import make_task

SCENARIOS = ("task", "class", "time")


class _LaterKeys(TypedDict, total=False):
    """Keys that are missing in results of earlier versions."""

    order: str
    notes: list[str]


class StreamProtocol(_LaterKeys):
    """Protocol of a stream for JSON.

    ``tasks`` are lists of classes, ``items`` the numbers of training, validation and test items of every task.
    """

    scenario: str
    visible: str
    inter_task_edges: bool
    tasks: list[list[int]]
    items: list[list[int]]


class TaskStream(Sequence[StreamTask]):
    r"""Sequence of tasks from a data set, for continual learning.

    Tasks are groups of classes if every node or graph has one class, groups of labels if a node has several, groups of
    assays for multi-task graph data, and windows of time, with all classes in each, for ``scenario="time"``. Classes
    are renumbered in the order of the stream.

    Args:
        dataset (GraphDataset): Data set, see :func:`graphkit.data.load`.
        per_task (int, optional): Classes, labels or assays per task; a remainder is not used, see :attr:`left_out`.
            With one class per task and ``scenario="task"``, every score is 100 %. (default: ``2``)
        tasks (int, optional): Number of tasks, instead of ``per_task``. (default: ``None``)
        scenario (str, optional): ``"task"``: the task of a test item is given, and only the classes of the task
            compete; ``"class"``: all classes so far compete; ``"time"``: all classes always compete.
            (default: ``"task"``)
        visible (str, optional): Visible nodes in the training on a task: ``"whole"`` for all, ``"so-far"`` for those of
            the tasks up to this one, ``"task"`` for those of the task only. (default: ``"whole"``)
        inter_task_edges (bool, optional): If ``False``, edges between nodes of different tasks are removed.
            (default: ``True``)
        order (str, optional): Order of the classes: ``"given"``, ``"shuffled"``, or ``"balanced"``, which combines
            large and small classes to tasks of about equal size and shuffles the tasks. (default: ``"given"``)
        seed (int, optional): Seed of the order and of the split. (default: ``0``)
        split (str or tuple, optional): Fractions of training, validation and test items, stratified by class within
            each task; or ``"published"`` for the split of the data set. Node-level tasks on many graphs are split by
            graph. (default: ``(0.6, 0.2, 0.2)``)
        min_items (int, optional): Classes with fewer items are not used. (default: ``0``)
        batch_size (int, optional): Graphs in a batch, if the items are graphs. (default: ``128``)
        time (Tensor, optional): Time ``[N]`` at which each node appears, for ``scenario="time"``; if ``None``,
            ``data.time`` or ``data.node_year``, or the first ``data.edge_time`` ``[E]`` at the node.
            (default: ``None``)

    Raises:
        InputError: If there are fewer classes than tasks, a class has no training item, a split of a task is empty, or
            an argument has an invalid value.

    Example:
        >>> from graphkit.data import load
        >>> stream = TaskStream(load("karate"), per_task=2)
        >>> for task in stream:
        ...     print(task.classes.tolist(), [int(data.train_mask.sum()) for data in task])
        [0, 1] [15]
        [2, 3] [5]
    """

    def __init__(
        self,
        dataset: GraphDataset,
        per_task: int = 2,
        *,
        tasks: int | None = None,
        scenario: str = "task",
        visible: str = "whole",
        inter_task_edges: bool = True,
        order: str = "given",
        seed: int = 0,
        split: str | Sequence[float] = (0.6, 0.2, 0.2),
        min_items: int = 0,
        batch_size: int = 128,
        time: Tensor | None = None,
    ) -> None:
        if scenario not in SCENARIOS:
            raise InputError(f"`scenario` must be one of {', '.join(SCENARIOS)} (got {scenario!r})")
        if visible not in VISIBLE:
            raise InputError(f"`visible` must be one of {', '.join(VISIBLE)} (got {visible!r})")
        if dataset.task.endswith("regression"):
            raise InputError(f"a stream needs classes or labels (got the regression '{dataset.name}')")
        self.scenario, self.visible, self.inter_task_edges, self.seed = scenario, visible, inter_task_edges, seed
        self.order, self.batch_size = order, batch_size
        self.has_classes = dataset.task in ("node-classification", "graph-classification")
        if scenario == "class" and not self.has_classes:
            raise InputError(f"labels do not compete, so that '{dataset.name}' has no class-incremental stream")
        self.task = make_task(dataset.task, dataset.metric)
        self.visible_graph: VisibleGraph | None = None
        if not dataset.is_single_graph and (visible != "whole" or not inter_task_edges or scenario == "time"):
            raise InputError(
                f"`visible`, `inter_task_edges` and the scenario 'time' are for a single graph (got '{dataset.name}', "
                "many graphs); leave them out"
            )
        y, edge_time, owner = _targets(dataset), None, None
        if scenario == "time":
            data = dataset.graphs[0]
            moment = node_time(data) if time is None else time
            owner = windows_of(moment, _labeled(y), tasks or per_task)
            self.classes = torch.arange(dataset.num_outputs).repeat(int(owner.max()) + 1, 1)
            if "edge_time" in data:
                edge_time = window_of_edges(data.edge_time, moment, owner)
        else:
            sizes = _counts(y, dataset.num_outputs)
            what = "classes" if self.has_classes else "assays" if dataset.level == "graph" else "labels"
            self.classes = groups_of(sizes, per_task, tasks, order, seed, min_items, what)
            y = _renumbered(y, self.classes, dataset.num_outputs)
            if y.dim() == 1:
                owner = y.div(self.classes.size(1), rounding_mode="floor").clamp(min=-1)
        self.dataset = dataset.with_targets(y)
        if dataset.is_single_graph:
            if owner is None and (visible != "whole" or not inter_task_edges):
                raise InputError("the nodes of a stream of labels belong to all tasks; set `visible` to 'whole'")
            none = torch.full((y.size(0),), -1)
            self.visible_graph = VisibleGraph(
                self.dataset.graphs[0], none if owner is None else owner, visible, inter_task_edges, edge_time
            )
        self.splits = tuple(self._split(dataset, y, owner, index, split) for index in range(len(self.classes)))
        self._check()

    @property
    def sizes(self) -> list[int]:
        """Number of outputs of each task."""
        return [int(group.numel()) for group in self.classes]

    @property
    def left_out(self) -> list[int]:
        """Original classes, labels or assays that are in no task."""
        return sorted(set(range(self.dataset.num_outputs)) - set(self.classes.flatten().tolist()))

    @property
    def notes(self) -> list[str]:
        """Notes on the interpretation of scores on this stream, one sentence each."""
        notes = []
        if self.has_classes and self.scenario == "task" and self.classes.size(1) == 1:
            notes.append(
                "each task has one class only, so that every prediction is correct and every score is 100 %; use two "
                "or more classes per task, or the scenario `class`"
            )
        if self.left_out:
            what = "classes" if self.has_classes else "labels"
            notes.append(
                f"{what} left out, which are in no task: {', '.join(map(str, self.left_out))} of "
                f"{self.dataset.num_outputs}; all tasks have the same number, and use {self.classes.numel()} in all"
            )
        return notes

    @property
    def num_outputs(self) -> int:
        """Number of outputs of a model with one head for all tasks."""
        return self.classes.size(1) if self.scenario == "time" else self.classes.numel()

    def columns(self, index: int, stage: int) -> slice:
        """Returns the outputs of a task in a model with one head for all tasks.

        Args:
            index (int): Index of the task.
            stage (int): Index of the latest task of the training.
        """
        size = self.classes.size(1)
        if self.scenario == "time":
            return slice(0, size)
        if self.scenario == "class":
            return slice(0, (max(index, stage) + 1) * size)
        return slice(index * size, (index + 1) * size)

    def at(self, index: int, stage: int) -> StreamTask:
        """Returns a task at a stage of the stream.

        Args:
            index (int): Index of the task.
            stage (int): Index of the latest task of the training, which determines the visible graph and the competing
                classes.
        """
        return StreamTask(self, index, stage, self.splits[index])

    def protocol(self) -> StreamProtocol:
        """Returns the protocol of the stream, which is stored in every result."""
        return {
            "scenario": f"{self.scenario}-incremental",
            "visible": self.visible,
            "inter_task_edges": self.inter_task_edges,
            "order": self.order,
            "tasks": self.classes.tolist(),
            "notes": self.notes,
            "items": [[ids.numel() for ids in (split.train, split.val, split.test)] for split in self.splits],
        }

    def __len__(self) -> int:
        return len(self.classes)

    @overload
    def __getitem__(self, index: int) -> StreamTask: ...

    @overload
    def __getitem__(self, index: slice) -> list[StreamTask]: ...

    def __getitem__(self, index: int | slice) -> StreamTask | list[StreamTask]:
        if isinstance(index, slice):
            return [self.at(number, number) for number in range(len(self))[index]]
        if not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} tasks (got index {index})")
        return self.at(index % len(self), index % len(self))

    def __iter__(self) -> Iterator[StreamTask]:
        return (self[index] for index in range(len(self)))

    def __repr__(self) -> str:
        edges = "" if self.inter_task_edges else ", no edges between tasks"
        tasks = f"{len(self)} tasks of {self.classes.size(1)}, {self.scenario}-incremental"
        left = f", {len(self.left_out)} of {self.dataset.num_outputs} left out" if self.left_out else ""
        return f"TaskStream({self.dataset.name}, {tasks}{left}, {self.visible} visible{edges})"

    def _split(
        self, dataset: GraphDataset, y: Tensor, owner: Tensor | None, index: int, split: str | Sequence[float]
    ) -> Split:
        """Returns the split of the items of a task."""
        if dataset.level == "node" and not dataset.is_single_graph:
            return dataset.splits[self.seed % len(dataset.splits)]
        strata = y if y.dim() == 1 else _combinations(y[:, self.columns(index, index)])
        wanted = _labeled(y if y.dim() == 1 else y[:, self.columns(index, index)])
        if owner is not None:
            wanted = wanted & (owner == index)
        if split == "published":
            return _restricted(dataset.splits[self.seed % len(dataset.splits)], wanted)
        return _stratified_split(strata, wanted.nonzero().view(-1), split, self.seed)

    def _check(self) -> None:
        """Raises an error for an empty split, or a class without training items."""
        graph = self.dataset.graphs[0] if self.visible_graph is not None else None
        for index, split in enumerate(self.splits):
            if self.has_classes and self.scenario != "time":
                y = graph.y if graph is not None else self.dataset.graphs.graph["y"].view(-1)  # type: ignore[attr-defined]
                present = set((y[split.train] - index * self.classes.size(1)).tolist())
                for label, original in enumerate(self.classes[index].tolist()):
                    if label not in present:
                        raise InputError(
                            f"class {original} of task {index} has no training item; leave small classes out with "
                            "`min_items`, or draw another split"
                        )
            for name in ("train", "val", "test"):
                if not getattr(split, name).numel():
                    raise InputError(f"task {index} has no {name} item; put more classes in it, or change the split")


def _targets(dataset: GraphDataset) -> Tensor:
    """Returns classes ``[N]`` or labels ``[N, L]`` of all items."""
    if dataset.collection is not None and dataset.task == "node-classification":
        raise InputError(f"node classification on many graphs has no stream of tasks (got '{dataset.name}')")
    y = dataset.targets()
    return y.view(-1) if dataset.task == "graph-classification" else y


def _labeled(y: Tensor) -> Tensor:
    """Returns a mask ``[N]`` of the items with a class, or with any known label."""
    return y >= 0 if y.dim() == 1 else ~y.isnan().all(dim=1)


def _counts(y: Tensor, num_outputs: int) -> Tensor:
    """Returns the number of items of each class, or with a known label."""
    return torch.bincount(y[y >= 0], minlength=num_outputs) if y.dim() == 1 else (~y.isnan()).sum(dim=0)


def _renumbered(y: Tensor, classes: Tensor, num_outputs: int) -> Tensor:
    """Returns targets with classes renumbered, or columns of labels sorted, by task.

    Classes in no task become -1.
    """
    if y.dim() > 1:
        order = classes.view(-1)
        return y if torch.equal(order, torch.arange(y.size(1))) else y[:, order]
    number = torch.full((num_outputs + 1,), -1)  # the last entry serves the class -1
    number[classes.view(-1)] = torch.arange(classes.numel())
    return y if torch.equal(number[y], y) else number[y]


def _stratified_split(y: Tensor, items: Tensor, split: str | Sequence[float], seed: int = 0) -> Split:
    """Returns a random split of some items, stratified by class.

    Every class has a training item; a class of three items or more has one in each split.

    Args:
        y: Classes ``[N]``, int64.
        items: Ids of the items to split.
        split: Fractions of training, validation and test items.
        seed: Seed of the split.
    """
    first, second, _ = parse_fractions(split)
    generator = np.random.default_rng(seed)
    parts: tuple[list[np.ndarray], ...] = ([], [], [])
    ids, classes = items.cpu().numpy(), y[items].cpu().numpy()
    for label in np.unique(classes):
        members = generator.permutation(ids[classes == label])
        count = members.size
        # With a single item left, a coin decides between validation and test.
        coin = int(generator.integers(2))
        train = min(max(1, round(first * count)), max(1, count - 2))
        least = 1 if count - train >= 2 else coin
        val = min(max(least, round(second * count)), count - train - (1 if count - train >= 2 else 0))
        for bucket, chosen in zip(parts, np.split(members, [train, train + val]), strict=True):
            bucket.append(chosen)
    empty = np.empty(0, dtype=np.int64)
    return Split(*(torch.from_numpy(np.sort(np.concatenate([empty, *bucket]))).to(items.device) for bucket in parts))


def _restricted(split: Split, wanted: Tensor) -> Split:
    """Returns the split restricted to the items in a mask ``[N]``."""
    return Split(*(ids[wanted[ids]] for ids in (split.train, split.val, split.test)))


def _combinations(y: Tensor) -> Tensor:
    """Returns a class for every combination of labels in the rows of ``[N, L]``.

    Unknown labels count as a third value.
    """
    classes: Tensor = torch.unique(y.nan_to_num(nan=2.0).long(), dim=0, return_inverse=True)[1]
    return classes
