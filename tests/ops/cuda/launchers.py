"""The launchers of the CUDA kernels as functions of tensors, on an emulated GPU."""

from functools import partial

import torch
from torch import Tensor

from tests.ops.cuda.emulated import TYPES, Emulator, Int, Shifted, groups, slots, unset, wide


class Launchers:
    """Calls kernels as the registering files do it.

    Args:
        gpu: Where they run.
        longest: The number of rows beyond which a group is divided, small to see that happen in small tests.
        shifted: Puts inputs where they cannot be read 16 bytes at a time.
        sound: Whether the groups are: if not, threads may write the same rows, and their order matters.
    """

    def __init__(self, gpu: Emulator, longest: int = 256, shifted: bool = False, sound: bool = True) -> None:
        self.gpu = gpu if sound else partial(gpu, orders=(0,))
        self.longest, self.shifted = longest, shifted

    def given(self, x: Tensor) -> Tensor | Shifted:
        x = x.contiguous()
        return Shifted(x) if self.shifted else x

    def parts(self, rows: int, *shape: int, dtype: torch.dtype) -> Tensor:
        return unset(slots(rows, self.longest), *shape, dtype=dtype)

    def segment_sum(self, x: Tensor, ptr: Tensor) -> Tensor:
        (rows, width), dtype = x.shape, x.dtype
        out = unset(ptr.numel() - 1, width, dtype=dtype)
        parts = self.parts(rows, width, dtype=wide(dtype))
        table = groups(ptr, rows, self.longest)
        self.gpu("graphkit_segment_sum", Int(TYPES[dtype]), table, width, self.given(x), out, parts, None)
        return out

    def segment_expand(self, x: Tensor, ptr: Tensor, rows: int) -> Tensor:
        width, dtype = x.size(1), x.dtype
        out = unset(rows, width, dtype=dtype)
        table = groups(ptr, rows, self.longest)
        self.gpu("graphkit_segment_expand", Int(TYPES[dtype]), table, width, self.given(x), out, None)
        return out

    def segment_max(self, x: Tensor, ptr: Tensor) -> tuple[Tensor, Tensor]:
        (rows, width), dtype = x.shape, x.dtype
        out = unset(ptr.numel() - 1, width, dtype=dtype)
        arg = unset(ptr.numel() - 1, width, dtype=torch.int64)
        parts = [self.parts(rows, width, dtype=kind) for kind in (wide(dtype), torch.int64)]
        table = groups(ptr, rows, self.longest)
        self.gpu("graphkit_segment_max", Int(TYPES[dtype]), table, width, self.given(x), out, arg, *parts, None)
        return out, arg

    def segment_softmax(self, x: Tensor, ptr: Tensor) -> Tensor:
        (rows, width), dtype = x.shape, x.dtype
        out = unset(rows, width, dtype=dtype)
        parts = [self.parts(rows, width, dtype=wide(dtype)) for _ in range(2)]
        table = groups(ptr, rows, self.longest)
        self.gpu("graphkit_segment_softmax", Int(TYPES[dtype]), table, width, self.given(x), out, *parts, None)
        return out

    def segment_softmax_backward(self, grad: Tensor, out: Tensor, ptr: Tensor) -> Tensor:
        (rows, width), dtype = out.shape, out.dtype
        result = unset(rows, width, dtype=dtype)
        parts = self.parts(rows, width, dtype=wide(dtype))
        self.gpu(
            "graphkit_segment_softmax_backward",
            Int(TYPES[dtype]),
            groups(ptr, rows, self.longest),
            width,
            self.given(grad),
            self.given(out),
            result,
            parts,
            None,
        )
        return result

    def factor_aggregate(
        self,
        h: Tensor,
        source: Tensor,
        target: Tensor,
        edges: tuple,
        gain: float,
        edge: Tensor | None = None,
        places: tuple = (None, None),
    ) -> Tensor:
        nodes, factors, width = h.size(0), source.size(1), h.size(-1)
        out = unset(nodes, factors, width, dtype=h.dtype)
        parts = self.parts(edges[1].numel(), factors, width, dtype=wide(h.dtype))
        table = self._factor_edges(h, source, *edges[:2], gain, edge, places[0])
        inputs = [self.given(x) for x in (h, source, target)]
        self.gpu("graphkit_factor_aggregate", Int(TYPES[h.dtype]), table, *inputs, out, parts, None)
        return out

    def factor_aggregate_backward(
        self,
        grad: Tensor,
        h: Tensor,
        source: Tensor,
        target: Tensor,
        edges: tuple,
        gain: float,
        edge: Tensor | None = None,
        places: tuple = (None, None),
    ) -> tuple[Tensor, ...]:
        colptr, row, rowptr, col = edges
        kind, count = wide(h.dtype), row.numel()
        grad_h = unset(*h.shape, dtype=h.dtype)
        grad_source, grad_target = unset(*source.shape, dtype=kind), unset(*source.shape, dtype=kind)
        inputs = [self.given(x) for x in (grad, h, source, target)]
        parts = self.parts(count, source.size(1), dtype=kind)
        table = self._factor_edges(h, source, colptr, row, gain, edge, places[0])
        name = "graphkit_factor_aggregate_by_target"
        self.gpu(name, Int(TYPES[h.dtype]), table, *inputs, grad_target, parts, None)
        grads_edge = []
        if edge is not None:
            grads_edge = [unset(*edge.shape, dtype=h.dtype)]
            self.gpu("graphkit_factor_aggregate_by_edge", Int(TYPES[h.dtype]), table, *inputs, *grads_edge, None)
        feature_parts = self.parts(count, *h.shape[1:], dtype=kind)
        table = self._factor_edges(h, source, rowptr, col, gain, edge, places[1])
        name = "graphkit_factor_aggregate_by_source"
        outputs = (grad_h, grad_source, feature_parts, parts)
        self.gpu(name, Int(TYPES[h.dtype]), table, *inputs, *outputs, None)
        return grad_h, grad_source, grad_target, *grads_edge

    def _factor_edges(
        self,
        h: Tensor,
        source: Tensor,
        ptr: Tensor,
        other: Tensor,
        gain: float,
        edge: Tensor | None,
        place: Tensor | None,
    ) -> tuple:
        table = groups(ptr, other.numel(), self.longest)
        return (table, other, source.size(1), h.size(-1), Int(h.dim() == 2), gain, edge, place)


