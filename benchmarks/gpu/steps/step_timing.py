"""Step 3: milliseconds of every operator and its gradients, beside the forms in use elsewhere.

Least bytes: each input read once, each result written once, in the backward pass the gradients too. Indices count with
8 bytes, or 4 where an operator keeps them so. Where rows are gathered, they count once however often they are read.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from measuring import copy_speed, median_ms, peak_mb
from reporting import DEVICE, DRY, Reporter, Row
from torch import Tensor
from torch.nn import functional as F
from torch_geometric import EdgeIndex
from torch_geometric.utils import scatter, softmax

from graphkit import ops
from graphkit.ops.aggregate import aggregate_reference
from graphkit.ops.factor_aggregate import factor_aggregate_reference
from graphkit.ops.joints import joint_affinity_reference, joint_mix_reference
from graphkit.ops.local_structure_divergence import local_structure_divergence_reference
from graphkit.ops.path_attention import path_attention_reference
from graphkit.ops.segment_max import segment_max_reference
from graphkit.ops.segment_softmax import segment_softmax_reference
from graphkit.ops.segment_sum import segment_sum_reference
from graphkit.ops.temporal_conv3 import temporal_conv3_reference

Form = Callable[..., Tensor]


class Case(NamedTuple):
    """What is measured of an operator.

    Args:
        inputs: The tensors that have gradients.
        forms: Functions of these, by name: ours, the usual one, the plain one that is compiled.
        forward: Least bytes of a forward pass, besides the inputs and the result.
        backward: Least bytes of a backward pass, besides the inputs, their gradients and that of the result.
    """

    inputs: list[Tensor]
    forms: dict[str, Form]
    forward: int
    backward: int


def rows(size: int, small: int) -> int:
    """Returns a number of rows: of the real thing, or of a dry run."""
    return small if DRY else size


def normal(*shape: int, dtype: torch.dtype) -> Tensor:
    """Returns random numbers that have gradients."""
    return (torch.randn(shape, device=DEVICE) / 2).to(dtype).requires_grad_()


def sorted_edges(edges: int, nodes: int) -> Tensor:
    """Returns random edges sorted by target."""
    source, target = torch.randint(nodes, (2, edges), device=DEVICE)
    return torch.stack([source, target.sort().values])


def segments(operator: str, dtype: torch.dtype) -> Case:
    """Returns rows of 64 numbers, ten to a segment on average."""
    count, width = rows(4_000_000, 400), 64
    size = count // 10
    x = normal(count, width, dtype=dtype)
    index = torch.randint(size, (count,), device=DEVICE).sort().values
    ptr = torch.searchsorted(index, torch.arange(size + 1, device=DEVICE))
    ours = {"segment_sum": ops.segment_sum, "segment_max": ops.segment_max, "segment_softmax": ops.segment_softmax}
    plain = {
        "segment_sum": segment_sum_reference,
        "segment_max": segment_max_reference,
        "segment_softmax": segment_softmax_reference,
    }
    usual: dict[str, Form] = {
        "segment_sum": lambda x: x.new_zeros(size, width).index_add(0, index, x),
        "segment_max": lambda x: scatter(x, index, 0, size, "max"),
        "segment_softmax": lambda x: softmax(x, index, num_nodes=size),
    }
    forms = {
        "ours": lambda x: first(ours[operator](x, ptr)),
        "usual": usual[operator],
        "compiled": lambda x: first(plain[operator](x, ptr)),
    }
    arg = 8 * size * width if operator == "segment_max" else 0
    saved = count * width * x.element_size() if operator == "segment_softmax" else arg
    # The gradients of sums and maxima need no input again.
    again = 0 if operator == "segment_softmax" else -count * width * x.element_size()
    if operator == "segment_softmax":
        again = -saved  # the weights in place of the input
    return Case([x], forms, 8 * ptr.numel() + arg, 8 * ptr.numel() + saved + again)


def first(out: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    """Returns the result, of operators that return something beside it."""
    return out[0] if isinstance(out, tuple) else out


def neighbors(operator: str, dtype: torch.dtype) -> Case:
    """Returns a graph with ten edges to a node and features of width 64, with weights for sums."""
    reduce = operator.removeprefix("aggregate_")
    nodes, width = rows(400_000, 50), 64
    edges = sorted_edges(10 * nodes, nodes)
    edge_index = EdgeIndex(edges, sparse_size=(nodes, nodes), sort_order="col")  # grouped once, as in training
    inputs = [normal(nodes, width, dtype=dtype)]
    if reduce == "sum":
        inputs.append(normal(edges.size(1), dtype=dtype))

    def usual(x: Tensor, *weight: Tensor) -> Tensor:
        messages = x.index_select(0, edges[0])
        return scatter(messages * weight[0].view(-1, 1) if weight else messages, edges[1], 0, nodes, reduce)

    forms: dict[str, Form] = {
        "ours": lambda x, *w: ops.aggregate(x, edge_index, *w, reduce=reduce),
        "usual": usual,
        "compiled": lambda x, *w: aggregate_reference(x, edges, w[0] if w else None, reduce, nodes),
    }
    # A node and, for the weight, a place of 4 bytes for each edge. Maxima are read again, with their number.
    again = 2 * nodes * width * inputs[0].element_size() if reduce == "max" else 0
    least = (8 if reduce == "sum" else 4) * edges.size(1)
    return Case(inputs, forms, least, least * (2 if reduce == "sum" else 1) + again)


def factors(dtype: torch.dtype) -> Case:
    """Returns a graph with ten edges to a node and eight factors."""
    nodes, width, count = rows(200_000, 100), 64, 8
    edges = sorted_edges(10 * nodes, nodes)
    edge_index = EdgeIndex(edges, sparse_size=(nodes, nodes), sort_order="col")
    inputs = [normal(nodes, width, dtype=dtype), *(normal(nodes, count, dtype=dtype) for _ in range(2))]

    def usual(h: Tensor, source: Tensor, target: Tensor) -> Tensor:
        gates = torch.sigmoid(source.index_select(0, edges[0]) + target.index_select(0, edges[1]))
        messages = gates.unsqueeze(2) * h.index_select(0, edges[0]).unsqueeze(1)
        return messages.new_zeros(nodes, count, width).index_add(0, edges[1], messages)

    forms: dict[str, Form] = {
        "ours": lambda h, s, t: ops.factor_aggregate(h, s, t, edge_index),
        "usual": usual,
        "compiled": lambda h, s, t: factor_aggregate_reference(h, s, t, edges, 1.0),
    }
    return Case(inputs, forms, 16 * edges.size(1), 32 * edges.size(1))


def paths(dtype: torch.dtype) -> Case:
    """Returns paths of two hops, twenty to a node, and eight heads of eight features."""
    nodes, heads, width = rows(100_000, 50), 8, 8
    path_index = torch.cat([torch.randint(nodes, (1, 20 * nodes), device=DEVICE), sorted_edges(20 * nodes, nodes)])
    inputs = [normal(*shape, dtype=dtype) for shape in ((nodes, heads, width), (heads, width), (nodes, heads))]
    far, near, target_ids = path_index

    def usual(h: Tensor, att: Tensor, target: Tensor) -> Tensor:
        phi = torch.maximum(h.index_select(0, far), h.index_select(0, near))
        score = F.leaky_relu((phi * att).sum(-1) + target.index_select(0, target_ids), 0.2)
        alpha = softmax(score, target_ids, num_nodes=nodes)
        return h.new_zeros(h.shape).index_add(0, target_ids, alpha.unsqueeze(-1) * phi)

    forms: dict[str, Form] = {
        "ours": lambda h, a, t: ops.path_attention(h, path_index, a, t),
        "usual": usual,
        "compiled": lambda h, a, t: path_attention_reference(h, path_index, a, t, None, "max", 0.2)[0],
    }
    return Case(inputs, forms, 8 * path_index.numel(), 8 * path_index.numel())


def similarities(dtype: torch.dtype) -> Case:
    """Returns a graph with twenty edges to a node and features of width 64."""
    nodes = rows(200_000, 50)
    edges = sorted_edges(20 * nodes, nodes)

    def usual(z: Tensor) -> Tensor:
        return torch.exp(-0.5 * (z.index_select(0, edges[0]) - z.index_select(0, edges[1])).square().sum(-1))

    forms = {"ours": lambda z: ops.edge_similarity(z, edges), "usual": usual, "compiled": usual}
    return Case([normal(nodes, 64, dtype=dtype)], forms, 16 * edges.size(1), 16 * edges.size(1))


def structures(dtype: torch.dtype) -> Case:
    """Returns the same graph with features of two networks."""
    nodes = rows(100_000, 50)
    edges = sorted_edges(20 * nodes, nodes)
    edge_index = EdgeIndex(edges, sparse_size=(nodes, nodes), sort_order="col")

    def scores(z: Tensor) -> Tensor:
        z = z.float()  # the divergence is a difference of close numbers: in bfloat16 nothing would be left of it
        return torch.exp(-0.5 * (z.index_select(0, edges[0]) - z.index_select(0, edges[1])).square().sum(-1))

    def usual(student: Tensor, teacher: Tensor) -> Tensor:
        p, q = (softmax(scores(z), edges[1], num_nodes=nodes) for z in (student, teacher))
        return scatter(p * (p / q).log(), edges[1], 0, nodes, "sum")

    forms: dict[str, Form] = {
        "ours": lambda s, t: ops.local_structure_divergence(s, t, edge_index, reduction="none"),
        "usual": usual,
        "compiled": lambda s, t: local_structure_divergence_reference(scores(s), scores(t), edges[1], nodes),
    }
    # Distances of about 1: the similarity of points that are far apart is too small to compare.
    inputs = [(normal(nodes, d, dtype=dtype).detach() * d**-0.5).requires_grad_() for d in (64, 128)]
    return Case(inputs, forms, 16 * edges.size(1), 16 * edges.size(1))


def clips(operator: str, dtype: torch.dtype) -> Case:
    """Returns sequences of 300 frames with 25 joints, as in NTU RGB+D."""
    count, frames, joints = rows(256, 2), rows(300, 6), 25
    ptr = torch.arange(count + 1, device=DEVICE) * frames
    forms: dict[str, Form]
    if operator == "joint_mix":
        inputs = [normal(count * frames, joints, 4, 16, dtype=dtype), normal(count, 4, joints, joints, dtype=dtype)]
        forms = {
            "ours": lambda x, w: ops.joint_mix(x, w, ptr, frames),
            "usual": lambda x, w: torch.einsum("nkuv,ntukd->ntvkd", w, x.unflatten(0, (count, frames))).flatten(0, 1),
            "compiled": lambda x, w: joint_mix_reference(x, w, ptr, frames),
        }
    elif operator == "joint_affinity":
        inputs = [normal(count * frames, joints, 1, 32, dtype=dtype) for _ in range(2)]

        def usual(a: Tensor, b: Tensor) -> Tensor:
            return torch.einsum("ntukd,ntvkd->nkuv", a.unflatten(0, (count, frames)), b.unflatten(0, (count, frames)))

        forms = {
            "ours": lambda a, b: ops.joint_affinity(a, b, ptr, frames),
            "usual": usual,
            "compiled": lambda a, b: joint_affinity_reference(a, b, ptr, frames),
        }
    else:
        inputs = [normal(count * frames, joints, 2, 3, 32, dtype=dtype)]

        def shifted(x: Tensor) -> Tensor:
            x = x.unflatten(0, (count, frames))
            position, before = x[:, :, :, 0], x[:, :, :, 1]
            motion = F.pad(before[:, 1:] - before[:, :-1], (0, 0, 0, 0, 0, 0, 0, 1))
            parts = []
            for one in (position, motion):
                earlier = F.pad(one[:, :-1, :, 0], (0, 0, 0, 0, 1, 0))
                later = F.pad(one[:, 1:, :, 2], (0, 0, 0, 0, 0, 1))
                parts.append(one[:, :, :, 1] + earlier + later)
            return torch.stack(parts, dim=3).flatten(0, 1)

        forms = {
            "ours": lambda x: ops.temporal_conv3(x, ptr, frames),
            "usual": shifted,
            "compiled": lambda x: temporal_conv3_reference(x, ptr, frames),
        }
    # The transpose of a window needs no input again.
    again = -inputs[0].numel() * inputs[0].element_size() if operator == "temporal_conv3" else 0
    return Case(inputs, forms, 0, again)


CASES: dict[str, Callable[[torch.dtype], Case]] = {
    "segment_sum": lambda dtype: segments("segment_sum", dtype),
    "segment_max": lambda dtype: segments("segment_max", dtype),
    "segment_softmax": lambda dtype: segments("segment_softmax", dtype),
    "aggregate_sum": lambda dtype: neighbors("aggregate_sum", dtype),
    "aggregate_mean": lambda dtype: neighbors("aggregate_mean", dtype),
    "aggregate_max": lambda dtype: neighbors("aggregate_max", dtype),
    "factor_aggregate": factors,
    "path_attention": paths,
    "edge_similarity": similarities,
    "local_structure_divergence": structures,
    "joint_mix": lambda dtype: clips("joint_mix", dtype),
    "joint_affinity": lambda dtype: clips("joint_affinity", dtype),
    "temporal_conv3": lambda dtype: clips("temporal_conv3", dtype),
}


def measure(operator: str, form: str, dtype: torch.dtype, speed: float) -> Row:
    """Returns the times of one form of an operator."""
    torch.manual_seed(0)
    case = CASES[operator](dtype)
    call = case.forms[form]
    if form == "compiled":
        torch._dynamo.reset()
        call = torch.compile(call)
    with torch.no_grad():
        out = call(*case.inputs)
        row: Row = {"operator": operator, "form": form, "dtype": str(dtype).removeprefix("torch.")}
        if form != "ours":  # the forms that are compared must be of the same thing
            row["difference"] = difference(case.forms["ours"](*case.inputs), out)
            assert row["difference"] < (1e-3 if dtype == torch.float32 else 0.1), f"they differ: {row}"
        forward = median_ms(lambda: call(*case.inputs))
    grad = torch.randn_like(out)
    sizes = [tensor.numel() * tensor.element_size() for tensor in (*case.inputs, out)]
    del out

    def both() -> object:
        return torch.autograd.grad(call(*case.inputs), case.inputs, grad)

    least = sum(sizes) + case.forward
    total = least + sum(sizes) + sum(sizes[:-1]) + case.backward  # inputs, their gradients and that of the result
    row |= {"forward_ms": forward, "both_ms": median_ms(both), "peak_mb": peak_mb(both)}
    for name, amount, ms in (("forward", least, forward), ("both", total, row["both_ms"])):
        row[f"{name}_bytes_per_second"] = amount / ms * 1e3
        row[f"{name}_of_copy"] = amount / ms * 1e3 / speed
    return row


def difference(ours: Tensor, other: Tensor) -> float:
    """Returns the largest difference of two results, relative to the largest number."""
    return float((ours - other).abs().amax()) / float(other.abs().amax())


def units(speed: float) -> Iterator[tuple[str, Callable[[], Row]]]:
    """Yields what is measured, in order of worth."""
    order = [(form, torch.float32) for form in ("ours", "usual", "compiled")]
    order += [("ours", torch.bfloat16), ("usual", torch.bfloat16)]
    for form, dtype in order:
        for operator in CASES:
            if DRY and form == "compiled" and operator != "segment_sum":
                continue  # compiling for the CPU takes seconds each
            name = f"{operator} {form} {str(dtype).removeprefix('torch.')}"
            yield name, lambda o=operator, f=form, d=dtype: measure(o, f, d, speed)


def run(reporter: Reporter) -> None:
    """Works off the step."""
    reporter.work_off(dict(units(copy_speed())), limit=60)
