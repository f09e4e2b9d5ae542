"""A graph written as a folder of arrays, which need not fit into memory when it is read."""

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.data import Data

from graphkit.data.array_files import rows_at_a_time, write_array
from graphkit.data.download import private_folder
from graphkit.data.edges import by_target, plain_edge_index
from graphkit.data.labels import classes_of_numbers, label_columns
from graphkit.data.single_graph import MASKS
from graphkit.data.splits import splits_from_masks
from graphkit.errors import InputError, InputTypeError
from graphkit.transforms.undirected import Undirected


def write_folder(
    folder: str | os.PathLike[str],
    *,
    x: Any,
    edge_index: Any,
    y: Any,
    train_mask: Any = None,
    val_mask: Any = None,
    test_mask: Any = None,
    edge_weight: Any = None,
    class_names: Sequence[str] = (),
    directed: bool = False,
) -> Path:
    """Writes a graph as a folder of ``.npy`` files that :func:`graphkit.data.load` maps into memory.

    The features go to the file block by block, so that they may be larger than memory. The edges are prepared here,
    once, as they are for every graph: the reverse of each is added unless they are directed, parallel ones are merged,
    and they are sorted by target. The folder appears when it is complete.

    Args:
        folder: The folder, which must not exist.
        x: ``[N, F]`` features: an array, a tensor, anything else that has a ``shape`` and can be sliced, such as a
            ``numpy.memmap``, or an iterable of blocks of rows. They are written as float32.
        edge_index: ``[2, E]`` whole numbers, sources and targets.
        y: ``[N]`` class numbers, -1 or NaN for nodes without a label, or ``[N, C]`` of 0, 1 and NaN.
        train_mask: ``[N]`` or ``[N, K]`` booleans; all three masks or none.
        val_mask: The same for validation.
        test_mask: The same for test.
        edge_weight: ``[E]`` numbers.
        class_names: Names of the classes or labels.
        directed: Whether the reverse of each edge is *not* added.

    Returns:
        The folder.

    Raises:
        InputError: If the folder exists, a shape is wrong, an edge names a node that does not exist, a feature is not
            finite, or the split is wrong. Nothing has been written then.
    """
    folder = Path(folder).expanduser()
    if folder.exists():
        raise InputError(f"'{folder}' exists; give another folder, or remove it")
    from graphkit.data.checks import check_labeled, check_splits
    from graphkit.data.user.array_checks import masks_from

    labels = _labels(y, class_names)
    num_nodes = labels.size(0)
    edges, weight = _edges(edge_index, edge_weight, num_nodes, directed)
    masks = dict(zip(MASKS, (train_mask, val_mask, test_mask), strict=True))
    given = {name: _array(mask, name) for name, mask in masks.items() if mask is not None}
    where = f"'{folder}'"
    checked = masks_from(given, num_nodes, where)
    splits = splits_from_masks(*checked) if checked is not None else ()
    check_splits(splits, num_nodes, where=where, item="node", own=True)
    check_labeled(splits, labels, where, "node")
    given = dict(zip(MASKS, (mask.numpy() for mask in checked or ()), strict=False))
    small = {"edge_index": edges.numpy(), "y": labels.numpy(), **given}
    if weight is not None:
        small["edge_weight"] = weight.numpy()
    if class_names:
        small["class_names"] = np.array([str(name) for name in class_names])
    with private_folder(folder.parent) as private:
        first, blocks = _blocks(x)
        shape = (num_nodes, first.shape[1])
        write_array(private / "x.npy", _finite(chain([first], blocks)), shape, np.float32)
        for name, array in small.items():
            write_array(private / f"{name}.npy", rows_at_a_time(array), array.shape, array.dtype)
        private.chmod(0o755)
        try:
            os.rename(private, folder)
        except OSError as error:
            raise InputError(f"'{folder}' cannot be written ({error.strerror})") from None
    return folder


def _blocks(x: Any) -> tuple[np.ndarray, Iterator[Any]]:
    """Returns the first block of rows, and the others."""
    if not hasattr(x, "shape") and not isinstance(x, Iterable):
        raise InputTypeError(f"`x` must be an array, or blocks of its rows (got {type(x).__name__})")
    parts = rows_at_a_time(x) if hasattr(x, "shape") else iter(x)
    first = next(parts, None)
    if first is None or np.ndim(first) != 2:
        raise InputError("`x` must have the shape [N, F], or be blocks of rows of that width, one at least")
    return _array(first, "x"), parts