#: Errors relative to the largest number, with the type they were made in: for whoever records them.
ERRORS: list[tuple[str, float]] = []


def note_error(ours: Tensor, exact: Tensor) -> float:
    """Returns the largest error relative to the largest number, and notes it in ERRORS; infinity if a NaN is wrong."""
    if exact.numel() == 0:
        return 0.0
    inside = exact.isfinite()
    if not torch.equal(ours.isfinite(), inside):
        return float("inf")
    exact = exact[inside].double()
    if exact.numel() == 0:
        return 0.0
    scale = max(float(exact.abs().amax()), 1e-2)  # what cancels out is no smaller than the rounding of its terms
    error = float((ours[inside].double() - exact).abs().amax()) / scale
    ERRORS.append((str(ours.dtype).removeprefix("torch."), error))
    return error


def assert_close(ours: Tensor, exact: Tensor, room: float = 2e-6, least: float = 1e-4) -> None:
    """Compares with the result in float64: sums in float32, and one rounding to a 16-bit type at the end.

    The room for rounding errors is relative to the largest number, or to ``least`` if that is larger.
    """
    assert ours.shape == exact.shape
    note_error(ours, exact)
    scale = float(exact.abs().nan_to_num(0, 0, 0).max()) if exact.numel() > 0 else 0.0
    room = room * (5e-9 if ours.dtype == torch.float64 else 1.0)
    rounding = 0.51 * torch.finfo(ours.dtype).eps if ours.dtype.itemsize == 2 else 0.0
    torch.testing.assert_close(ours.double(), exact, rtol=rounding, atol=room * max(scale, least), equal_nan=True)
