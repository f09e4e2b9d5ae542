"""Local structure preservation (LSP)."""

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
    """Similarities ``[E]`` of the teacher along edges, sorted by target."""

    scores: Tensor
    source: Tensor
    target: Tensor
    ptr: Tensor


@register_loss("lsp")
class LocalStructureLoss(DistillationLoss):
    r"""Local structure preservation (LSP, CVPR 2020): divergence of local structures.

    The loss compares similarities between neighbors instead of features, so that widths may differ. With the local
    structures :math:`\mathrm{LS}` of :func:`~graphkit.distill.local_structure`,

    .. math::
        L = \frac{1}{N} \sum_i \sum_{j \to i} \mathrm{LS}^s_{ij} \log \frac{\mathrm{LS}^s_{ij}}{\mathrm{LS}^t_{ij}}

    see :func:`~graphkit.distill.local_structure_divergence`. :class:`~graphkit.distill.Distiller` caches the
    similarities of the teacher.

    Args:
        kernel (str, optional): ``"rbf"``, ``"linear"``, ``"poly"``, ``"euclidean"`` or ``"l1exp"``, see
            :func:`~graphkit.ops.edge_similarity`. (default: ``"rbf"``)
        direction (str, optional): ``"student_teacher"`` for :math:`\mathrm{KL}(\mathrm{LS}^s \Vert \mathrm{LS}^t)`
            as above, ``"teacher_student"`` for the reverse. (default: ``"student_teacher"``)
        sigma (float, optional): Bandwidth of ``"rbf"``. If squared distances are much larger than its square, all
            similarities and the gradient vanish. (default: ``1.0``)
        c (float, optional): Constant of ``"poly"``. (default: ``0.0``)
        degree (int, optional): Degree of ``"poly"``. (default: ``2``)
        scale (float, optional): Length scale of ``"l1exp"``. (default: ``100.0``)
        negate (bool, optional): If ``True``, negates the kernel. (default: ``False``)
        reduction (str, optional): Divisor of the sum: number of ``"nodes"``, of ``"branching"`` nodes (with two or more
            in-edges), or of edges (``"edge_mean"``). (default: ``"nodes"``)
        normalize (bool, optional): If ``True``, the features of every node are scaled to length 1 first; squared
            distances are then between 0 and 4 for any width. (default: ``False``)

    Shapes:
        - **input:** ``student`` ``[N, Ds]``, ``teacher`` ``[N, Dt]``, ``edge_index`` ``[2, E]``.
        - **output:** a scalar.

    Raises:
        InputError: If an option has an invalid value.

    Reference:
        Yang et al., `Distilling Knowledge from Graph Convolutional Networks <https://arxiv.org/abs/2003.10477>`_,
        CVPR 2020.

    Differences:
        The paper gives four kernels without constants and a weight of 100. The released code uses ``kernel="l1exp"``,
        ``direction="teacher_student"`` and a weight of 1 in the first 30 epochs. ``normalize`` is an addition.
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
        """Returns the divergence of the local structures of student and teacher."""
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
        """Returns the main options."""
        return f"kernel={self.kernel!r}, direction={self.direction!r}"
