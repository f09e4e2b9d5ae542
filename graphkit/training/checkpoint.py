"""Checkpoints: atomic writes, and reads without code execution."""

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

#: Version of the format of a checkpoint; 1 if missing.
FORMAT = 1
#: State of the optimizers per parameter, either complete or missing.
_SLOTS = {"SGD": {"momentum_buffer"}, "Adam": {"step", "exp_avg", "exp_avg_sq"}}
_SLOTS["AdamW"] = _SLOTS["Adam"]


def save_state(path: str | Path, state: dict[str, Any]) -> None:
    """Writes tensors, numbers, text and containers of them as one file, atomically."""
    buffer = io.BytesIO()  # for a full disk, torch.save to a file raises an error without its name
    torch.save({**state, "format": FORMAT}, buffer)
    write_atomically(path, lambda temporary: temporary.write_bytes(buffer.getbuffer()))


def load_state(path: str | Path) -> dict[str, Any]:
    """Reads a checkpoint of :func:`save_state`.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file is damaged or of a later version, or contains Python objects, which are not executed.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no checkpoint '{path}'; the run has none yet or the folder is not a run")
    check_zip(path)
    try:
        # Memory mapping avoids the allocation of a size that a damaged file states.
        content = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        state = _Copies(8 * os.path.getsize(path)).of(content)
    except Exception as error:  # a damaged file can raise any error
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
            f"the checkpoint '{path}' has format {form}, and this graphkit reads {FORMAT}; install a newer graphkit"
        )
    return state


_REMEDY = "delete it and train again: --resume begins this fit from its first epoch"


class _Copies:
    """Copies of the content of a file, with a limit of memory.

    Each tensor is copied once. A view that is larger than its storage raises an error.

    Args:
        limit: Maximum size of all tensors, in bytes.
    """

    def __init__(self, limit: int) -> None:
        self.left = limit
        self._made: dict[int, Any] = {}

    def of(self, value: Any) -> Any:
        """Returns a copy of a tensor, a number, text or a container of these."""
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
    """Context that converts errors in a checkpoint to one line with its path.

    Raises:
        InputError: If the checkpoint belongs to another run, or keys or tensors do not match.
    """
    try:
        yield
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        line = " ".join(str(error).split()) or type(error).__name__
        line = f"it has no {line}" if isinstance(error, KeyError) else line
        raise InputError(f"the checkpoint '{path}' is not one of this run ({line[:300]}); {_REMEDY}") from None


def check_optimizer(state: Any, optimizer: torch.optim.Optimizer) -> None:
    """Checks that a state belongs to an optimizer and its parameters.

    Raises:
        InputError: If its settings or the shapes of its tensors differ; the message names the first difference.
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
    """Checks that a value has the structure of another one: keys, types and shapes.

    Args:
        value: Value from a file.
        like: Value of a new run. A list permits any number of items like its first one; ``None`` permits a number or
            ``None``.
        name: Name of the value in the message.

    Raises:
        InputError: If the structure differs.
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
    tensors, storages = {}, set[int]()
    for name, tensor in weights.items():
        value = tensor.detach().cpu().contiguous()
        address = value.untyped_storage().data_ptr()
        tensors[name] = value.clone() if address in storages else value  # the format has no shared tensors
        storages.add(address)
    content = save(tensors)
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def load_weights(path: str | Path) -> dict[str, Tensor]:
    """Reads the weights in a file of :func:`save_weights`.

    Raises:
        FileNotFoundError: If there is no such file.
        InputError: If the file is damaged.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there are no weights '{path}'; the run has not ended, or the folder is not a run")
    try:
        return load_file(path)
    except Exception as error:  # a damaged file can raise any error
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"the weights '{path}' are damaged ({line}); train again") from None


def check_weights(weights: Any, model: torch.nn.Module, origin: str, remedy: str = "") -> None:
    """Checks that weights have the names, shapes and types of those of a model.

    Args:
        weights: Weights from a file.
        model: The model.
        origin: Name of the weights in the message.
        remedy: Remedy at the end of the message.

    Raises:
        InputError: If names, shapes or types differ; the message names the first difference.
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
        InputError: If they belong to another model; the message names the first difference.
    """
    remedy = "; the configuration or the data have changed"
    check_weights(weights, model, f"the weights '{path}'", remedy)
    model.load_state_dict(weights)
