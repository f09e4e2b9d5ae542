"""Local structure divergence of two networks, for distillation."""

from typing import Any

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.ops._arguments import check_flags
from graphkit.ops._calls import call_native, register_fake
from graphkit.ops._edges import check_edge_values, check_edges, check_node_ids, group_edges
from graphkit.ops._native import offer, serves
from graphkit.ops._segments import segment_ids, widen
from graphkit.ops.edge_similarity import check_features, check_kernel, kernel_scores

_NATIVE = offer("local_structure_divergence")
_DIRECTIONS = ("student_teacher", "teacher_student")
_REDUCTIONS = ("nodes", "branching", "edge_mean", "none")


def local_structure_divergence(
    student: Tensor,
    teacher: Tensor,
    edge_index: Tensor,
    kernel: str = "rbf",
    *,
    direction: str = "student_teacher",
    reduction: str = "nodes",
    sigma: float = 1.0,
    c: float = 0.0,
    degree: int = 2,
    scale: float = 100.0,
    negate: bool = False,
) -> Tensor:
    r"""Returns the Kullback-Leibler divergence of the local structures of two networks.

    The local structure of a node is the softmax over its in-edges of a kernel :math:`k` of
    :func:`~graphkit.ops.edge_similarity`:

    .. math::
        \mathrm{LS}_{ij}
        = \frac{\exp k(\mathbf{z}_i, \mathbf{z}_j)}{\sum_{j' \to i} \exp k(\mathbf{z}_i, \mathbf{z}_{j'})}
        \qquad
        S_i = \sum_{j \to i} \mathrm{LS}^s_{ij} \log \frac{\mathrm{LS}^s_{ij}}{\mathrm{LS}^t_{ij}}
        \qquad
        L = \frac{1}{N} \sum_i S_i

    Args:
        student (Tensor): Student features :math:`\mathbf{z}^s`.
        teacher (Tensor): Teacher features :math:`\mathbf{z}^t` of the same nodes.
        edge_index (Tensor): Edges :math:`j \to i`, row 0 = source and row 1 = target, in any order; a
            :class:`torch_geometric.EdgeIndex` sorted by column is fastest. If the graphs of the networks differ, the
            union of their edges.
        kernel (str, optional): ``"rbf"``, ``"linear"``, ``"poly"``, ``"euclidean"`` or ``"l1exp"``.
            (default: ``"rbf"``)
        direction (str, optional): ``"student_teacher"`` for :math:`\mathrm{KL}(\mathrm{LS}^s \Vert \mathrm{LS}^t)` as
            above, or ``"teacher_student"`` for the reverse. (default: ``"student_teacher"``)
        reduction (str, optional): Divisor of the sum of :math:`S_i`: ``"nodes"`` for the number of nodes,
            ``"branching"`` for the number of nodes with two or more in-edges (:math:`S_i = 0` for all others),
            ``"edge_mean"`` for the number of edges; or ``"none"`` for all :math:`S_i`. (default: ``"nodes"``)
        sigma (float, optional): Bandwidth of ``"rbf"``, for both networks, as are the following options.
            (default: ``1.0``)
        c (float, optional): Constant of ``"poly"``. (default: ``0.0``)
        degree (int, optional): Degree of ``"poly"``. (default: ``2``)
        scale (float, optional): Length scale of ``"l1exp"``. (default: ``100.0``)
        negate (bool, optional): If ``True``, negates the kernel. (default: ``False``)

    Shapes:
        - **input:** ``student`` ``[N, Ds]``, ``teacher`` ``[N, Dt]``, ``edge_index`` ``[2, E]``.
        - **output:** scalar, or ``[N]`` for ``"none"``, in the dtype of ``student`` (float32 at least); 0 for a node
          without in-edges.

    Raises:
        InputError: If shapes, types or devices do not match, a node id is invalid, or an option is invalid.

    Example:
        >>> z = torch.randn(3, 4)
        >>> float(local_structure_divergence(z, z, torch.tensor([[0, 1, 2], [1, 2, 1]])))
        0.0

    Notes:
        - Softmax and divergence are computed together in float64 from differences of scores: the result is finite for
          finite scores and precise for nearly equal structures.
        - ``student`` and ``teacher`` are differentiable. No tensor ``[E, D]`` is materialized, except in second
          derivatives, which use the PyTorch reference.
        - The native code runs on the CPU and is deterministic for any number of threads.

    Reference:
        Yang et al., *Distilling Knowledge from Graph Convolutional Networks*, CVPR 2020.

    Differences:
        The released code computes ``kernel="l1exp", direction="teacher_student"`` from probabilities that may
        underflow. Other implementations use ``reduction="edge_mean"``, which requires another loss weight.
    """
    _check(student, teacher, edge_index, direction, reduction)
    check_kernel(kernel, sigma, c, degree, scale)
    check_flags(negate=negate)
    num_nodes = student.size(0)
    options = (kernel, sigma, c, degree, scale, negate)
    try:
        parts, in_degree = _parts(student, teacher, edge_index, direction, options)
    except (IndexError, RuntimeError):
        if not torch.compiler.is_compiling():
            check_edge_values(edge_index, num_nodes)
        raise
    parts = parts.to(widen(student).dtype)
    if reduction == "none":
        return parts
    if reduction == "branching":
        return parts.sum() / (in_degree >= 2).sum().clamp(min=1)
    return parts.sum() / max(1, num_nodes if reduction == "nodes" else edge_index.size(1))


