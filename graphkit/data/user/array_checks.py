"""Conversion and validation of a user's arrays, for all file formats.

In error messages, ``where`` names the file, and the graph of a list.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphkit.data.checks import check_edges, check_features, check_weights
from graphkit.data.single_graph import MASKS
from graphkit.errors import InputError

#: Largest number of splits K in masks ``[N, K]``.
MAX_SPLITS = 10_000
#: Largest number of nodes without features that any number of edges may have.
MAX_BARE_NODES = 2**24
#: Length limit of a cell or a name in an error message.
SHOWN = 60


def shown(value: object) -> str:
    """Returns a cell or a name as a short line for an error message."""
    text = " ".join(str(value)[: 4 * SHOWN].split())
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def as_array(value: Any, name: str, where: str) -> np.ndarray:
    """Converts a tensor, an array, a number or a flat list of numbers to an array.

    Raises:
        InputError: If the value has another type.
    """
    if isinstance(value, list | tuple) and all(isinstance(item, bool | int | float) for item in value):
        value = np.array(value) if value else np.empty(0)
    elif isinstance(value, bool | int | float):
        value = np.array(value)
    elif isinstance(value, Tensor):
        try:
            value = value.as_subclass(Tensor).detach().cpu()
            value = value.to_dense() if value.layout != torch.strided else value.resolve_conj().resolve_neg()
            value = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
        except (RuntimeError, TypeError, ValueError) as error:
            line = shown(error)
            raise InputError(f"{where}: `{name}` must be an ordinary tensor ({line}); save it as one") from None
    if not isinstance(value, np.ndarray):
        raise InputError(f"{where}: `{name}` must be a tensor or an array (got {type(value).__name__}); save it as one")
    return value


def is_words(value: Any) -> bool:
    """Returns whether a value is text, or a list or an array of it."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "US"
    return isinstance(value, str) or (isinstance(value, list | tuple) and any(isinstance(item, str) for item in value))


def as_words(value: Any, name: str, where: str) -> list[str]:
    """Converts an array or a list to strings, one per item.

    Raises:
        InputError: If the value has another type.
    """
    if isinstance(value, np.ndarray | Tensor):
        value = as_array(value, name, where).reshape(-1).tolist()
    elif isinstance(value, str):
        value = [value]
    if not isinstance(value, list | tuple) or not all(isinstance(word, str | bytes | int | float) for word in value):
        raise InputError(f"{where}: `{name}` must be an array of strings; save it as one")
    return [word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word) for word in value]


def edges_from(value: Any, num_nodes: int, where: str) -> Tensor:
    """Converts and validates ``edge_index`` as ``[2, E]`` int64.

    Raises:
        InputError: If the shape or type is wrong, or a node id is out of range.
    """
    array = as_array(value, "edge_index", where)
    if array.ndim != 2 or array.shape[0] != 2:
        hint = "; transpose it, sources in the first row" if array.ndim == 2 and array.shape[1] == 2 else ""
        raise InputError(
            f"{where}: `edge_index` must have the shape [2, edges] (got {list(array.shape)}){hint or '; correct it'}"
        )
    if array.dtype.kind not in "iu" and array.size:
        raise InputError(f"{where}: `edge_index` must hold whole numbers (got {array.dtype}); convert it to int64")
    if array.dtype == np.uint64:
        array = np.minimum(array, 2**62)  # larger values would overflow
    edge_index = torch.from_numpy(array.astype(np.int64))
    check_edges(edge_index, num_nodes, where, own=True)
    return edge_index


def features_from(value: Any, num_nodes: int, where: str, names: Sequence[str] = ()) -> Tensor:
    """Converts and validates ``x`` as ``[N, F]`` float.

    NaN, a missing value, is accepted.

    Raises:
        InputError: If the shape or type is wrong, or a feature is infinite.
    """
    x = floats_from(value, "x", where)
    x = x.unsqueeze(1) if x.dim() == 1 else x
    if x.dim() != 2 or x.size(0) != num_nodes:
        hint = "; transpose it" if x.dim() == 2 and x.size(1) == num_nodes else "; correct it"
        raise InputError(
            f"{where}: `x` must have one row for each of the {num_nodes} nodes (got the shape {list(x.shape)}){hint}"
        )
    check_features(x, where=where, names=names, own=True, missing=True)
    return x


