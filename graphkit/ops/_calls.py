"""Calls of native operators: autograd support, error messages and interrupts."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

_LONG = 2**14  # numbers in a tensor: smaller calls are too short to be interrupted
_INTERRUPTED = "interrupted by a signal"  # message of the native code


def register_fake(operator: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorates the fake kernel of an operator of the native library.

    PyTorch searches for the module of its caller, which takes milliseconds per file: here it is one file for all.

    Args:
        operator (str): Name of the operator.
    """

    def register(kernel: Callable[..., Any]) -> Callable[..., Any]:
        torch.library.register_fake(f"graphkit::{operator}", kernel)
        return kernel

    return register


def takes_plain_derivatives() -> bool:
    """Returns whether derivatives are computed by plain reverse mode.

    Native operators support no other mode: in forward mode their derivatives would be zero.
    """
    if forward_ad._current_level >= 0:
        return False
    if not torch._C._are_functorch_transforms_active():
        return True
    if torch.compiler.is_compiling():
        return False
    functorch = torch._C._functorch
    levels = functorch.get_interpreter_stack() or []
    return all(level.key() not in (functorch.TransformType.Grad, functorch.TransformType.Jvp) for level in levels)


def call_native(operator: Any, *arguments: Any, check: Callable[[], None] | None = None) -> Any:
    """Calls a native operator and handles signals such as Ctrl-C during the call.

    Args:
        operator (Any): Operator of ``torch.ops.graphkit``, which validates the values of its arguments.
        arguments (optional): Arguments of the operator.
        check (Callable[[], None], optional): Function that raises a more specific error if the operator rejects its
            arguments. (default: ``None``)
    """
    if torch.compiler.is_compiling():
        return operator(*arguments)
    try:
        if any(isinstance(argument, Tensor) and argument.numel() >= _LONG for argument in arguments):
            return call_interruptibly(operator, *arguments)
        return operator(*arguments)
    except RuntimeError:
        if check is not None:
            check()
        raise


@cache
def _watches() -> bool:
    """Returns whether the library supports interrupts."""
    return hasattr(torch.ops.graphkit, "watch_interrupts")


def call_interruptibly(operator: Any, *arguments: Any) -> Any:
    """Calls a native operator that stops at a signal.

    The call is repeated unless the signal handler raises.
    """
    if not _watches():
        return operator(*arguments)
    watch = torch.ops.graphkit.watch_interrupts
    try:
        while True:
            watch(True)
            try:
                return operator(*arguments)
            except RuntimeError as error:
                if _INTERRUPTED not in str(error):
                    raise
    finally:
        watch(False)