def _parts(
    student: Tensor, teacher: Tensor, edge_index: Tensor, direction: str, options: tuple[Any, ...]
) -> tuple[Tensor, Tensor]:
    """Returns the divergence and the in-degree of every node."""
    num_nodes = student.size(0)
    networks = (student, teacher) if direction == "student_teacher" else (teacher, student)
    if not (_NATIVE and all(serves(widen(z), "local_structure_divergence") for z in networks)):
        if edge_index.device.type == "cpu":  # indexing on a GPU validates the ids
            check_node_ids("edge_index", edge_index, num_nodes, "the features")
        row, col = edge_index[0], edge_index[1]
        p, q = (kernel_scores(z, row, col, *options) for z in networks)
        in_degree = torch.zeros(num_nodes, dtype=torch.long, device=col.device)
        in_degree = in_degree.index_add(0, col, torch.ones_like(col, dtype=torch.long))
        return local_structure_divergence_reference(p, q, col, num_nodes), in_degree
    colptr, row, _, _ = group_edges(edge_index, num_nodes, both_ways=False)
    col = segment_ids(colptr, row.size(0))
    p, q = (kernel_scores(z, row, col, *options) for z in networks)
    dtype = torch.promote_types(p.dtype, q.dtype)
    operator = torch.ops.graphkit.local_structure_divergence
    return call_native(operator, p.to(dtype), q.to(dtype), colptr), colptr.diff()


def local_structure_divergence_reference(p: Tensor, q: Tensor, target: Tensor, num_nodes: int) -> Tensor:
    """Computes the divergences ``[N]`` in plain PyTorch, from scores ``[E]`` of edges."""
    wide = torch.float64 if p.device.type != "mps" else torch.float32
    log_p, log_q = (_log_softmax(scores.to(wide), target, num_nodes) for scores in (p, q))
    terms = log_p.exp() * (log_p - log_q)
    return terms.new_zeros(num_nodes).index_add(0, target, terms).to(torch.promote_types(p.dtype, q.dtype))


def _log_softmax(x: Tensor, target: Tensor, num_nodes: int) -> Tensor:
    highest = x.new_zeros(num_nodes).scatter_reduce(0, target.long(), x.detach(), "amax", include_self=False)
    x = x - highest.index_select(0, target)
    total = x.new_zeros(num_nodes).index_add(0, target, x.exp())
    # At least 1, or 0 without edges. A bound of 1 would be met exactly, where torch >= 2.15 has another gradient.
    return x - total.clamp(min=0.5).log().index_select(0, target)


def _setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Any) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    operator = torch.ops.graphkit.local_structure_divergence_backward
    return *call_native(operator, grad, *ctx.saved_tensors), None


def _double_backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiates the gradient of the reference; views isolate the inner graph."""
    *tensors, ptr = ctx.saved_tensors
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        tensors = [t.view_as(t) if t.requires_grad else t.detach().requires_grad_() for t in tensors]
        grad, p, q = tensors
        out = local_structure_divergence_reference(p, q, segment_ids(ptr, p.size(0)), grad.size(0))
        first = torch.autograd.grad(out, (p, q), grad, create_graph=True)
        second = torch.autograd.grad(first, tensors, grads, create_graph=create_graph, materialize_grads=True)
    return *second, None


if _NATIVE:

    @register_fake("local_structure_divergence")
    def _fake(p: Tensor, q: Tensor, ptr: Tensor) -> Tensor:
        return p.new_empty(ptr.size(0) - 1)

    @register_fake("local_structure_divergence_backward")
    def _backward_fake(grad: Tensor, p: Tensor, q: Tensor, ptr: Tensor) -> tuple[Tensor, Tensor]:
        return p.new_empty(p.shape), q.new_empty(q.shape)

    torch.library.register_autograd("graphkit::local_structure_divergence", _backward, setup_context=_setup_context)
    torch.library.register_autograd(
        "graphkit::local_structure_divergence_backward", _double_backward, setup_context=_setup_context
    )


def _check(student: Tensor, teacher: Tensor, edge_index: Tensor, direction: str, reduction: str) -> None:
    """Validates the types, shapes and devices of the arguments."""
    check_features("student", student)
    check_features("teacher", teacher)
    if teacher.size(0) != student.size(0):
        raise InputError(
            f"`teacher` must have a row for each of the {student.size(0)} nodes of `student` "
            f"(got shape {list(teacher.shape)}); compare the two on the same nodes"
        )
    if teacher.device != student.device:
        raise InputError(
            f"`teacher` must be on the device of `student`, {student.device} (got {teacher.device}); move it there"
        )
    check_edges(edge_index, student.device)
    if direction not in _DIRECTIONS:
        raise InputError(f"`direction` must be 'student_teacher' or 'teacher_student' (got {direction!r})")
    if reduction not in _REDUCTIONS:
        raise InputError(f"`reduction` must be one of {', '.join(map(repr, _REDUCTIONS))} (got {reduction!r})")
