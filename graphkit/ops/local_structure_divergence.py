"""How far the local structures of two networks are apart: the loss that shrinks one network after the other."""

from typing import Any

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.ops._arguments import check_flags
from graphkit.ops._calls import call_native
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
    r"""Compares what two networks think of every node's neighborhood, whatever the widths of their features.

    The local structure of a node is a distribution over its in-edges, by a kernel :math:`k` of
    :func:`~graphkit.ops.edge_similarity`; the divergence of two is that of Kullback and Leibler, averaged:

    .. math::
        \mathrm{LS}_{ij}
        = \frac{\exp k(\mathbf{z}_i, \mathbf{z}_j)}{\sum_{j' \to i} \exp k(\mathbf{z}_i, \mathbf{z}_{j'})}
        \qquad
        S_i = \sum_{j \to i} \mathrm{LS}^s_{ij} \log \frac{\mathrm{LS}^s_{ij}}{\mathrm{LS}^t_{ij}}
        \qquad
        L = \frac{1}{N} \sum_i S_i

    Args:
        student: Features :math:`\mathbf{z}^s`.
        teacher: Features :math:`\mathbf{z}^t` of the same nodes.
        edge_index: Edges :math:`j \to i` to compare over, row 0 = source and row 1 = target, in any order. A
            :class:`torch_geometric.EdgeIndex` that is sorted by column is fastest. Where the graphs of the two networks
            differ, the union of their edges.
        kernel: ``"rbf"``, ``"linear"``, ``"poly"``, ``"euclidean"`` or ``"l1exp"``.
        direction: ``"student_teacher"`` for :math:`\mathrm{KL}(\mathrm{LS}^s \Vert \mathrm{LS}^t)` as above, or
            ``"teacher_student"`` for the reverse.
        reduction: What to divide the sum of :math:`S_i` by: ``"nodes"`` for the number of nodes, ``"branching"`` for
            the number of those with two or more in-edges (the others have :math:`S_i = 0` in any case), ``"edge_mean"``
            for the number of edges; or ``"none"`` for all :math:`S_i` themselves.
        sigma: As in :func:`~graphkit.ops.edge_similarity`, for both networks; so are the options that follow.
        c: The constant of ``"poly"``.
        degree: The power of ``"poly"``.
        scale: The length of ``"l1exp"``.
        negate: Changes the sign of the kernel.

    Shapes:
        - **input:** ``student`` ``[N, Ds]``, ``teacher`` ``[N, Dt]``, ``edge_index`` ``[2, E]``.
        - **output:** one number, or ``[N]`` for ``"none"``; 0 where there is nothing to compare. Of the type of
          ``student``, or of float32 if that is shorter.

    Raises:
        ValueError: If shapes, types or devices do not fit, an edge names a node that does not exist, or an option has
            no such value.

    Notes:
        - Softmax and divergence are taken together in float64, from differences of scores: the result is finite for
          finite scores, however unlike the structures, and precise for nearly equal ones.
        - Gradients reach ``student``, and ``teacher`` if it asks for them. No tensor ``[E, D]`` is made on the way;
          only gradients of gradients go through the plain PyTorch form.
        - The native code serves the CPU and gives the same bits on every run and any number of threads.

    Reference:
        Yang et al., *Distilling Knowledge from Graph Convolutional Networks*, CVPR 2020.

    Differences:
        The released code computes ``kernel="l1exp", direction="teacher_student"``, from probabilities that may
        underflow. Other implementations divide by the number of edges (``reduction="edge_mean"``), which calls for
        another weight of the loss.
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
    """Returns the divergence of every node, and the number of its in-edges."""
    num_nodes = student.size(0)
    networks = (student, teacher) if direction == "student_teacher" else (teacher, student)
    if not (_NATIVE and all(serves(widen(z), "local_structure_divergence") for z in networks)):
        if edge_index.device.type == "cpu":  # a GPU checks while it reads
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
    """Returns ``[N]`` in plain PyTorch, from the scores ``[E]`` of edges in any order."""
    wide = torch.float64 if p.device.type != "mps" else torch.float32
    log_p, log_q = (_log_softmax(scores.to(wide), target, num_nodes) for scores in (p, q))
    terms = log_p.exp() * (log_p - log_q)
    return terms.new_zeros(num_nodes).index_add(0, target, terms).to(torch.promote_types(p.dtype, q.dtype))


def _log_softmax(x: Tensor, target: Tensor, num_nodes: int) -> Tensor:
    highest = x.new_zeros(num_nodes).scatter_reduce(0, target.long(), x.detach(), "amax", include_self=False)
    x = x - highest.index_select(0, target)
    total = x.new_zeros(num_nodes).index_add(0, target, x.exp())
    return x - total.clamp(min=1).log().index_select(0, target)  # less than 1 only where there are no edges


def _setup_context(ctx: Any, inputs: tuple[Tensor, ...], output: Any) -> None:
    ctx.save_for_backward(*inputs)


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    operator = torch.ops.graphkit.local_structure_divergence_backward
    return *call_native(operator, grad, *ctx.saved_tensors), None


def _double_backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
    """Differentiates the gradient of the plain form. Views part what is differentiated here from the rest."""
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

    @torch.library.register_fake("graphkit::local_structure_divergence")
    def _fake(p: Tensor, q: Tensor, ptr: Tensor) -> Tensor:
        return p.new_empty(ptr.size(0) - 1)

    @torch.library.register_fake("graphkit::local_structure_divergence_backward")
    def _backward_fake(grad: Tensor, p: Tensor, q: Tensor, ptr: Tensor) -> tuple[Tensor, Tensor]:
        return p.new_empty(p.shape), q.new_empty(q.shape)

    torch.library.register_autograd("graphkit::local_structure_divergence", _backward, setup_context=_setup_context)
    torch.library.register_autograd(
        "graphkit::local_structure_divergence_backward", _double_backward, setup_context=_setup_context
    )


def _check(student: Tensor, teacher: Tensor, edge_index: Tensor, direction: str, reduction: str) -> None:
    """Says in one line what does not fit. Looks at shapes only, so it costs nothing and compiles away."""
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
