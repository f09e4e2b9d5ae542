"""Distiller: a teacher and a student with losses between their layers."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from graphkit.distill.layer_capture import LayerOutput, LayerPair, find_layer, listening
from graphkit.distill.loss import check_pair, finite
from graphkit.distill.union_edges import united_edges
from graphkit.errors import InputError
from graphkit.nn.state_key import StateKey

Inputs = Mapping[str, Any] | Sequence[Any]


class Distiller(torch.nn.Module):
    """Distillation losses between layers of a teacher and of a student.

    Layers are sub-modules, captured by forward hooks during a call; the networks are not modified. The teacher runs in
    evaluation mode without gradients, and its features are cached until its inputs or its weights change. The only
    parameters of the distiller are those of the losses, such as the linear map of :class:`FitNet`. ::

        distiller = Distiller(teacher, student, [LayerPair(LocalStructureLoss(), "conv1", "conv2", weight=100)])
        distiller.start(x, edge_index)  # creates the parameters of the losses
        optimizer = torch.optim.Adam([*student.parameters(), *distiller.parameters()])
        for epoch in range(200):
            optimizer.zero_grad()
            out, distillation = distiller(x, edge_index)
            (F.cross_entropy(out[train], y[train]) + distillation).backward()
            optimizer.step()

    Args:
        teacher (torch.nn.Module): Trained network.
        student (torch.nn.Module): Network on the same nodes; width, depth and architecture may differ.
        losses (list of LayerPair): Losses and the layers that they compare.

    Raises:
        InputError: If there is no loss, or a layer does not exist; the message names the closest layer.

    Notes:
        - Losses between structures use the union of the edges of both networks: the edges that a layer returns with
          its features (such as :class:`~graphkit.nn.DynamicEdgeConv`), else those among the arguments of the network.
          A student without edges, such as a perceptron, uses those of the teacher.
        - Features ``[S, V, D]`` belong to ``S`` copies of one graph of ``V`` nodes, such as a skeleton in each frame
          of a clip; ``structure`` then contains the edges of one copy.
        - The features of the teacher are cached for the latest input only. Changes of the inputs are detected by the
          version counters of PyTorch; changes through ``tensor.data`` or through a NumPy array are not.
    """

    def __init__(self, teacher: torch.nn.Module, student: torch.nn.Module, losses: Sequence[LayerPair]) -> None:
        super().__init__()
        if not losses:
            raise InputError("a distiller needs at least one loss (got none); give it a LayerPair")
        self._networks = (teacher, student)  # a tuple, so that they are not registered as sub-modules
        self.pairs = tuple(losses)
        self.losses = torch.nn.ModuleList(pair.loss for pair in losses)
        self._layers = [
            (
                find_layer(teacher, pair.teacher_layer, "teacher"),
                find_layer(
                    student, pair.teacher_layer if pair.student_layer is None else pair.student_layer, "student"
                ),
            )
            for pair in losses
        ]
        self._key: StateKey | None = None
        self._heard: dict[str, LayerOutput] = {}
        self._known: dict[int, tuple[StateKey, Any]] = {}

    @property
    def teacher(self) -> torch.nn.Module:
        """Teacher network."""
        return self._networks[0]

    @property
    def student(self) -> torch.nn.Module:
        """Student network."""
        return self._networks[1]

    @torch.no_grad()
    def start(
        self, *args: Any, teacher_inputs: Inputs | None = None, structure: Tensor | None = None, **kwargs: Any
    ) -> None:
        """Creates the parameters of the losses from one forward pass of both networks.

        All losses are computed once, which checks the inputs. The networks are in evaluation mode during the call.

        Args:
            args (optional): Positional arguments, as of :meth:`forward`.
            teacher_inputs (optional): As of :meth:`forward`. (default: ``None``)
            structure (Tensor, optional): As of :meth:`forward`. (default: ``None``)
            kwargs (optional): Keyword arguments, as of :meth:`forward`.

        Raises:
            InputError: As :meth:`forward`.
        """
        with _evaluating(self.student), self.capture_layers() as captured:
            self.student(*args, **kwargs)
        teacher_outputs = self._teach(_given(teacher_inputs, args, kwargs))
        for pair, (theirs, layer) in zip(self.pairs, self._layers, strict=True):
            _check_heard(captured, layer, "student")
            check_pair(captured[layer].features, teacher_outputs[theirs].features)
            pair.loss.start(captured[layer].features.size(1), teacher_outputs[theirs].features.size(1))
        self.compare(captured, args, kwargs, teacher_inputs, structure, epoch=0)

    def forward(
        self,
        *args: Any,
        teacher_inputs: Inputs | None = None,
        structure: Tensor | None = None,
        epoch: int | None = None,
        **kwargs: Any,
    ) -> tuple[Any, Tensor]:
        """Returns the output of the student and the weighted sum of the losses.

        Args:
            args (optional): Positional arguments of the student, and of the teacher if ``teacher_inputs`` is ``None``.
            teacher_inputs (optional): Arguments of the teacher: a mapping, a sequence or a tensor. (default: ``None``)
            structure (Tensor, optional): Edges ``[2, E]`` that replace those of both networks; of one copy for
                features of several copies of a graph. (default: ``None``)
            epoch (int, optional): Current epoch, from 0; required by pairs with ``active_epochs``. (default: ``None``)
            kwargs (optional): Keyword arguments of the student, and of the teacher if ``teacher_inputs`` is ``None``.

        Returns:
            The output of the student, and the weighted sum of the losses, a scalar.

        Raises:
            InputError: If the networks are not on the same nodes, features are not finite, or a loss needs edges and
                there are none.
        """
        with self.capture_layers() as captured:
            output = self.student(*args, **kwargs)
        return output, self.compare(captured, args, kwargs, teacher_inputs, structure, epoch)

    def capture_layers(self) -> AbstractContextManager[dict[str, LayerOutput]]:
        """Returns a context that captures the layers of the student, for custom loops."""
        return listening(self.student, [layer for _, layer in self._layers])

    def compare(
        self,
        captured: Mapping[str, LayerOutput],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        teacher_inputs: Inputs | None = None,
        structure: Tensor | None = None,
        epoch: int | None = None,
        teacher_outputs: Mapping[str, LayerOutput] | None = None,
    ) -> Tensor:
        """Returns the weighted sum of the losses, a scalar.

        Args:
            captured (dict): Outputs of the student's layers, from :meth:`capture_layers`.
            args (tuple, optional): Positional arguments of the student. (default: ``()``)
            kwargs (dict, optional): Keyword arguments of the student. (default: ``None``)
            teacher_inputs (optional): As of :meth:`forward`. (default: ``None``)
            structure (Tensor, optional): As of :meth:`forward`. (default: ``None``)
            epoch (int, optional): As of :meth:`forward`. (default: ``None``)
            teacher_outputs (dict, optional): Outputs of the teacher's layers, from :meth:`teach`; computed if
                ``None``. (default: ``None``)
        """
        parts = self.parts(captured, args, kwargs, teacher_inputs, structure, epoch, teacher_outputs)
        if not parts:
            return torch.zeros((), device=next(iter(captured.values())).features.device)
        return torch.stack([loss for loss, _ in parts]).sum() if len(parts) > 1 else parts[0][0]

    def parts(
        self,
        captured: Mapping[str, LayerOutput],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        teacher_inputs: Inputs | None = None,
        structure: Tensor | None = None,
        epoch: int | None = None,
        teacher_outputs: Mapping[str, LayerOutput] | None = None,
    ) -> list[tuple[Tensor, int]]:
        """Returns the weighted loss of every active pair, with its number of rows.

        The arguments are those of :meth:`compare`.
        """
        kwargs = kwargs or {}
        active = [index for index, pair in enumerate(self.pairs) if pair.active(epoch)]
        if not active:
            return []
        given = _given(teacher_inputs, args, kwargs)
        keep = teacher_outputs is None
        teacher_outputs = self._teach(given) if teacher_outputs is None else teacher_outputs
        seen = _edges_in(given), _edges_in((args, kwargs))
        parts: list[tuple[Tensor, int]] = []
        for index in active:
            pair, (theirs, layer) = self.pairs[index], self._layers[index]
            _check_heard(captured, layer, "student")
            student, teacher = captured[layer].features, teacher_outputs[theirs].features
            check_pair(student, teacher)
            if captured[layer].nodes != teacher_outputs[theirs].nodes:
                entry = (teacher_outputs[theirs].nodes, captured[layer].nodes)
                a, b = ("one graph" if nodes is None else f"copies of {nodes} nodes" for nodes in entry)
                raise InputError(
                    f"teacher and student must be on the same nodes (got {a} at '{theirs}' and {b} at '{layer}')"
                )
            made = teacher_outputs[theirs].edge_index, captured[layer].edge_index
            edges = [b if a is None else a for a, b in zip(made, seen, strict=True)]
            edges = edges if structure is None else [structure]
            united = [entry for entry in edges if entry is not None]
            summary = self._summary(index, teacher, united, captured[layer].nodes, kwargs, keep)
            pair.loss.start(student.size(1), teacher.size(1))
            loss = pair.factor * finite(pair.loss.distance(student, summary), student, teacher, f"'{theirs}:{layer}'")
            parts.append((loss, student.size(0)))
        return parts

    def teach(self, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> dict[str, LayerOutput]:
        """Returns the outputs of the teacher's layers for an input, without the cache.

        Args:
            args (tuple, optional): Positional arguments of the teacher. (default: ``()``)
            kwargs (dict, optional): Keyword arguments of the teacher. (default: ``None``)
        """
        with (
            torch.no_grad(),
            _evaluating(self.teacher),
            listening(self.teacher, [t for t, _ in self._layers]) as captured,
        ):
            self.teacher(*args, **(kwargs or {}))
        for layer, _ in self._layers:
            _check_heard(captured, layer, "teacher")
        return captured

    def _teach(self, given: tuple[Sequence[Any], Mapping[str, Any]]) -> dict[str, LayerOutput]:
        """Returns the outputs of the teacher's layers for an input, cached or computed."""
        args, kwargs = given
        device = next(chain(self.teacher.parameters(), self.teacher.buffers()), torch.empty(0)).device.type
        mixed = torch.is_autocast_enabled(device) and str(torch.get_autocast_dtype(device))
        key = StateKey([list(args), dict(kwargs), mixed, *self.teacher.parameters(), *self.teacher.buffers()])
        if key.matches(self._key):
            return self._heard
        captured = self.teach(args, kwargs)
        self._key, self._heard, self._known = key, captured, {}
        return captured

    def _summary(
        self, index: int, teacher: Tensor, edges: list[Tensor], nodes: int | None, kwargs: Mapping[str, Any], keep: bool
    ) -> Any:
        """Returns the summary of the teacher for a loss, cached or computed."""
        loss, batch = self.pairs[index].loss, kwargs.get("batch")
        key = StateKey([batch, *edges] if loss.needs_edges else [batch])
        keep = keep and self._key is not None and self._key.is_known and key.is_known
        if keep and index in self._known and key.matches(self._known[index][0]):
            return self._known[index][1]
        united = united_edges(edges, teacher.size(0), nodes) if loss.needs_edges and edges else None
        summary = loss.teacher_summary(teacher, united, batch)
        if keep:
            self._known[index] = (key, summary)
        return summary