def _finite(blocks: Iterable[Any]) -> Iterator[np.ndarray]:
    """Passes blocks of features on, and refuses those that hold what is not a finite number."""
    at = 0
    for block in blocks:
        rows = _array(block, "x")
        if rows.ndim != 2 or rows.dtype.kind not in "iufb":
            what = f"got {rows.dtype} of shape {list(rows.shape)}"
            raise InputError(f"`x` must have the shape [N, F] and hold numbers ({what} from node {at} on)")
        with np.errstate(all="ignore"):
            rows = rows.astype(np.float32, copy=False)
        wrong = np.argwhere(~np.isfinite(rows))
        if wrong.size:
            node, column = wrong[0]
            raise InputError(f"`x` must be finite (got {rows[node, column]} for feature {column} of node {at + node})")
        at += rows.shape[0]
        yield rows


def _labels(y: Any, class_names: Sequence[str]) -> Tensor:
    """Returns class numbers ``[N]``, or 0, 1 and NaN ``[N, C]``."""
    array = _array(y, "y")
    if array.ndim not in (1, 2) or array.dtype.kind not in "iufb":
        what = f"got {array.dtype} of shape {list(array.shape)}"
        raise InputError(f"`y` must be whole numbers [N], or 0, 1 and NaN [N, C] ({what})")
    if array.ndim == 2:
        labels, count = label_columns(array), array.shape[1]
    else:
        labels, count = classes_of_numbers(array, len(class_names))
    if class_names and len(class_names) != count:
        raise InputError(f"`class_names` must have one name for each of the {count} classes (got {len(class_names)})")
    return labels


def _edges(edge_index: Any, edge_weight: Any, num_nodes: int, directed: bool) -> tuple[Tensor, Tensor | None]:
    """Returns the edges as they are kept: in both directions, once each, sorted by target."""
    plain = plain_edge_index(edge_index) if isinstance(edge_index, EdgeIndex) else edge_index
    array = _array(plain, "edge_index")
    if array.ndim != 2 or array.shape[0] != 2 or (array.dtype.kind not in "iu" and array.size):
        hint = "; transpose it" if array.ndim == 2 and array.shape[1] == 2 else ""
        what = f"got {array.dtype} of shape {list(array.shape)}"
        raise InputError(f"`edge_index` must be whole numbers [2, E] ({what}){hint}")
    if array.size and not 0 <= int(array.min()) <= int(array.max()) < num_nodes:
        what = f"got ids from {int(array.min())} to {int(array.max())}"
        raise InputError(f"`edge_index` must hold node ids from 0 to {num_nodes - 1} ({what})")
    plain = torch.from_numpy(array.astype(np.int64))
    weight = None
    if edge_weight is not None:
        numbers = _array(edge_weight, "edge_weight").reshape(-1)
        finite = numbers.dtype.kind in "iufb" and bool((np.abs(numbers) <= np.finfo(np.float32).max).all())
        if numbers.size != plain.size(1) or not finite:
            raise InputError(f"`edge_weight` must have one finite number for each of the {plain.size(1)} edges")
        weight = torch.from_numpy(numbers.astype(np.float32))
    order = by_target(plain, num_nodes)
    plain, weight = plain[:, order], weight if weight is None else weight[order]
    new = torch.ones(plain.size(1), dtype=torch.bool)
    new[1:] = (plain[:, 1:] != plain[:, :-1]).any(dim=0)
    if not bool(new.all()):
        if weight is not None:  # of parallel edges the weights are added
            weight = torch.zeros(int(new.sum())).index_add_(0, new.long().cumsum(0) - 1, weight)
        plain = plain[:, new]
    if directed:
        return plain.contiguous(), weight
    data = Data(edge_index=plain, num_nodes=num_nodes)
    if weight is not None:
        data.edge_weight = weight
    data = Undirected()(data)  # sorted by target and source too
    return data.edge_index, data.get("edge_weight")


def _array(value: Any, name: str) -> np.ndarray:
    """Returns a tensor, or anything that NumPy takes, as an array."""
    try:
        return value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        line = " ".join(str(error).split())[:120]
        raise InputError(f"`{name}` must be an array of numbers ({line})") from None
