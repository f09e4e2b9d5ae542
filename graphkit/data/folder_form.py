"""Writer of graphs as folders of arrays, for data larger than memory."""

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
    """Writes a graph as a folder of ``.npy`` files for :func:`graphkit.data.load`.

    Features are written block by block and may be larger than memory. Edges are preprocessed once: reverse edges are
    added unless the graph is directed, parallel edges are merged, and edges are sorted by target. The folder is renamed
    when complete.

    Args:
        folder (str or Path): Target folder, which must not exist.
        x (array or iterable): ``[N, F]``, features, written as float32: an array, a tensor, an object with a ``shape``
            that can be sliced, such as a ``numpy.memmap``, or an iterable of blocks of rows.
        edge_index (array): ``[2, E]`` integers, sources and targets.
        y (array): ``[N]`` classes, -1 or NaN for unlabeled nodes; ``[N, C]`` with 0, 1 and NaN; or numbers ``[N]`` or
            ``[N, T]``, NaN for unknown ones.
        train_mask (array, optional): ``[N]`` or ``[N, K]`` bool; give all three masks or none. (default: ``None``)
        val_mask (array, optional): The same for validation. (default: ``None``)
        test_mask (array, optional): The same for test. (default: ``None``)
        edge_weight (array, optional): ``[E]``, edge weights. (default: ``None``)
        class_names (list[str], optional): Names of the classes or labels. (default: ``()``)
        directed (bool, optional): Adds no reverse edges. (default: ``False``)

    Returns:
        The folder.

    Raises:
        InputError: If the folder exists, a shape is wrong, a node id does not exist, a feature is not finite, or the
            split is invalid. Nothing is written in this case.
    """
    folder = Path(folder).expanduser()
    if folder.exists():
        raise InputError(f"'{folder}' exists; give another folder, or remove it")
    from graphkit.data.checks import check_labeled, check_splits
    from graphkit.data.user.array_checks import masks_from
    from graphkit.data.user.targets import NO_OPTIONS, targets_of_array

    where = f"'{folder}'"
    array = _array(y, "y")
    targets = targets_of_array(array, NO_OPTIONS, "node", where, tuple(map(str, class_names)))
    class_names = targets.names if array.dtype.kind in "US" else class_names
    labels, num_nodes = targets.y, targets.y.size(0)
    edges, weight = _edges(edge_index, edge_weight, num_nodes, directed)
    masks = dict(zip(MASKS, (train_mask, val_mask, test_mask), strict=True))
    given = {name: _array(mask, name) for name, mask in masks.items() if mask is not None}
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
        try:
            os.rename(private, folder)
        except OSError as error:
            raise InputError(f"'{folder}' cannot be written ({error.strerror})") from None
    return folder


def _blocks(x: Any) -> tuple[np.ndarray, Iterator[Any]]:
    """Returns the first block of rows, and an iterator of the others."""
    if not hasattr(x, "shape") and not isinstance(x, Iterable):
        raise InputTypeError(f"`x` must be an array, or blocks of its rows (got {type(x).__name__})")
    parts = rows_at_a_time(x) if hasattr(x, "shape") else iter(x)
    first = next(parts, None)
    if first is None or np.ndim(first) != 2:
        raise InputError("`x` must have the shape [N, F], or be blocks of rows of that width, one at least")
    return _array(first, "x"), parts


def _finite(blocks: Iterable[Any]) -> Iterator[np.ndarray]:
    """Yields blocks of features; raises an error for non-finite values."""
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


def _edges(edge_index: Any, edge_weight: Any, num_nodes: int, directed: bool) -> tuple[Tensor, Tensor | None]:
    """Returns the preprocessed edges: in both directions, without duplicates, sorted."""
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
        if weight is not None:  # sums the weights of parallel edges
            weight = torch.zeros(int(new.sum())).index_add_(0, new.long().cumsum(0) - 1, weight)
        plain = plain[:, new]
    if directed:
        return plain.contiguous(), weight
    data = Data(edge_index=plain, num_nodes=num_nodes)
    if weight is not None:
        data.edge_weight = weight
    data = Undirected()(data)  # also sorts by target and source
    return data.edge_index, data.get("edge_weight")


def _array(value: Any, name: str) -> np.ndarray:
    """Returns a tensor or an array-like object as an array."""
    try:
        return value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        line = " ".join(str(error).split())[:120]
        raise InputError(f"`{name}` must be an array of numbers ({line})") from None
