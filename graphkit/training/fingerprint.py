"""Fingerprint of a data set, and checks of the data and the settings of a run."""

import hashlib
import math
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphkit import data
from graphkit.data import GraphDataset
from graphkit.errors import InputError
from graphkit.files import read_json

#: Sizes up to which a whole tensor is read, in bytes: of floating-point numbers and of integers.
_FLOATS, _INTEGERS = 2**25, 2**28
#: Number of slices that are read of a larger tensor, and of sums of floating-point numbers.
_STRETCHES, _SUMS = 64, 8
#: Floating-point numbers that are summed at once.
_CACHED = 2**16
#: Relative tolerance of sums: rounding differs between processors.
_TOLERANCE = 2e-6


def fingerprint(dataset: GraphDataset) -> dict[str, str]:
    """Returns the fingerprint of a data set: a text per attribute, one of the splits.

    Integers (edges, labels, splits) are hashed. Floating-point numbers are summed with weights by position, which
    permits a tolerance for rounding. For tensors above 32 MB (256 MB for integers), evenly spaced slices and the shape
    are used.
    """
    parts = {name: _of_tensor(tensor) for name, tensor in dataset.tensors().items() if tensor.layout == torch.strided}
    ids = [index.long().view(-1).cpu() for split in dataset.splits for index in (split.train, split.val, split.test)]
    parts["splits"] = _of_tensor(torch.cat([*ids, torch.tensor([index.numel() for index in ids])]))
    return parts


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    """Returns the difference of two fingerprints as text, ``""`` for the same data."""
    for name in dict.fromkeys([*before, *now]):
        if name not in before or name not in now:
            return f"`{name}` is {'new' if name in now else 'gone'}"
        if not _same(before[name], now[name]):
            shapes = [text.partition("]")[0] + "]" for text in (before[name], now[name])]
            return f"`{name}` was {shapes[0]} and is {shapes[1]}" if shapes[0] != shapes[1] else f"`{name}` differs"
    return ""


def check_data(folder: Path, dataset: GraphDataset, now: Mapping[str, str] | None = None) -> None:
    """Checks that a data set is that of the training of a run folder.

    Args:
        folder: The run folder, with the fingerprint in ``env.json``; older ones have none and are not checked.
        dataset: The current data set.
        now: Its fingerprint; computed if ``None``.

    Raises:
        InputError: If the data have changed, or ``env.json`` is damaged.
    """
    path = folder / "env.json"
    content = read_json(path, "delete it") if path.is_file() else {}
    before = content.get("data", {}) if isinstance(content, dict) else None
    if not isinstance(before, dict) or not all(isinstance(text, str) for text in before.values()):
        raise InputError(f"'{path}' is damaged (no fingerprint in `data`); delete it")
    what = changed(before, now or fingerprint(dataset)) if before else ""
    if what:
        raise InputError(
            f"the data of '{dataset.name}' have changed since the run '{folder}' was trained ({what}); restore them, "
            "or train again"
        )


def check_origin(
    state: Mapping[str, Any], config: Mapping[str, Any], now: Mapping[str, str], free: tuple[str, ...]
) -> None:
    """Checks that a checkpoint has the settings and the data of a run.

    Args:
        state: The checkpoint; an older one without ``config`` or ``data`` is not checked.
        config: Settings of the run.
        now: Fingerprint of its data.
        free: Settings that may differ.

    Raises:
        InputError: If a setting or the data differ; the message names the first difference.
    """
    for key, before, current in differences(state.get("config", config), config, free):
        both_paths = key == "data.name" and data.is_path(str(before)) and data.is_path(str(current))
        alone = None in (before, current) and not isinstance(before or current, Mapping)
        added = "." in key and alone  # a setting of another version of graphkit
        if not both_paths and not added:
            raise InputError(f"`{key}` is {before} in it and {current} in this run")
    what = changed(state["data"], now) if state.get("data") else ""
    if what:
        raise InputError(f"its data are not those of this run: {what}")


def differences(before: Any, now: Any, free: tuple[str, ...], key: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yields names and values of settings that differ, except for those in ``free``."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for name in [*before, *[name for name in now if name not in before]]:
            inner = f"{key}.{name}".lstrip(".")
            if inner not in free:
                yield from differences(before.get(name), now.get(name), free, inner)
    elif before != now:
        yield key, before, now


def _of_tensor(tensor: Tensor) -> str:
    """Returns dtype, shape and content of a tensor in one line."""
    numbers = tensor.is_floating_point()
    sample = _sample(tensor.detach(), _FLOATS if numbers else _INTEGERS).cpu()
    content = _sums(sample) if numbers else _hash(sample)
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)} {content}"


def _sample(tensor: Tensor, limit: int) -> Tensor:
    """Returns a tensor, or evenly spaced slices along its longest axis."""
    size = tensor.numel() * tensor.element_size()
    if size <= limit:
        return tensor
    axis = max(range(tensor.dim()), key=tensor.size)
    rows = tensor.size(axis)
    length = max(1, rows * limit // size // _STRETCHES)
    starts = [(rows - length) * index // (_STRETCHES - 1) for index in range(_STRETCHES)]
    return torch.cat([tensor.narrow(axis, start, length) for start in dict.fromkeys(starts)], dim=axis)


def _hash(tensor: Tensor) -> str:
    array = tensor.contiguous().numpy()
    if sys.byteorder == "big":
        array = array.byteswap()
    return hashlib.blake2b(array.data, digest_size=8).hexdigest()


def _sums(tensor: Tensor) -> str:
    """Returns weighted sums of blocks of rows, and the sum of all absolute values."""
    if not tensor.numel():
        return "0"
    rows = tensor.reshape(tensor.size(0), -1) if tensor.dim() else tensor.view(1, 1)
    weights, totals, scale = _weights(rows.size(1)), [], 0.0
    for chunk in rows.split(max(1, _CACHED // rows.size(1))):
        chunk = chunk.double()
        if not bool(chunk.sum().isfinite()):
            chunk = torch.nan_to_num(chunk, nan=math.pi, posinf=1e6, neginf=-1e6)
        totals.append(chunk @ weights)
        scale += float(chunk.abs_().sum())
    weighted = torch.cat(totals) * _weights(rows.size(0))
    return " ".join(f"{number:.9g}" for number in (*(float(chunk.sum()) for chunk in weighted.chunk(_SUMS)), scale))


def _weights(count: int) -> Tensor:
    """Returns distinct weights between 1 and 2, for sums that depend on the order."""
    return 1 + torch.arange(count, dtype=torch.double).mul_((math.sqrt(5) - 1) / 2).frac_()


def _same(before: str, now: str) -> bool:
    """Returns whether two fingerprints are those of the same tensor."""
    if before == now:
        return True
    (first, _, one), (second, _, other) = before.partition("]"), now.partition("]")
    if first != second or not first.startswith(("float", "bfloat")):
        return False
    try:
        numbers = [[float(word) for word in text.split()] for text in (one, other)]
    except ValueError:
        return False
    limit = _TOLERANCE * numbers[0][-1] / max(len(numbers[0]) - 1, 1) if numbers[0] else 0.0
    return len(numbers[0]) == len(numbers[1]) and all(abs(a - b) <= limit for a, b in zip(*numbers, strict=True))
