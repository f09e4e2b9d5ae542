"""A user's graph as named arrays: the content of a ``.npz`` or ``.pt`` file."""

from collections.abc import Container, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphkit.data.node_data import MASKS
from graphkit.data.own.fields import Fields, class_labels, masks_from_words
from graphkit.errors import InputError
from graphkit.registry import unknown_name

KEYS = ("edge_index", "x", "y", *MASKS, "split", "edge_weight", "node_names", "class_names")


def fields_from_arrays(arrays: Mapping[str, Any], where: str, ignored: frozenset[str], strict: bool) -> Fields:
    """Reads the arrays of a ``.npz`` or ``.pt`` file.

    Args:
        arrays: Arrays or tensors by name, see :data:`KEYS`.
        where: The file, as error messages name it.
        ignored: Names to leave out.
        strict: Whether another name is an error, instead of being left out too.

    Raises:
        ValueError: If a name, shape or type is wrong.
    """
    arrays = {name: value for name, value in arrays.items() if name not in ignored}
    for name in arrays if strict else ():
        if name not in KEYS:
            raise InputError(f"{where}: {unknown_name('array', name, KEYS)} (or leave it out with ignore={name})")
    for name in ("edge_index", "y"):
        if name not in arrays:
            raise InputError(f"{where} has no `{name}` (found: {', '.join(arrays) or 'nothing'}); add it")
    edge_index = _integers(arrays["edge_index"], "edge_index", where)
    if edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise InputError(
            f"{where}: `edge_index` must have the shape [2, edges] (got {list(edge_index.shape)}); transpose it, "
            "sources in the first row"
        )
    raw_names = np.asarray(arrays.get("class_names", [])).reshape(-1)
    y, class_names = _labels(arrays["y"], tuple(map(str, raw_names)), where)
    num_nodes = y.size(0)
    x = _floats(arrays["x"], "x", where) if arrays.get("x") is not None else None
    if x is not None:
        x = x.unsqueeze(1) if x.dim() == 1 else x
        if x.dim() != 2 or x.size(0) != num_nodes:
            raise InputError(
                f"{where}: `x` must have one row for each of the {num_nodes} labels in `y` "
                f"(got the shape {list(x.shape)})"
            )
    masks = _masks(arrays, num_nodes, where)
    weight = arrays.get("edge_weight")
    names = tuple(str(name) for name in np.asarray(arrays.get("node_names", [])).reshape(-1))
    if names and len(names) != num_nodes:
        raise InputError(f"{where}: `node_names` must have one entry per node, {num_nodes} in all (got {len(names)})")
    return Fields(
        where,
        num_nodes,
        edge_index,
        x,
        y,
        class_names,
        masks,
        None if weight is None else _floats(weight, "edge_weight", where).view(-1),
        names,
    )


def _array(value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.to_dense() if value.layout != torch.strided else value
        return value.detach().cpu().as_subclass(Tensor).numpy()
    return np.asarray(value)


def _integers(value: Any, name: str, where: str) -> Tensor:
    array = _array(value)
    if array.dtype.kind not in "iu" and array.size:
        raise InputError(f"{where}: `{name}` must hold whole numbers (got {array.dtype}); convert it to int64")
    return torch.from_numpy(array.astype(np.int64))


def _floats(value: Any, name: str, where: str) -> Tensor:
    array = _array(value)
    if array.dtype.kind not in "iufb":
        raise InputError(f"{where}: `{name}` must hold numbers (got {array.dtype}); convert it to float32")
    return torch.from_numpy(array.astype(np.float32))


def _labels(value: Any, class_names: tuple[str, ...], where: str) -> tuple[Tensor, tuple[str, ...]]:
    array = _array(value)
    array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if array.ndim == 1 and array.dtype.kind in "US":
        return class_labels([str(label) or None for label in array.astype(str)])
    if array.dtype.kind not in "iufb" or array.ndim not in (1, 2):
        raise InputError(
            f"{where}: `y` must hold one class per node, or 0/1 columns [nodes, labels] "
            f"(got {array.dtype} of shape {list(array.shape)})"
        )
    known = ~np.isnan(array) if array.dtype.kind == "f" else np.ones(array.shape, dtype=bool)
    if array.ndim == 2:
        if not np.isin(array[known], (0, 1)).all():
            raise InputError(f"{where}: the columns of `y` must hold 0, 1 or NaN; for one class per node, give [nodes]")
        y = torch.from_numpy(array.astype(np.float32))
        return y, class_names or tuple(map(str, range(y.size(1))))
    labels = array[known]
    if labels.size and not (labels == np.round(labels)).all():
        raise InputError(
            f"{where}: `y` must hold class numbers (got {labels[labels != np.round(labels)][0]:g}); "
            "node regression is not offered"
        )
    found = np.unique(labels.astype(np.int64))
    count = len(class_names) or found.size
    wrong = found[(found < 0) | (found >= count)]
    if wrong.size:
        raise InputError(
            f"{where}: labels in `y` must be 0 to {count - 1} for {count} classes (got {wrong[0]}); number the classes "
            "from 0 without gaps, or give class names as strings; NaN marks a node without a label"
        )
    y = torch.full((array.size,), -1)
    y[torch.from_numpy(known)] = torch.from_numpy(labels.astype(np.int64))
    return y, class_names or tuple(map(str, range(count)))


def has_masks(arrays: Container[str], where: str) -> bool:
    """Returns whether there are masks.

    Raises:
        ValueError: If there are some of the three, but not all.
    """
    given = [name for name in MASKS if name in arrays]
    if given and len(given) < len(MASKS):
        absent = next(name for name in MASKS if name not in arrays)
        raise InputError(f"{where} has `{given[0]}` but no `{absent}`; give all three masks, or none of them")
    return bool(given)


def _masks(arrays: Mapping[str, Any], num_nodes: int, where: str) -> tuple[Tensor, Tensor, Tensor] | None:
    if "split" in arrays:
        words = [str(word) for word in np.asarray(arrays["split"]).reshape(-1)]
        if len(words) != num_nodes:
            raise InputError(f"{where}: `split` must have one word per node, {num_nodes} in all (got {len(words)})")
        return masks_from_words(words, where)
    if not has_masks(arrays, where):
        return None
    masks = []
    for name in MASKS:
        mask = _array(arrays[name])
        if mask.dtype.kind not in "biu" or not np.isin(mask, (0, 1)).all() or mask.shape[:1] != (num_nodes,):
            raise InputError(
                f"{where}: `{name}` must hold one boolean for each of the {num_nodes} nodes "
                f"(got {mask.dtype} of shape {list(mask.shape)})"
            )
        masks.append(torch.from_numpy(mask.astype(bool)))
    return masks[0], masks[1], masks[2]
