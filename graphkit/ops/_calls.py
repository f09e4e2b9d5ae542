"""Calls of native operators: derivatives they have no rule for, errors in words, signals that end a long call."""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

_LONG = 2**14  # numbers in a tensor: a call with fewer takes well under a second
_INTERRUPTED = "interrupted by a signal"  # as the native code says it


def takes_plain_derivatives() -> bool:
    """Returns whether derivatives, if any, are those of reverse mode outside of ``torch.func``.

    Native operators have no other rule: in forward mode their derivatives would be zero.
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
    """Calls a native operator, and lets signals such as that of Ctrl-C through while it works.

    Args:
        operator: An operator of ``torch.ops.graphkit``. It checks the values of its arguments before it uses them.
        arguments: Its arguments.
        check: Raises an error that says more if the operator refuses its arguments.
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
    """Returns whether the library is new enough to stop."""
    return hasattr(torch.ops.graphkit, "watch_interrupts")


def call_interruptibly(operator: Any, *arguments: Any) -> Any:
    """Calls a native operator, which stops when a signal comes; again unless a handler of the signal raises."""
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
