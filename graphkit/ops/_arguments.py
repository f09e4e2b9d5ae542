"""Argument validation of operators, without reading tensor values."""

import math
import sys
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor
from torch._subclasses import FakeTensor

from graphkit.errors import InputError, InputTypeError

FLOAT_TYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16)
INDEX_TYPES = (torch.int64, torch.int32)


def check_tensors(**tensors: object) -> None:
    """Raises an error unless every argument is a dense tensor."""
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            raise InputTypeError(f"`{name}` must be a tensor (got {type(tensor).__name__})")
        if tensor.layout != torch.strided or tensor.is_nested:
            layout = "a nested tensor" if tensor.is_nested else str(tensor.layout)
            raise InputError(f"`{name}` must be a dense tensor (got {layout}); convert it first")


def check_flags(**flags: object) -> None:
    """Raises an error unless every argument is a bool."""
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise InputTypeError(f"`{name}` must be True or False (got {flag!r})")


def check_number(name: str, value: object, above: float = -math.inf) -> None:
    """Raises an error unless ``value`` is a finite number greater than ``above``."""
    number: Any = value if isinstance(value, (Real, torch.SymInt, torch.SymFloat)) else math.nan
    if isinstance(value, bool) or not (above < number and abs(number) <= sys.float_info.max):
        wanted = "finite" if above == -math.inf else f"greater than {above:g} and finite"
        raise InputError(f"`{name}` must be {wanted} (got {value!r})")


def is_whole(value: object, low: int, high: int) -> bool:
    """Returns whether ``value`` is an integer from ``low`` to ``high``."""
    return isinstance(value, Integral) and not isinstance(value, bool) and low <= int(value) <= high


def has_values(tensor: Tensor) -> bool:
    """Returns whether tensor values can be read: not of meta or traced tensors."""
    return not (torch.compiler.is_compiling() or tensor.is_meta or isinstance(tensor, FakeTensor))


def describe(tensor: Tensor) -> str:
    """Returns the dtype and shape of a tensor for an error message."""
    return f"{tensor.dtype} of shape {list(tensor.shape)}"
