"""Reader of named arrays: the content of a ``.npz`` or ``.pt`` file."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from graphkit.data.labels import classes_of_numbers, classes_of_words, label_columns
from graphkit.data.single_graph import MASKS
from graphkit.data.user.array_checks import (
    as_array,
    as_words,
    edges_from,
    features_from,
    masks_from,
    shown,
    weights_from,
)
from graphkit.data.user.fields import Fields, ignore_option, masks_from_words
from graphkit.errors import InputError
from graphkit.registry import unknown_name

#: Arrays of a graph.
KEYS = ("edge_index", "x", "y", *MASKS, "split", "edge_weight", "node_names", "class_names")
#: Size of an entry in bytes after conversion, by kind; a string becomes a Python object.
ENTRY_SIZE, STRING_SIZE = {"edge_index": 8, "x": 4, "y": 8, "edge_weight": 4}, 64
#: Attributes of a PyG graph without data.
BOOKKEEPING = ("num_nodes", "batch", "ptr", "n_id", "e_id", "input_id", "batch_size")


def fields_from_arrays(arrays: Mapping[str, Any], where: str, ignored: frozenset[str], strict: bool) -> Fields:
    """Reads the arrays of a ``.npz`` or ``.pt`` file.

    Args:
        arrays (dict): Arrays or tensors by name, see :data:`KEYS`.
        where (str): Name of the file for error messages.
        ignored (set[str]): Names to ignore.
        strict (bool): Raises an error for other names, instead of adding a note.

    Raises:
        InputError: If a name, shape or type is wrong.
    """
    arrays = {name: value for name, value in arrays.items() if name not in ignored and value is not None}
    unused = tuple(shown(name) for name in arrays if name not in (*KEYS, *BOOKKEEPING))
    if strict and (others := [name for name in arrays if name not in KEYS]):
        option = ignore_option(others, ignored)
        raise InputError(f"{where}: {unknown_name('array', shown(others[0]), KEYS)} (or leave it out: {option})")
    for name in ("edge_index", "y"):
        if name not in arrays:
            available = ", ".join(map(shown, arrays)) or "nothing"
            raise InputError(f"{where} has no `{name}` (found: {available}); add it")
    class_names = tuple(as_words(arrays["class_names"], "class_names", where)) if "class_names" in arrays else ()
    y, class_names = _labels(arrays["y"], class_names, where)
    num_nodes = y.size(0)
    declared = arrays.get("num_nodes", num_nodes)
    if not isinstance(declared, int) or declared != num_nodes:
        raise InputError(
            f"{where}: `y` must have one entry per node, {shown(declared)} as `num_nodes` says (got {num_nodes}); "
            "correct one of them"
        )
    names = tuple(as_words(arrays["node_names"], "node_names", where)) if "node_names" in arrays else ()
    if names and len(names) != num_nodes:
        raise InputError(f"{where}: `node_names` must have one entry per node, {num_nodes} in all (got {len(names)})")
    if not num_nodes:
        raise InputError(f"{where} has no node; a graph needs at least one node in each part of the split")
    edge_index = edges_from(arrays["edge_index"], num_nodes, where)
    return Fields(
        where=where,
        num_nodes=num_nodes,
        edge_index=edge_index,
        x=features_from(arrays["x"], num_nodes, where, names) if "x" in arrays else None,
        y=y,
        class_names=class_names,
        masks=_masks(arrays, num_nodes, where),
        edge_weight=(
            weights_from(arrays["edge_weight"], edge_index.size(1), where) if "edge_weight" in arrays else None
        ),
        node_names=names,
        unused=unused,
    )


def _labels(value: Any, class_names: tuple[str, ...], where: str) -> tuple[Tensor, tuple[str, ...]]:
    """Returns the labels of the nodes and the class names."""
    words = isinstance(value, list | tuple) and any(isinstance(item, str) for item in value)
    if words or (isinstance(value, np.ndarray) and value.dtype.kind in "US" and value.squeeze().ndim <= 1):
        if class_names:
            raise InputError(f"{where}: `y` holds the names of the classes already; remove `class_names`")
        return classes_of_words(as_words(value, "y", where), lambda node: f"{where}: the label of node {node} in `y`")
    array = as_array(value, "y", where)
    array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    if array.dtype.kind not in "iufb" or array.ndim not in (1, 2):
        raise InputError(
            f"{where}: `y` must hold one class per node, or 0/1 columns [nodes, labels] "
            f"(got {array.dtype} of shape {list(array.shape)})"
        )
    if array.ndim == 2:
        y, count = label_columns(array, f"{where}: `y`"), array.shape[1]
        if class_names and len(class_names) != count:
            raise InputError(
                f"{where}: there must be one class name for each of the {count} labels (got {len(class_names)})"
            )
    else:
        y, count = classes_of_numbers(array, len(class_names), f"{where}: `y`")
    return y, class_names or tuple(map(str, range(count)))


def _masks(arrays: Mapping[str, Any], num_nodes: int, where: str) -> tuple[Tensor, Tensor, Tensor] | None:
    """Returns the masks, or those encoded by the words in ``split``."""
    if "split" not in arrays:
        return masks_from(arrays, num_nodes, where)
    words = as_words(arrays["split"], "split", where)
    if len(words) != num_nodes:
        raise InputError(f"{where}: `split` must have one word per node, {num_nodes} in all (got {len(words)})")
    return masks_from_words(words, where)
