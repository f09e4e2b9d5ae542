"""Dropout of large tensors on the CPU."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from graphkit.ops._calls import call_native, register_fake
from graphkit.ops._native import NATIVE_TYPES, has_native, serves

_NATIVE = has_native("dropout")
#: Size from which the native code is used.
LARGE = 2**22


def dropout(x: Tensor, p: float) -> Tensor:
    """Applies dropout in training.

    The native code is used for at least :data:`LARGE` numbers on the CPU. It draws one seed from PyTorch's global
    generator, and the mask from the generator xoshiro128++ with that seed, for any number of threads alike. The mask is
    not stored: the backward pass computes it again. PyTorch draws the numbers of smaller tensors one after another.

    Args:
        x (Tensor): Values.
        p (float): Fraction of the values that are set to zero, in [0, 1].

    Reference:
        Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, *Dropout: A Simple Way to Prevent Neural Networks
        from Overfitting*, JMLR 2014; Blackman and Vigna, *Scrambled Linear Pseudorandom Number Generators*, TOMS 2021.
    """
    large = _NATIVE and x.numel() >= LARGE and not torch.compiler.is_compiling()
    if not large or p == 1 or x.layout != torch.strided or x.dtype not in NATIVE_TYPES or not serves(x, "dropout"):
        return F.dropout(x, p)
    seed = int(torch.empty((), dtype=torch.int64).random_())
    return call_native(torch.ops.graphkit.dropout, x, p, seed)


def _setup(ctx: Any, inputs: tuple[Tensor, float, int], output: Tensor) -> None:
    _, ctx.p, ctx.seed = inputs


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
    return call_native(torch.ops.graphkit.dropout, grad, ctx.p, ctx.seed), None, None


if _NATIVE:

    @register_fake("dropout")
    def _fake(x: Tensor, p: float, seed: int) -> Tensor:
        return torch.empty_like(x, memory_format=torch.contiguous_format)

    torch.library.register_autograd("graphkit::dropout", _backward, setup_context=_setup)
