"""Labels: encoding of classes and of missing labels.

The same rules apply to all data. A cell is a missing label if it is empty or one of :data:`NO_LABEL_WORDS` in any case
(``nan``, ``NA``, ``None``, ...); a number is one if it is NaN or -1. For regression, -1 is an ordinary value. Unlabeled
items have the class index :data:`NO_LABEL` in ``y`` ``[N]``; missing entries of ``y`` ``[N, C]`` are NaN. Unlabeled
items are in no split, see :func:`labeled_items`.
"""

import re
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from graphkit.errors import InputError

#: Class index of unlabeled items.
NO_LABEL = -1
#: Cells that are missing labels for all kinds of targets, in lower case.
NO_LABEL_WORDS = frozenset({"", "nan", "na", "n/a", "<na>", "none", "null", "?"})

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")


def is_no_label(word: str | None, regression: bool = False) -> bool:
    """Returns whether a cell is a missing label.

    Args:
        word (str, optional): The cell.
        regression (bool, optional): The cell is a regression target, for which -1 is a value. (default: ``False``)
    """
    text = "" if word is None else _plain(word).casefold()
    return text in NO_LABEL_WORDS or (not regression and text == str(NO_LABEL))


def labeled_items(y: Tensor) -> Tensor:
    """Returns a mask ``[N]`` of the labeled items.

    Args:
        y (Tensor): ``[N]`` class indices, or ``[N]`` or ``[N, C]`` floating-point targets with NaN for missing ones. An
            item with at least one target is labeled.
    """
    if not y.is_floating_point():
        return (y >= 0) if y.dim() == 1 else (y >= 0).any(dim=1)
    mask = ~y.isnan()
    return mask if y.dim() == 1 else mask.any(dim=1)


def labeled_graphs(y: Tensor, num_nodes: Tensor) -> Tensor:
    """Returns a mask ``[G]`` of the graphs with a labeled node.

    Args:
        y (Tensor): Labels of all nodes, see :func:`labeled_items`.
        num_nodes (Tensor): ``[G]``, number of nodes of each graph.
    """
    graph = torch.repeat_interleave(torch.arange(num_nodes.numel()), num_nodes)
    return torch.zeros(num_nodes.numel()).index_add_(0, graph, labeled_items(y).float()) > 0


def classes_of_words(
    words: Sequence[str | None],
    locate: Callable[[int], str] = lambda position: f"label {position}",
    decimals: bool = False,
) -> tuple[Tensor, tuple[str, ...]]:
    """Encodes class names in sorted order (by value if all are integers).

    Args:
        words (list[str]): Label of each item, see :func:`is_no_label`.
        locate (callable, optional): Describes the position of an item's label, for error messages.
        decimals (bool, optional): Takes decimal numbers as names of classes. (default: ``False``)

    Returns:
        Class indices ``[N]`` int64 and the class names. An integer with a decimal point, such as ``1.0``, is the class
        ``1``.

    Raises:
        InputError: If a label is a non-integer number.
    """
    plain = [None if is_no_label(word) else _plain(word or "") for word in words]
    for position, word in enumerate(plain):
        if not decimals and word is not None and is_decimal(word):
            raise InputError(
                f"{locate(position)} must be a class, a word or a whole number (got '{word}'); predict numbers with "
                "--set data.task=regression, or name another target"
            )
    names = sorted({word for word in plain if word is not None})
    if all(re.fullmatch(r"[+-]?\d{1,18}", name) for name in names):
        names = sorted(names, key=lambda name: (int(name), name))
    number = {name: index for index, name in enumerate(names)}
    return torch.tensor([NO_LABEL if word is None else number[word] for word in plain], dtype=torch.long), tuple(names)


def classes_of_numbers(values: np.ndarray, num_classes: int = 0, where: str = "`y`") -> tuple[Tensor, int]:
    """Validates class indices ``0 .. C - 1``; NaN and -1 are missing labels.

    Args:
        values (array): ``[N]`` integers, booleans or floats.
        num_classes (int, optional): Number of classes C. (default: ``0``, inferred from classes without gaps)
        where (str, optional): Name of the labels, for error messages.

    Returns:
        Class indices ``[N]`` int64 and the number of classes.

    Raises:
        InputError: If a value is not an integer or out of range.
    """
    values = values.astype(np.int64) if values.dtype.kind == "b" else values
    mask = ~np.isnan(values) if values.dtype.kind == "f" else np.ones(values.shape, dtype=bool)
    mask &= values != NO_LABEL
    classes = np.unique(values[mask])
    broken = classes[classes != np.round(classes)] if classes.dtype.kind == "f" else classes[:0]
    if broken.size:
        raise InputError(
            f"{where} must hold class numbers (got {broken[0]:g}); number the classes, or predict the values: --set "
            "data.task=regression"
        )
    count = num_classes or classes.size  # without gaps, the largest class is the number of classes minus one
    wrong = classes[(classes < 0) | (classes >= count)]
    if wrong.size:
        rule = f"one for each of the {count} class names" if num_classes else "without gaps"
        raise InputError(
            f"{where} must hold class numbers from 0 to {count - 1}, {rule} (got {wrong[0]:.0f}); number them "
            "again, or give their names as strings; NaN or -1 marks an item without a label"
        )
    y = torch.full((values.size,), NO_LABEL)
    y[torch.from_numpy(mask)] = torch.from_numpy(values[mask].astype(np.int64))
    return y, count


def label_columns(values: np.ndarray, where: str = "`y`") -> Tensor:
    """Validates binary labels ``[N, C]``; NaN and -1 are missing labels.

    Args:
        values (array): ``[N, C]`` with 0, 1, NaN and -1.
        where (str, optional): Name of the labels, for error messages.

    Returns:
        Labels ``[N, C]`` float with 0, 1 and NaN.

    Raises:
        InputError: If there is no column or another value.
    """
    if not values.shape[1]:
        raise InputError(f"{where} must have at least one column (got the shape {list(values.shape)})")
    with np.errstate(all="ignore"):
        y = torch.from_numpy(np.array(values, dtype=np.float32))
    y[y == NO_LABEL] = torch.nan
    wrong = ((y != 0) & (y != 1) & ~y.isnan()).nonzero()
    if wrong.numel():
        item, column = wrong[0].tolist()
        raise InputError(
            f"{where} must hold 0, 1 or NaN in its columns (got {float(y[item, column]):g} for label {column} of item "
            f"{item}); for one class per item, give one number each"
        )
    return y


def _plain(word: str) -> str:
    """Strips white space, and the zero decimals of an integer."""
    word = word.strip()
    integer, point, zeros = word.partition(".")
    return integer if point and integer.lstrip("+-").isdecimal() and not zeros.strip("0") else word


def is_number(word: str) -> bool:
    """Returns whether a label is a number in plain digits."""
    return bool(_NUMBER.fullmatch(word.strip()))


def is_decimal(word: str) -> bool:
    """Returns whether a label is a non-integer number."""
    return is_number(word) and not float(word).is_integer()
