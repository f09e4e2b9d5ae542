"""Checkpoints: written atomically, read without executing anything."""

import csv
import io
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from graphkit.errors import InputError
from graphkit.files import check_zip, write_atomically, write_text


def save_state(path: str | Path, state: dict[str, Any]) -> None:
    """Writes tensors, numbers, text and containers of them as one file, atomically."""
    buffer = io.BytesIO()  # PyTorch has an error of its own for a full disk, which names no file
    torch.save(state, buffer)
    write_atomically(path, lambda temporary: temporary.write_bytes(buffer.getbuffer()))


def load_state(path: str | Path) -> dict[str, Any]:
    """Reads what :func:`save_state` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, or holds Python objects: those are refused, not executed.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no checkpoint '{path}'; the run has none yet or the folder is not a run")
    check_zip(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can fail anywhere in the reader
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            raise InputError(f"'{path}' holds Python objects, which could run code; it is refused") from None
        raise InputError(f"the checkpoint '{path}' is damaged ({line}); delete it and train again") from None


@contextmanager
def of_this_run(path: str | Path) -> Iterator[None]:
    """A context in which a state is taken over; what does not fit becomes one line that names the file.

    Raises:
        ValueError: If keys are missing, or tensors are not those of the networks.
    """
    try:
        yield
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        line = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"the checkpoint '{path}' is not one of this run ({line}); delete it") from None


def save_table(path: str | Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    """Writes rows, such as one per epoch, as a CSV file, atomically."""
    table = io.StringIO()
    writer = csv.DictWriter(table, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, table.getvalue())


def save_weights(path: str | Path, weights: dict[str, Tensor]) -> None:
    """Writes named tensors in the safetensors format, atomically."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    write_atomically(path, lambda temporary: save_file(tensors, temporary))


def load_weights(path: str | Path) -> dict[str, Tensor]:
    """Reads what :func:`save_weights` wrote.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"there are no weights '{path}'; the run has not ended, or the folder is not a run")
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        line = str(error).strip().splitlines()[0]
        raise InputError(f"the weights '{path}' are damaged ({line}); train again") from None


def put_weights(model: torch.nn.Module, weights: dict[str, Tensor], path: str | Path) -> None:
    """Loads weights into a model.

    Raises:
        ValueError: If they are those of another model; the first difference is named.
    """
    own = model.state_dict()
    for name in sorted(own.keys() | weights.keys()):
        if name not in weights or name not in own or own[name].shape != weights[name].shape:
            came = tuple(weights[name].shape) if name in weights else "nothing"
            wanted = tuple(own[name].shape) if name in own else "nothing"
            raise InputError(
                f"the weights '{path}' do not fit the model: '{name}' should have shape {wanted} (got {came}); "
                "the configuration or the data beside them have changed"
            )
    model.load_state_dict(weights)
