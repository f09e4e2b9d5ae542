"""Checkpoints: written atomically, read without executing anything."""

import csv
import io
import os
import pickle
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor

from graphkit.errors import InputError
from graphkit.files import check_zip, is_number, write_atomically, write_text

#: Version of the form of a checkpoint; without one it is the first.
FORMAT = 1
#: What the optimizers keep for each parameter, all or nothing of it.
_SLOTS = {"SGD": {"momentum_buffer"}, "Adam": {"step", "exp_avg", "exp_avg_sq"}}
_SLOTS["AdamW"] = _SLOTS["Adam"]


def save_state(path: str | Path, state: dict[str, Any]) -> None:
    """Writes tensors, numbers, text and containers of them as one file, atomically."""
    buffer = io.BytesIO()  # PyTorch has an error of its own for a full disk, which names no file
    torch.save({**state, "format": FORMAT}, buffer)
    write_atomically(path, lambda temporary: temporary.write_bytes(buffer.getbuffer()))


def load_state(path: str | Path) -> dict[str, Any]:
    """Reads what :func:`save_state` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file is damaged or of a later version, or holds Python objects: those are refused, not
            executed.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no checkpoint '{path}'; the run has none yet or the folder is not a run")
    check_zip(path)
    try:
        # Mapped, so that no size that the file claims is allocated.
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        state = _Copies(8 * os.path.getsize(path)).of(content)
    except Exception as error:  # a damaged file can fail anywhere in the reader
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            raise InputError(f"'{path}' holds Python objects, which could run code; it is refused") from None
        raise InputError(f"the checkpoint '{path}' is damaged ({line}); {_REMEDY}") from None
    if not isinstance(state, dict):
        raise InputError(f"the checkpoint '{path}' is damaged (no keys and values); {_REMEDY}")
    form = state.pop("format", 1)
    if not isinstance(form, int) or form < 1:
        raise InputError(f"the checkpoint '{path}' is damaged (`format` is {form!r:.40}); {_REMEDY}")
    if form > FORMAT:
        raise InputError(
            f"the checkpoint '{path}' has format {form}, and this graphkit knows {FORMAT}; install a newer graphkit"
        )
    return state


_REMEDY = "delete it and train again: --resume begins this fit from its first epoch"


class _Copies:
    """Copies of what was read, each tensor once; refuses views that are larger than their memory.

    Args:
        limit: Bytes that all tensors may take.
    """

    def __init__(self, limit: int) -> None:
        self.left = limit
        self._made: dict[int, Any] = {}

    def of(self, value: Any) -> Any:
        """Returns the copy of a tensor, a number, text or a container of them."""
        if value is None or isinstance(value, str | int | float):
            return value
        if id(value) not in self._made:
            if isinstance(value, Tensor):
                self._made[id(value)] = self._tensor(value)
            elif isinstance(value, dict):
                self._made[id(value)] = {key: self.of(item) for key, item in value.items()}
            elif isinstance(value, list | tuple):
                self._made[id(value)] = type(value)([self.of(item) for item in value])
            else:
                raise InputError(f"it holds a {type(value).__name__}")
        return self._made[id(value)]

    def _tensor(self, value: Tensor) -> Tensor:
        size = value.numel() * value.element_size()
        if value.layout != torch.strided or value.device.type != "cpu" or value.is_quantized:
            raise InputError(f"a tensor of shape {list(value.shape)} is not an ordinary one")
        if size > value.untyped_storage().nbytes():
            raise InputError(f"a tensor of shape {list(value.shape)} is a view of fewer numbers")
        self.left -= size
        if self.left < 0:
            raise InputError("its tensors are larger than the file")
        return value.clone()


@contextmanager
def of_this_run(path: str | Path) -> Iterator[None]:
    """Context in which a state is checked and taken over; what does not fit becomes one line that names the file.

    Raises:
        InputError: If the state is one of another run, keys are missing, or tensors are not those of the networks.
    """
    try:
        yield
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        line = " ".join(str(error).split()) or type(error).__name__
        line = f"it has no {line}" if isinstance(error, KeyError) else line
        raise InputError(f"the checkpoint '{path}' is not one of this run ({line[:300]}); {_REMEDY}") from None


def check_optimizer(state: Any, optimizer: torch.optim.Optimizer) -> None:
    """Refuses the state of another optimizer, or of other parameters.

    Raises:
        InputError: If its settings or the shapes of its tensors differ; the first difference is named.
    """
    expected = optimizer.state_dict()["param_groups"]
    if not isinstance(state, dict) or not isinstance(state.get("state"), dict):
        raise InputError("its optimizer is damaged")
    groups = state["param_groups"]
    if not isinstance(groups, list) or len(groups) != len(expected) or not all(isinstance(g, dict) for g in groups):
        raise InputError("its optimizer has other groups of parameters")
    for group, wanted in zip(groups, expected, strict=True):
        for key in [*wanted, *group]:
            value = group.get(key, wanted.get(key))  # another version of PyTorch may have fewer settings
            if key in ("lr", "initial_lr"):
                good = is_number(value)
            else:
                good = type(value) is type(wanted.get(key)) and value == wanted[key]
            if not good:
                raise InputError(f"the `{key}` of its optimizer is not that of this run")
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    slots = next((_SLOTS[cls.__name__] for cls in type(optimizer).__mro__ if cls.__name__ in _SLOTS), None)
    for index, entry in state["state"].items():
        if not isinstance(index, int) or not 0 <= index < len(parameters) or not isinstance(entry, dict):
            raise InputError("its optimizer has other parameters")
        if slots is not None and entry and entry.keys() != slots:
            raise InputError(f"its optimizer keeps {', '.join(map(str, entry))}, not {', '.join(sorted(slots))}")
        for name, value in entry.items():
            shape = torch.Size([]) if name == "step" else parameters[index].shape
            fits = isinstance(value, Tensor) and value.is_floating_point() and value.shape == shape
            if value is not None and not fits:
                raise InputError(f"the `{name}` of its optimizer does not fit parameter {index}")


def check_kind(value: Any, like: Any, name: str) -> None:
    """Refuses a value that is not made like another one: the same keys, and numbers where there are numbers.

    Args:
        value: What was read.
        like: What it would be in a new run; a list stands for a list of any length of items like its first one, and
            ``None`` for a number or ``None``.
        name: What it is called in the error.

    Raises:
        InputError: If it is made otherwise.
    """
    if isinstance(like, dict):
        if not isinstance(value, dict) or value.keys() != like.keys():
            raise InputError(f"`{name}` does not have the keys {', '.join(map(str, like))}")
        for key, item in like.items():
            check_kind(value[key], item, f"{name}.{key}")
    elif isinstance(like, list):
        if not isinstance(value, list):
            raise InputError(f"`{name}` is not a list")
        for index, item in enumerate(value):
            check_kind(item, like[0] if like else None, f"{name}.{index}")
    elif isinstance(like, Tensor):
        if not isinstance(value, Tensor) or value.shape != like.shape or value.dtype != like.dtype:
            raise InputError(f"`{name}` is not a tensor of {like.dtype} and shape {list(like.shape)}")
    elif isinstance(like, int) and not isinstance(like, bool):
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise InputError(f"`{name}` is not a whole number")
    elif like is None or isinstance(like, float):
        if isinstance(value, bool) or not isinstance(value, int | float | (type(None) if like is None else int)):
            raise InputError(f"`{name}` is not a number")
    elif type(value) is not type(like):
        raise InputError(f"`{name}` is not a {type(like).__name__}")


def save_table(path: str | Path, columns: Sequence[str], rows: Sequence[Mapping[str, object]]) -> None:
    """Writes rows, such as one per epoch, as a CSV file, atomically."""
    table = io.StringIO()
    writer = csv.DictWriter(table, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, table.getvalue())


def save_weights(path: str | Path, weights: dict[str, Tensor]) -> None:
    """Writes named tensors in the safetensors format, atomically."""
    content = save({name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()})
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def load_weights(path: str | Path) -> dict[str, Tensor]:
    """Reads what :func:`save_weights` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file is damaged.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there are no weights '{path}'; the run has not ended, or the folder is not a run")
    try:
        return load_file(path)
    except Exception as error:  # as many classes as ways to be damaged
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"the weights '{path}' are damaged ({line}); train again") from None


