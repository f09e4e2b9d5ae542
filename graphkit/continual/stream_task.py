"""Task of a stream."""

from collections.abc import Iterator, Sequence
from copy import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.continual.experience import Experience
from graphkit.continual.task_heads import task_heads
from graphkit.continual.trunk_outputs import call_model
from graphkit.continual.visible_graph import rows_of
from graphkit.data import Split
from graphkit.errors import InputError
from graphkit.sampling import GraphLoader

if TYPE_CHECKING:
    from graphkit.continual.stream import TaskStream


class StreamTask(Experience):
    """Task of a :class:`~graphkit.continual.TaskStream`, an iterable of PyG data.

    Iteration yields the visible graph, with ``train_mask``, ``val_mask`` and ``test_mask`` ``[N]``; or batches of the
    training graphs if the data set has many graphs. Classes are numbered in the order of the stream, so that those of a
    task are consecutive.

    Args:
        stream (TaskStream): The stream.
        index (int): Index of the task.
        stage (int): Index of the latest task of the training; in class-incremental streams it determines the competing
            classes.
        split (Split): Items of the task.

    Attributes:
        classes: Original classes, labels or assays of the task.
        columns: Outputs of the task, as columns of a model with one head for all tasks.
    """

    def __init__(self, stream: "TaskStream", index: int, stage: int, split: Split) -> None:
        self.stream, self.index, self.stage, self.split = stream, index, stage, split
        self.classes: Tensor = stream.classes[index]
        self.columns = stream.columns(index, stage)
        self._data: Data | None = None

    @property
    def data(self) -> Data:
        """Visible graph with the masks of the task; it shares its tensors with the stream.

        Raises:
            InputError: If the data set has many graphs.
        """
        if self.stream.visible_graph is None:
            raise InputError("a stream of many graphs has no single graph; iterate the task for its batches")
        if self._data is not None:
            return self._data
        data = copy(self._graph)
        for name, ids in (("train", self.split.train), ("val", self.split.val), ("test", self.split.test)):
            mask = torch.zeros(int(data.num_nodes or 0), dtype=torch.bool, device=ids.device)
            data[f"{name}_mask"] = mask.index_fill(0, self._places(ids), True)
        self._data = data
        return data

    @property
    def _graph(self) -> Data:
        assert self.stream.visible_graph is not None
        return self.stream.visible_graph.graph(self.stream.visible_graph.stage(self.index, self.stage))

    def _places(self, ids: Tensor) -> Tensor:
        """Returns the indices of items in the visible graph."""
        visible = self.stream.visible_graph
        return ids if visible is None else visible.places(ids, visible.stage(self.index, self.stage))

    def batches(self, split: str = "train", generator: torch.Generator | None = None) -> Iterator[Data]:
        """Returns an iterator over the batches of a split.

        Args:
            split (str, optional): ``"train"``, ``"val"`` or ``"test"``. (default: ``"train"``)
            generator (torch.Generator, optional): Generator of the order of graphs; no shuffle if ``None``.
                (default: ``None``)
        """
        if self.stream.visible_graph is not None:
            return iter((self.data,))
        ids: Tensor = getattr(self.split, split)
        graphs, size = self.stream.dataset.graphs, self.stream.batch_size
        return iter(GraphLoader(graphs, ids, size, generator is not None, generator))

    def __iter__(self) -> Iterator[Data]:
        return self.batches()

    def __len__(self) -> int:
        return self.split.train.numel()

    def __repr__(self) -> str:
        sizes = f"{self.split.train.numel()} train, {self.split.val.numel()} val, {self.split.test.numel()} test"
        return f"StreamTask({self.index + 1} of {len(self.stream)}, classes {self.classes.tolist()}, {sizes})"

    def all_outputs(self, model: torch.nn.Module, batch: Data) -> Tensor:
        """Returns the outputs ``[N, C]`` of this task for all items of a batch."""
        return self._answers(model, call_model(model, batch, self.index))

    def _answers(self, model: torch.nn.Module, out: Tensor) -> Tensor:
        """Returns the outputs of this task from those of a model."""
        if task_heads(model) is None:
            return out[:, self.columns]
        if self.stream.scenario == "class":
            raise InputError(
                "a class-incremental stream does not tell the task of an item, so that a head for each task "
                "cannot be used; use one output layer for all classes"
            )
        return out

    def output(self, model: torch.nn.Module, batch: Data) -> Tensor:
        """Returns the outputs ``[n, C]`` of the training items of a batch."""
        return self._trained(self.all_outputs(model, batch))

    def _trained(self, rows: Tensor) -> Tensor:
        """Returns the rows of the training items."""
        return rows if self.stream.visible_graph is None else rows[self._places(self.split.train)]

    def target(self, batch: Data) -> Tensor:
        """Returns the targets of the training items of a batch, numbered as the outputs."""
        return self._shifted(self._trained(batch.y))

    def _shifted(self, y: Tensor) -> Tensor:
        return y - self.columns.start if y.dim() == 1 and not y.is_floating_point() else y[:, self.columns]

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Returns the mean loss of some items."""
        return self.stream.task.loss(output, target)

    def visible_outputs(self, model: torch.nn.Module, batch: Data) -> Tensor:
        """Returns the outputs of all visible nodes, or of all items of a batch."""
        return self.all_outputs(model, batch)

    def nodes(self, batch: Data) -> Tensor | None:
        """Returns the ids of the training nodes; ``None`` if the items are graphs."""
        return None if self.stream.visible_graph is None else self._places(self.split.train)

    def training_loss(self, model: torch.nn.Module, batch: Data) -> Tensor:
        """Returns the task loss plus the penalty of the model, if it has one."""
        if not getattr(model, "has_penalty", False):
            return self.mean_loss(model, batch)
        out, penalty = call_model(model, batch, self.index, return_penalty=True)
        loss: Tensor = self.loss(self._trained(self._answers(model, out)), self.target(batch)) + penalty
        return loss

    def features(self) -> Tensor | None:
        """Returns features ``[n, F]`` of the training nodes; ``None`` if items are graphs."""
        if self.stream.visible_graph is None:
            return None
        x = rows_of(self._graph.x, self._places(self.split.train))
        return x if x.layout == torch.strided else x.to_dense()

    def subset(self, items: Tensor) -> "StreamTask":
        """Returns the same task restricted to some of its training items."""
        return self._like(self.index, self.stage, self.split.train[items.to(self.split.train.device)])

    def _like(self, index: int, stage: int, train: Tensor) -> "StreamTask":
        split = self.stream.splits[index]
        return StreamTask(self.stream, index, stage, Split(train, split.val, split.test))

    def at_stage_of(self, task: Experience) -> Experience:
        """Returns this task at the stage of a later task of the same stream."""
        if not isinstance(task, StreamTask):
            return self
        return self._like(self.index, task.stage, self.split.train)

    def old_experiences(self, learned: Sequence[Experience], all_nodes: bool = True) -> list[Experience]:
        """Returns experiences with the batches of this task and the outputs of old tasks.

        If all tasks share the outputs, a single experience, that of the last old task, has all of them.
        """
        return super().old_experiences(learned if self.stream.scenario == "task" else learned[-1:], all_nodes)

    def _old_experience(self, old: Experience, all_nodes: bool) -> Experience:
        if not isinstance(old, StreamTask):
            return super()._old_experience(old, all_nodes)

        def output(model: torch.nn.Module, batch: Data) -> Tensor:
            out = old.all_outputs(model, batch)
            return out if all_nodes else self._trained(out)

        return Experience(self, output, self.target, old.loss)

    def outputs_and_targets(
        self, model: torch.nn.Module, split: str, output: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Returns outputs ``[n, C]`` and targets of the items of a split.

        Args:
            model (torch.nn.Module): The model.
            split (str): ``"train"``, ``"val"`` or ``"test"``.
            output (Tensor, optional): Result of :meth:`all_outputs` for the visible graph; computed if ``None``.
                (default: ``None``)
        """
        if self.stream.visible_graph is None:
            pairs = [(self.all_outputs(model, batch), self._shifted(batch.y)) for batch in self.batches(split)]
            return torch.cat([pair[0] for pair in pairs]), torch.cat([pair[1] for pair in pairs])
        places = self._places(getattr(self.split, split))
        output = self.all_outputs(model, self._graph) if output is None else output
        return output[places], self._shifted(self._graph.y[places])

    @torch.no_grad()
    def scores(self, model: torch.nn.Module) -> dict[str, float]:
        """Returns the metric on validation (``"val"``) and test items (``"test"``).

        The mode of the model is not changed.

        Args:
            model (torch.nn.Module): The model.
        """
        output = None if self.stream.visible_graph is None else self.all_outputs(model, self._graph)
        return {
            split: self.stream.task.score(*self.outputs_and_targets(model, split, output)) for split in ("val", "test")
        }
