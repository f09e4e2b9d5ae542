"""What all distillation losses have in common: one form, so that they can be exchanged for one another."""

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.ops._segments import widen


class DistillationLoss(torch.nn.Module, ABC):
    """A loss that tells how far the features of a student are from those of its teacher, on the same nodes.

    A sub-class writes :meth:`compare`, and :meth:`summarize` if something can be worked out from the teacher alone: a
    :class:`~graphkit.distill.Distiller` keeps the summary for as long as the teacher sees the same graph.
    """

    #: Whether the loss looks at edges.
    needs_edges: ClassVar[bool] = False
    #: Whether it compares outputs (logits), not features of hidden layers.
    on_outputs: ClassVar[bool] = False
    #: The weight beside the loss of the task where none is given.
    default_weight: ClassVar[float] = 1.0

    def start(self, student_channels: int, teacher_channels: int) -> None:
        """Makes the parameters of the loss for these widths, if it has any and they are not there yet.

        The first call of :meth:`forward` does so too; an optimizer that is to train them must be made after that.
        """

    def summarize(self, teacher: Tensor, edge_index: Tensor | None = None, batch: Tensor | None = None) -> Any:
        """Returns all that :meth:`compare` needs to know of the teacher; by default its features."""
        return teacher

    @abstractmethod
    def compare(self, student: Tensor, summary: Any) -> Tensor:
        """Returns the loss of a student's features against what :meth:`summarize` returned."""

    def forward(
        self, student: Tensor, teacher: Tensor, edge_index: Tensor | None = None, batch: Tensor | None = None
    ) -> Tensor:
        """Returns the loss; gradients reach the student only.

        Args:
            student: Features ``[N, Ds]`` of the student.
            teacher: Features ``[N, Dt]`` of the teacher for the same nodes.
            edge_index: Edges ``[2, E]``, for the losses that look at them.
            batch: The graph ``[N]`` of each node, for the losses that tell graphs apart.

        Raises:
            ValueError: If the two are not on the same nodes, features are not finite, or edges are missing.
        """
        check_pair(student, teacher)
        self.start(student.size(1), teacher.size(1))
        loss = self.distance(student, self.teacher_summary(teacher, edge_index, batch))
        return finite(loss, student, teacher)

    def distance(self, student: Tensor, summary: Any) -> Tensor:
        """Returns :meth:`compare` in float32 at least, also where the networks run in half precision."""
        with torch.autocast(student.device.type, enabled=False):
            return self.compare(widen(student), summary)

    @torch.no_grad()
    def teacher_summary(self, teacher: Tensor, edge_index: Tensor | None = None, batch: Tensor | None = None) -> Any:
        """Returns the summary of a teacher's features, without a gradient; refuses missing edges."""
        if self.needs_edges:
            if edge_index is None:
                name = type(self).__name__
                raise InputError(f"{name} compares over edges (got none); give an `edge_index` or take another loss")
            if edge_index.size(1) == 0:
                raise InputError(
                    f"{type(self).__name__} compares over edges, and the graph has none (got `edge_index` of shape "
                    f"{list(edge_index.shape)}); take a loss without edges, such as KnowledgeDistillation"
                )
        with torch.autocast(teacher.device.type, enabled=False):
            return self.summarize(widen(teacher.detach()), edge_index, batch)


def check_pair(student: Tensor, teacher: Tensor) -> None:
    """Raises a ValueError unless both are float tensors with a row for each of the same nodes, on one device."""
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
    """Raises a ValueError unless the two have as many columns."""
    if student.size(1) != teacher.size(1):
        raise InputError(
            f"{name} needs outputs of one width (got {teacher.size(1)} of the teacher and {student.size(1)} of the "
            "student); pair the last layer of both"
        )


def finite(loss: Tensor, student: Tensor, teacher: Tensor, where: str = "") -> Tensor:
    """Returns the loss, or raises a ValueError that says whose features are not finite."""
    if torch.compiler.is_compiling() or bool(torch.isfinite(loss)):
        return loss
    at = f" at {where}" if where else ""
    for name, features in (("teacher", teacher), ("student", student)):
        if not bool(torch.isfinite(features).all()):
            raise InputError(f"the features of the {name}{at} must be finite (got NaN or infinity); look at its input")
    raise InputError(f"the distillation loss{at} is not finite (got {loss.item()}); the features are too large for it")