def _check_heard(captured: Mapping[str, LayerOutput], layer: str, whose: str) -> None:
    """Raises an error for a layer whose ``forward`` was not called."""
    if layer not in captured:
        raise InputError(
            f"the layer '{layer}' of the {whose} was not called, so that it has no output; pair another, "
            "such as the norm or the activation after it"
        )


def _given(
    teacher_inputs: Inputs | None, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Returns the positional and the keyword arguments of the teacher."""
    if teacher_inputs is None:
        return args, kwargs
    if isinstance(teacher_inputs, Mapping):
        return (), teacher_inputs
    if isinstance(teacher_inputs, Tensor):
        return (teacher_inputs,), {}
    return teacher_inputs, {}


def _edges_in(given: tuple[Sequence[Any], Mapping[str, Any]]) -> Tensor | None:
    """Returns ``edge_index``, or the first integer argument of shape ``[2, E]``."""
    args, kwargs = given
    for value in (kwargs.get("edge_index"), *args):
        if not isinstance(value, Tensor) or value.dtype not in (torch.int64, torch.int32):
            continue
        if value.dim() == 2 and value.size(0) == 2:
            return value
    return None


@contextmanager
def _evaluating(network: torch.nn.Module) -> Iterator[None]:
    """Puts a network into evaluation mode, and restores all modes at exit."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training