def check_weights(weights: Any, model: torch.nn.Module, origin: str, remedy: str = "") -> None:
    """Refuses weights of another model.

    Args:
        weights: What was read.
        model: The model.
        origin: What they are called in the error.
        remedy: What to do.

    Raises:
        InputError: If names, shapes or types differ; the first difference is named.
    """
    expected = model.state_dict()
    if not isinstance(weights, dict) or not all(isinstance(tensor, Tensor) for tensor in weights.values()):
        raise InputError(f"{origin} do not fit the model: they are no named tensors{remedy}")
    for name in sorted(expected.keys() | weights.keys()):
        if name not in weights or name not in expected or expected[name].shape != weights[name].shape:
            came = tuple(weights[name].shape) if name in weights else "nothing"
            wanted = tuple(expected[name].shape) if name in expected else "nothing"
            raise InputError(f"{origin} do not fit the model: '{name}' should have shape {wanted} (got {came}){remedy}")
        if expected[name].dtype != weights[name].dtype:
            what = f"should be {expected[name].dtype} (got {weights[name].dtype})"
            raise InputError(f"{origin} do not fit the model: '{name}' {what}{remedy}")


def put_weights(model: torch.nn.Module, weights: dict[str, Tensor], path: str | Path) -> None:
    """Loads weights into a model.

    Raises:
        InputError: If they are those of another model; the first difference is named.
    """
    remedy = "; the configuration or the data beside them have changed"
    check_weights(weights, model, f"the weights '{path}'", remedy)
    model.load_state_dict(weights)
