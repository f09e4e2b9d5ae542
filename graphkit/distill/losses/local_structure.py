"""Local structure preservation."""

from typing import NamedTuple

import torch
from torch import Tensor

from graphkit.distill.local_structure import sort_by_target
from graphkit.distill.loss import DistillationLoss
from graphkit.errors import InputError
from graphkit.ops._native import has_native, serves
from graphkit.ops._segments import widen
from graphkit.ops.edge_similarity import check_kernel, kernel_scores
from graphkit.ops.local_structure_divergence import local_structure_divergence_reference
from graphkit.registry import register_loss

_DIRECTIONS = ("student_teacher", "teacher_student")
_REDUCTIONS = ("nodes", "branching", "edge_mean")


class TeacherScores(NamedTuple):
    """The similarities ``[E]`` in the teacher, along edges in the order of their targets."""

    scores: Tensor
    source: Tensor
    target: Tensor
    ptr: Tensor


@register_loss("lsp")
class LocalStructureLoss(DistillationLoss):
    r"""`Distilling Knowledge from Graph Convolutional Networks <https://arxiv.org/abs/2003.10477>`_ (CVPR 2020).

    The student learns how similar the neighbors of every node look to it in the teacher, not the teacher's features
    themselves; widths may differ. With the local structures of :func:`~graphkit.distill.local_structure`,

    .. math::
        L = \frac{1}{N} \sum_i \sum_{j \to i} \mathrm{LS}^s_{ij} \log \frac{\mathrm{LS}^s_{ij}}{\mathrm{LS}^t_{ij}}

    which is :func:`~graphkit.distill.local_structure_divergence`, with the teacher's similarities computed once for
    as long as a :class:`~graphkit.distill.Distiller` sees the same teacher, input and edges.

    Args:
        kernel: ``"rbf"``, ``"linear"``, ``"poly"``, ``"euclidean"`` or ``"l1exp"``.
        direction: ``"student_teacher"`` for the divergence above, ``"teacher_student"`` for the reverse.
        sigma: The width of ``"rbf"``. Where squared distances are much larger than its square, all similarities are 0
            and the loss sees nothing.
        c: The constant of ``"poly"``.
        degree: The power of ``"poly"``.
        scale: The length of ``"l1exp"``.
        negate: Changes the sign of the kernel.
        reduction: What to divide by: ``"nodes"``, ``"branching"`` (nodes with two or more in-edges) or
            ``"edge_mean"``.
        normalize: Whether features are scaled to length 1 first, node by node: squared distances then lie between 0
            and 4 in both networks, whatever their widths.

    Shapes:
        - **input:** ``student`` ``[N, Ds]``, ``teacher`` ``[N, Dt]``, ``edge_index`` ``[2, E]``.
        - **output:** a scalar.

    Raises:
        ValueError: If an option has no such value.

    Differences:
        The paper names four kernels without their constants and weighs the loss by 100; the released code computes
        ``kernel="l1exp", direction="teacher_student"`` with weight 1 in the first 30 epochs. Other implementations
        divide by the number of edges. ``normalize`` is an addition.
    """

    needs_edges = True
    default_weight = 100.0

    def __init__(
        self,
        kernel: str = "rbf",
        direction: str = "student_teacher",
        sigma: float = 1.0,
        c: float = 0.0,
        degree: int = 2,
        scale: float = 100.0,
        negate: bool = False,
        reduction: str = "nodes",
        normalize: bool = False,
    ) -> None:
        super().__init__()
        check_kernel(kernel, sigma, c, degree, scale)
        for name, value, choices in (("direction", direction, _DIRECTIONS), ("reduction", reduction, _REDUCTIONS)):
            if value not in choices:
                raise InputError(f"`{name}` must be one of {', '.join(map(repr, choices))} (got {value!r})")
        self.kernel, self.direction, self.reduction, self.normalize = kernel, direction, reduction, normalize
        self.options = (kernel, sigma, c, degree, scale, negate)

    def summarize(
        self, teacher: Tensor, edge_index: Tensor | None = None, batch: Tensor | None = None
    ) -> TeacherScores:
        """Returns the teacher's similarities along the edges."""
        if edge_index is None:
            raise InputError("LocalStructureLoss compares over edges (got none); give an `edge_index`")
        source, target, ptr = sort_by_target(edge_index, teacher.size(0))
        return TeacherScores(self._scores(teacher, source, target), source, target, ptr)

    def compare(self, student: Tensor, summary: TeacherScores) -> Tensor:
        """Returns the divergence of the student's local structure from that of the teacher, or the reverse."""
        teacher, source, target, ptr = summary
        scores = self._scores(student, source, target)
        dtype = torch.promote_types(scores.dtype, teacher.dtype)
        p, q = scores.to(dtype), teacher.to(dtype)
        p, q = (p, q) if self.direction == "student_teacher" else (q, p)
        name = "local_structure_divergence"
        if has_native(name) and serves(p, name):
            parts = torch.ops.graphkit.local_structure_divergence(p, q, ptr)
        else:
            parts = local_structure_divergence_reference(p, q, target, student.size(0))
        total: Tensor = parts.sum().to(widen(student).dtype)
        if self.reduction == "branching":
            return total / (ptr.diff() >= 2).sum().clamp(min=1)
        return total / (student.size(0) if self.reduction == "nodes" else target.size(0))

    def _scores(self, z: Tensor, source: Tensor, target: Tensor) -> Tensor:
        if self.normalize:
            z = torch.nn.functional.normalize(z, dim=1)
        return kernel_scores(z, source, target, *self.options)

    def extra_repr(self) -> str:
        """Returns what is not a default of everybody."""
        return f"kernel={self.kernel!r}, direction={self.direction!r}"