def weights_from(value: Any, num_edges: int, where: str) -> Tensor:
    """Converts and validates ``edge_weight`` as ``[E]`` float.

    Raises:
        InputError: If there is not one finite number per edge.
    """
    weight = floats_from(value, "edge_weight", where)
    if weight.numel() != num_edges or weight.dim() not in (1, 2):
        raise InputError(
            f"{where}: `edge_weight` must have one number for each of the {num_edges} edges "
            f"(got the shape {list(weight.shape)}); correct it"
        )
    weight = weight.reshape(-1)
    check_weights(weight, where)
    return weight


def edge_attributes_from(value: Any, num_edges: int, where: str) -> Tensor:
    """Converts and validates ``edge_attr`` as ``[E, D]`` float.

    Raises:
        InputError: If there is not one row of finite numbers per edge.
    """
    rows = floats_from(value, "edge_attr", where)
    if rows.dim() not in (1, 2) or rows.size(0) != num_edges:
        raise InputError(
            f"{where}: `edge_attr` must have one row for each of the {num_edges} edges (got the shape "
            f"{list(rows.shape)}); correct it"
        )
    wrong = (~rows.reshape(num_edges, -1).isfinite()).any(dim=1).nonzero()
    if wrong.numel():
        raise InputError(f"{where}: `edge_attr` of edge {int(wrong[0])} must be finite numbers; correct it")
    return rows.unsqueeze(1) if rows.dim() == 1 else rows


def check_node_count(count: int, num_edges: int, where: str) -> int:
    """Returns a number of nodes that is declared, or the largest id plus one.

    Raises:
        InputError: If it is too large for the number of edges, which would use up the memory.
    """
    if count > max(MAX_BARE_NODES, 100 * num_edges):
        raise InputError(
            f"{where} would have {count} nodes, with {num_edges} edges and without features; number the nodes from 0 "
            "on, or give `x`"
        )
    return count


def floats_from(value: Any, name: str, where: str) -> Tensor:
    """Converts numbers to float32; values out of range become infinite.

    Raises:
        InputError: If the values are not real numbers.
    """
    array = as_array(value, name, where)
    if array.dtype.kind not in "iufb":
        raise InputError(f"{where}: `{name}` must hold numbers (got {array.dtype}); convert it to float32")
    with np.errstate(all="ignore"):
        return torch.from_numpy(array.astype(np.float32))


def masks_from(arrays: Mapping[str, Any], num_nodes: int, where: str) -> tuple[Tensor, Tensor, Tensor] | None:
    """Returns the training, validation and test masks as bool, or ``None``.

    Raises:
        InputError: If one or two masks are missing, or a shape or type is wrong.
    """
    given = [name for name in MASKS if name in arrays]
    if not given:
        return None
    if len(given) < len(MASKS):
        absent = next(name for name in MASKS if name not in arrays)
        raise InputError(f"{where} has `{given[0]}` but no `{absent}`; give all three masks, or none of them")
    masks = [_mask(arrays[name], name, num_nodes, where) for name in MASKS]
    widths = {mask.size(1) for mask in masks if mask.dim() == 2} - {1}
    if len(widths) > 1:
        shapes = ", ".join(f"{list(mask.shape)}" for mask in masks)
        raise InputError(f"{where}: the masks must have as many columns, one per split (got the shapes {shapes})")
    return masks[0], masks[1], masks[2]


def _mask(value: Any, name: str, num_nodes: int, where: str) -> Tensor:
    mask = as_array(value, name, where)
    got = f"got {mask.dtype} of shape {list(mask.shape)}"
    if mask.ndim == 2 and mask.shape[0] != num_nodes and mask.shape[1] == num_nodes:
        raise InputError(f"{where}: `{name}` must have the shape [nodes, splits] ({got}); transpose it")
    rule = f"{where}: `{name}` must hold one boolean for each of the {num_nodes} nodes"
    if mask.dtype.kind not in "biu" or mask.ndim not in (1, 2) or mask.shape[0] != num_nodes:
        raise InputError(f"{rule} ({got}); correct it")
    if mask.ndim == 2 and not 0 < mask.shape[1] <= MAX_SPLITS:
        raise InputError(f"{where}: `{name}` must have 1 to {MAX_SPLITS} columns, one per split ({got}); correct it")
    if mask.dtype.kind != "b" and not ((mask == 0) | (mask == 1)).all():
        raise InputError(f"{rule} (got other numbers than 0 and 1); give a mask, not the numbers of the nodes")
    return torch.from_numpy(mask if mask.dtype.kind == "b" else mask.astype(bool))
