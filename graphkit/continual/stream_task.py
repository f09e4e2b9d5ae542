"""One task of a stream."""

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
    """A task of a :class:`~graphkit.continual.TaskStream`; iterating it yields PyG data with masks.

    For one graph that is the graph as it can be seen during the task, with ``train_mask``, ``val_mask`` and
    ``test_mask`` ``[N]``; for many graphs, batches of the training graphs. Classes are numbered in the order of the
    stream, so that those of a task are neighbors.

    Args:
        stream: The stream.
        index: The number of the task.
        stage: How far the stream has come; in class-incremental streams it says which classes compete.
        split: The items of the task.

    Attributes:
        classes: The original classes, labels or assays of the task.
        columns: The outputs that answer the task, of a model without a head for each task.
    """

    def __init__(self, stream: "TaskStream", index: int, stage: int, split: Split) -> None:
        self.stream, self.index, self.stage, self.split = stream, index, stage, split
        self.classes: Tensor = stream.classes[index]
        self.columns = stream.columns(index, stage)
        self._data: Data | None = None

    @property
    def data(self) -> Data:
        """The graph as it can be seen, with the masks of the task; tensors are those of the stream.

        Raises:
            ValueError: If the stream is one of many graphs.
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
        """Returns where items are in the graph that can be seen."""
        visible = self.stream.visible_graph
        return ids if visible is None else visible.places(ids, visible.stage(self.index, self.stage))

    def batches(self, split: str = "train", generator: torch.Generator | None = None) -> Iterator[Data]:
        """Yields the batches of a part, ``"train"``, ``"val"`` or ``"test"``; shuffled if there is a generator."""
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
        """Returns the outputs ``[N, C]`` that answer this task, for all items of a batch."""
        return self._answers(model, call_model(model, batch, self.index))

    def _answers(self, model: torch.nn.Module, out: Tensor) -> Tensor:
        """Returns the outputs that answer this task."""
        if task_heads(model) is None:
            return out[:, self.columns]
        if self.stream.scenario == "class":
            raise InputError(
                "a class-incremental stream does not say which task an item belongs to, so that a head for each task "
                "cannot be used; give all classes one output layer"
            )
        return out

    def output(self, model: torch.nn.Module, batch: Data) -> Tensor:
        """Returns the outputs ``[n, C]`` of the training items of a batch."""
        return self._trained(self.all_outputs(model, batch))

    def _trained(self, rows: Tensor) -> Tensor:
        """Returns the rows of the training items."""
        return rows if self.stream.visible_graph is None else rows[self._places(self.split.train)]

    def target(self, batch: Data) -> Tensor:
        """Returns the targets of the training items of a batch, numbered as the outputs are."""
        return self._shifted(self._trained(batch.y))

    def _shifted(self, y: Tensor) -> Tensor:
        return y - self.columns.start if y.dim() == 1 and not y.is_floating_point() else y[:, self.columns]

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """Returns the mean loss of some items."""
        return self.stream.task.loss(output, target)

    def visible_outputs(self, model: torch.nn.Module, batch: Data) -> Tensor:
        """Returns the outputs of all nodes that can be seen, or of all items of a batch."""
        return self.all_outputs(model, batch)

    def nodes(self, batch: Data) -> Tensor | None:
        """Returns the nodes that are trained on; ``None`` where the items are graphs."""
        return None if self.stream.visible_graph is None else self._places(self.split.train)

    def training_loss(self, model: torch.nn.Module, batch: Data) -> Tensor:
        """Returns the loss to be trained by: that of the task, and the model's own if it has one."""
        if not getattr(model, "has_penalty", False):
            return self.mean_loss(model, batch)
        out, penalty = call_model(model, batch, self.index, return_penalty=True)
        loss: Tensor = self.loss(self._trained(self._answers(model, out)), self.target(batch)) + penalty
        return loss

    def features(self) -> Tensor | None:
        """Returns the features of the training nodes ``[n, F]``; ``None`` where the items are graphs."""
        if self.stream.visible_graph is None:
            return None
        x = rows_of(self._graph.x, self._places(self.split.train))
        return x if x.layout == torch.strided else x.to_dense()

    def subset(self, items: Tensor) -> "StreamTask":
        """Returns the same task with some of its training items only."""
        return self._like(self.index, self.stage, self.split.train[items.to(self.split.train.device)])

    def _like(self, index: int, stage: int, train: Tensor) -> "StreamTask":
        split = self.stream.splits[index]
        return StreamTask(self.stream, index, stage, Split(train, split.val, split.test))

    def at_stage_of(self, task: Experience) -> Experience:
        """Returns this task as it looks from a later one of the same stream."""
        if not isinstance(task, StreamTask):
            return self
        return self._like(self.index, task.stage, self.split.train)

    def old_experiences(self, learned: Sequence[Experience], all_nodes: bool = True) -> list[Experience]:
        """Returns what old tasks ask about the inputs of this one; where outputs are shared, the last one asks all."""
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
        """Returns outputs and targets of the items of a part, ``"train"``, ``"val"`` or ``"test"``.

        Args:
            model: The model.
            part: Which items.
            output: What :meth:`all_outputs` returned for the whole graph, where that is known already.
        """
        if self.stream.visible_graph is None:
            pairs = [(self.all_outputs(model, batch), self._shifted(batch.y)) for batch in self.batches(split)]
            return torch.cat([pair[0] for pair in pairs]), torch.cat([pair[1] for pair in pairs])
        places = self._places(getattr(self.split, split))
        output = self.all_outputs(model, self._graph) if output is None else output
        return output[places], self._shifted(self._graph.y[places])

    @torch.no_grad()
    def scores(self, model: torch.nn.Module) -> dict[str, float]:
        """Returns the metric on the validation and on the test items, in the mode that the model is in."""
        output = None if self.stream.visible_graph is None else self.all_outputs(model, self._graph)
        return {
            split: self.stream.task.score(*self.outputs_and_targets(model, split, output)) for split in ("val", "test")
        }
