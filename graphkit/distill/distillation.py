"""Distillation losses of one student during its training."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from copy import copy
from typing import Any

import torch
from torch import Tensor
from torch_geometric.data import Data

from graphkit.data import GraphDataset, Split
from graphkit.distill import Distiller, LayerPair, union_edges
from graphkit.distill.distill_config import LossSettings
from graphkit.distill.layer_capture import OUTPUT, LayerOutput, last_hidden_layer
from graphkit.distill.teacher_output_cache import TeacherOutputCache
from graphkit.errors import InputError
from graphkit.nn import GraphModel


class Distillation:
    """Distillation losses of a student against its teacher.

    Args:
        losses: Settings of the losses.
        dataset: Data set of the student.
        split: Split that the student trains on.
        student: The student.
        device: Device of the student.
        teacher: The trained teacher.
        teacher_dataset: Data set of the teacher, which may have other features.

    Raises:
        ValueError: If a layer does not exist.
    """

    def __init__(
        self,
        losses: Sequence[LossSettings],
        dataset: GraphDataset,
        split: Split,
        student: GraphModel,
        device: torch.device,
        teacher: GraphModel,
        teacher_dataset: GraphDataset,
    ) -> None:
        #: Current epoch, from 0.
        self.epoch = 0
        self.teacher = teacher.to(device)
        pairs = [make_layer_pair(loss, self.teacher, student, dataset) for loss in losses]
        self.module = Distiller(self.teacher, student, pairs)
        self._inputs: dict[str, Any] | None = None
        self._structure: Tensor | None = None
        if dataset.is_single_graph:
            graph = copy(dataset.graphs[0]).to(device)
            self._inputs = self.teacher.inputs(copy(teacher_dataset.graphs[0]).to(device))
            inputs = student.inputs(graph)
            edges = [kwargs["edge_index"] for kwargs in (self._inputs, inputs) if "edge_index" in kwargs]
            if edges and self._inputs["x"].size(0) == graph.num_nodes:
                self._structure = union_edges(*edges, num_nodes=int(graph.num_nodes or 0))
        else:
            batch = copy(dataset.graphs.batch(split.train[:16])).to(device)  # type: ignore[attr-defined]
            inputs = student.inputs(batch)
            bones = dataset.joint_edges
            self._structure = None if bones is None else bones.to(device)
        theirs = self._teacher_inputs(None if self._inputs else batch)
        self._taught: TeacherOutputCache | None = None
        if dataset.collection is not None:
            self._taught = TeacherOutputCache(self.module, self.teacher, dataset.collection, device)
        self.module.start(**inputs, teacher_inputs=theirs, structure=self._structure)
        self.module.to(device)

    def capture(self) -> AbstractContextManager[dict[str, LayerOutput]]:
        """Returns a context that captures the layers of the student in its forward pass."""
        return self.module.capture_layers()

    def losses(self, captured: dict[str, LayerOutput], inputs: dict[str, Any], batch: Data) -> list[tuple[Tensor, int]]:
        """Returns the weighted losses of one batch, with the number of rows of each.

        Rows are nodes, or graphs for losses between outputs of graphs.
        """
        theirs = self._teacher_inputs(batch)
        teacher_outputs = self._taught(batch) if self._taught is not None else None
        return self.module.parts(captured, (), inputs, theirs, self._structure, self.epoch, teacher_outputs)

    def _teacher_inputs(self, batch: Data | None) -> dict[str, Any]:
        """Returns the inputs of the teacher.

        For a single graph these are always the same tensors, so that the teacher is called once.
        """
        if self._inputs is not None:
            return self._inputs
        return self.teacher.inputs(batch)


def make_layer_pair(
    settings: LossSettings, teacher: GraphModel, student: GraphModel, dataset: GraphDataset
) -> LayerPair:
    """Returns the loss and the pair of layers of some settings.

    Without ``layers``, a loss between outputs compares the outputs, any other loss the last hidden layers.
    """
    cls, multi_label = settings.loss_class, {}
    if cls.on_outputs:
        if dataset.task.endswith("regression"):
            raise InputError(f"the loss '{settings.name}' compares labels, and {dataset.name} has none; choose another")
        multi_label = {"multi_label": True} if "multi" in dataset.task else {}
    layers = settings.layer_names
    if layers is None and cls.on_outputs:
        layers = (OUTPUT, OUTPUT)
    elif layers is None:
        by_node = dataset.level == "node"
        layers = (hidden_layer(teacher, by_node), hidden_layer(student, by_node))
    given = settings.given()
    return LayerPair(settings.make(**multi_label), *layers, given.get("weight"), given.get("active_epochs"))


def hidden_layer(network: GraphModel, by_node: bool) -> str:
    """Returns the name of the last hidden layer of a model for nodes or for graphs."""
    return network.last_hidden_layer(by_node) or last_hidden_layer(network, by_node)
