"""Reader of named arrays: the content of a ``.npz`` or ``.pt`` file."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from graphkit.data.single_graph import MASKS
from graphkit.data.user.array_checks import (
    as_array,
    as_words,
    check_node_count,
    edge_attributes_from,
    edges_from,
    features_from,
    masks_from,
    shown,
    weights_from,
)
from graphkit.data.user.fields import Fields, ignore_option, masks_from_words
from graphkit.data.user.targets import TargetOptions, missing, target_array, targets_of_array
from graphkit.errors import InputError
from graphkit.registry import unknown_name

#: Arrays of a graph.
KEYS = ("edge_index", "x", "y", *MASKS, "split", "edge_weight", "edge_attr", "node_names", "class_names")
#: Size of an entry in bytes after conversion, by kind; a string becomes a Python object.
ENTRY_SIZE, STRING_SIZE = {"edge_index": 8, "x": 4, "y": 8, "edge_weight": 4, "edge_attr": 4}, 64
#: Attributes of a PyG graph without data.
BOOKKEEPING = ("num_nodes", "batch", "ptr", "n_id", "e_id", "input_id", "batch_size")


def fields_from_arrays(
    arrays: Mapping[str, Any], where: str, ignored: frozenset[str], options: TargetOptions, strict: bool
) -> Fields:
    """Reads the arrays of a ``.npz`` or ``.pt`` file.

    Args:
        arrays (dict): Arrays or tensors by name, see :data:`KEYS`.
        where (str): Name of the file for error messages.
        ignored (set[str]): Names to ignore.
        options (TargetOptions): Selection of the targets.
        strict (bool): Raises an error for other names, instead of adding a note.

    Raises:
        InputError: If a name, shape or type is wrong.
    """
    arrays = {name: value for name, value in arrays.items() if name not in ignored and value is not None}
    value = target_array(arrays, options, where)
    used = (*KEYS, *options.names, *(["label"] if "y" not in arrays and not options.names else []))
    unused = tuple(shown(name) for name in arrays if name not in (*used, *BOOKKEEPING))
    if strict and (others := [name for name in arrays if name not in used]):
        option = ignore_option(others, ignored)
        raise InputError(f"{where}: {unknown_name('array', shown(others[0]), KEYS)} (or leave it out: {option})")
    for name, absent in (("edge_index", "edge_index" not in arrays), ("y", value is None and options.required)):
        if absent:
            available = ", ".join(map(shown, arrays)) or "nothing"
            raise InputError(f"{where} has no `{name}` (found: {available}); add it")
    class_names = tuple(as_words(arrays["class_names"], "class_names", where)) if "class_names" in arrays else ()
    if value is None:
        targets = missing(options, _num_nodes(arrays, where))
    else:
        targets = targets_of_array(value, options, "node", where, class_names)
    num_nodes = targets.y.size(0)
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
        raise InputError(f"{where} has no node; a graph needs at least one node")
    x = features_from(arrays["x"], num_nodes, where, names) if "x" in arrays else None
    edge_index = edges_from(arrays["edge_index"], num_nodes, where)
    return Fields(
        where=where,
        num_nodes=num_nodes,
        edge_index=edge_index,
        x=x,
        targets=targets,
        masks=_masks(arrays, num_nodes, where),
        edge_weight=(
            weights_from(arrays["edge_weight"], edge_index.size(1), where) if "edge_weight" in arrays else None
        ),
        edge_attr=(
            edge_attributes_from(arrays["edge_attr"], edge_index.size(1), where) if "edge_attr" in arrays else None
        ),
        node_names=names,
        unused=unused,
    )


def _num_nodes(arrays: Mapping[str, Any], where: str) -> int:
    """Returns the number of nodes of a graph without targets."""
    if "x" in arrays:
        shape = as_array(arrays["x"], "x", where).shape
        return shape[0] if shape else 0
    if "node_names" in arrays:
        return len(as_words(arrays["node_names"], "node_names", where))
    edges = as_array(arrays["edge_index"], "edge_index", where)
    count = arrays.get("num_nodes", int(edges.max()) + 1 if edges.size and edges.dtype.kind in "iu" else 0)
    return check_node_count(count, edges.size // 2, where) if isinstance(count, int) else 0


def _masks(arrays: Mapping[str, Any], num_nodes: int, where: str) -> tuple[Tensor, Tensor, Tensor] | None:
    """Returns the masks, or those encoded by the words in ``split``."""
    if "split" not in arrays:
        return masks_from(arrays, num_nodes, where)
    words = as_words(arrays["split"], "split", where)
    if len(words) != num_nodes:
        raise InputError(f"{where}: `split` must have one word per node, {num_nodes} in all (got {len(words)})")
    return masks_from_words(words, where)
