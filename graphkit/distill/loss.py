"""Base class of distillation losses."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.ops._segments import widen


class DistillationLoss(torch.nn.Module, ABC):
    """Base class of losses between the features of a teacher and a student.

    Both features belong to the same nodes. Sub-classes implement :meth:`compare`, and :meth:`summarize` for everything
    that depends on the teacher only: :class:`~graphkit.distill.Distiller` caches the summary while the input of the
    teacher stays the same.
    """

    #: Whether the loss uses edges.
    needs_edges: ClassVar[bool] = False
    #: Whether the loss compares outputs (logits) instead of hidden features.
    on_outputs: ClassVar[bool] = False
    #: Default weight of the loss, relative to the task loss.
    default_weight: ClassVar[float] = 1.0

    def start(self, student_channels: int, teacher_channels: int) -> None:
        """Creates the parameters of the loss, if it has any, for the given widths.

        :meth:`forward` calls it as well. Create the optimizer after it.

        Args:
            student_channels (int): Width of the student features.
            teacher_channels (int): Width of the teacher features.
        """

    def summarize(self, teacher: Tensor, edge_index: Tensor | None = None, batch: Tensor | None = None) -> Any:
        """Returns the input of :meth:`compare` from the teacher, by default ``teacher``.

        The arguments are those of :meth:`forward`.
        """
        return teacher

    @abstractmethod
    def compare(self, student: Tensor, summary: Any) -> Tensor:
        """Returns the loss between student features and the result of :meth:`summarize`."""

    def forward(
        self, student: Tensor, teacher: Tensor, edge_index: Tensor | None = None, batch: Tensor | None = None
    ) -> Tensor:
        """Returns the loss, with a gradient for the student only.

        Args:
            student (Tensor): Features ``[N, Ds]`` of the student.
            teacher (Tensor): Features ``[N, Dt]`` of the teacher for the same nodes.
            edge_index (Tensor, optional): Edges ``[2, E]``, for losses that use them. (default: ``None``)
            batch (Tensor, optional): Graph ``[N]`` of every node, for losses per graph. (default: ``None``)

        Raises:
            InputError: If the numbers of nodes differ, features are not finite, or edges are missing.
        """
        check_pair(student, teacher)
        self.start(student.size(1), teacher.size(1))
        loss = self.distance(student, self.teacher_summary(teacher, edge_index, batch))
        return finite(loss, student, teacher)

    def distance(self, student: Tensor, summary: Any) -> Tensor:
        """Returns :meth:`compare`, computed in float32 at least, without autocast."""
        with torch.autocast(student.device.type, enabled=False):
            return self.compare(widen(student), summary)

    @torch.no_grad()
    def teacher_summary(self, teacher: Tensor, edge_index: Tensor | None = None, batch: Tensor | None = None) -> Any:
        """Returns :meth:`summarize` of checked inputs, without a gradient.

        Raises:
            InputError: If the loss needs edges and there are none.
        """
        if self.needs_edges:
            if edge_index is None:
                name = type(self).__name__
                raise InputError(f"{name} compares over edges (got none); pass an `edge_index` or use another loss")
            if edge_index.size(1) == 0:
                raise InputError(
                    f"{type(self).__name__} compares over edges, and the graph has none (got `edge_index` of shape "
                    f"{list(edge_index.shape)}); use a loss without edges, such as KnowledgeDistillation"
                )
        with torch.autocast(teacher.device.type, enabled=False):
            return self.summarize(widen(teacher.detach()), edge_index, batch)


def check_pair(student: Tensor, teacher: Tensor) -> None:
    """Raises an error unless both are float matrices with equal rows on one device."""
    for name, features in (("student", student), ("teacher", teacher)):
        if features.dim() != 2 or not features.is_floating_point():
            raise InputError(
                f"the features of the {name} must be a float tensor [N, D] "
                f"(got {features.dtype} of shape {list(features.shape)})"
            )
    if student.size(0) != teacher.size(0):
        raise InputError(
            f"teacher and student must be on the same nodes (got {teacher.size(0)} rows of the teacher and "
            f"{student.size(0)} of the student); give both the same graph"
        )
    if student.device != teacher.device:
        raise InputError(f"teacher and student must be on one device (got {teacher.device} and {student.device})")


def check_same_width(student: Tensor, teacher: Tensor, name: str) -> None:
    """Raises an error unless both have the same number of columns."""
    if student.size(1) != teacher.size(1):
        raise InputError(
            f"{name} needs outputs of the same width (got {teacher.size(1)} of the teacher and {student.size(1)} of "
            "the student); pair the last layer of both"
        )


def finite(loss: Tensor, student: Tensor, teacher: Tensor, where: str = "") -> Tensor:
    """Returns the loss, or raises an error if it is not finite."""
    if torch.compiler.is_compiling() or bool(torch.isfinite(loss)):
        return loss
    at = f" at {where}" if where else ""
    for name, features in (("teacher", teacher), ("student", student)):
        if not bool(torch.isfinite(features).all()):
            raise InputError(f"the features of the {name}{at} must be finite (got NaN or infinity); check its input")
    raise InputError(f"the distillation loss{at} is not finite (got {loss.item()}); the features are too large for it")
