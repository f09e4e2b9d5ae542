"""What a reader of any format hands over, before it is checked and made into a data set."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphkit.errors import InputError

SPLIT_WORDS = {"train": 0, "val": 1, "valid": 1, "validation": 1, "test": 2, "": -1}


@dataclass(frozen=True)
class Fields:
    """The content of a user's file.

    Args:
        where: The file, as error messages name it.
        num_nodes: Number of nodes.
        edge_index: ``[2, E]`` int64.
        x: ``[N, F]`` float, or ``None`` where the file has no features.
        y: ``[N]`` int64 with -1 for unlabelled nodes, or ``[N, C]`` float with NaN for unknown labels.
        class_names: Names of the classes or labels, one for each output.
        masks: Training, validation and test masks ``[N]`` or ``[N, K]``, or ``None``.
        edge_weight: ``[E]`` float, or ``None``.
        node_names: The user's ids, or none.
        directed: What the file says about the direction of edges; ``None`` where it says nothing.
    """

    where: str
    num_nodes: int
    edge_index: Tensor
    x: Tensor | None
    y: Tensor
    class_names: tuple[str, ...]
    masks: tuple[Tensor, Tensor, Tensor] | None = None
    edge_weight: Tensor | None = None
    node_names: tuple[str, ...] = ()
    directed: bool | None = None


def masks_from_words(words: Sequence[str], where: str, item: str = "node") -> tuple[Tensor, Tensor, Tensor]:
    """Turns ``train``, ``val``, ``test`` or nothing, one per item, into three masks.

    Raises:
        ValueError: If there is another word.
    """
    codes = []
    for position, word in enumerate(words):
        code = SPLIT_WORDS.get(str(word).strip().lower())
        if code is None:
            raise InputError(
                f"{where}: the split of {item} {position} must be train, val, test or empty (got '{word}'); correct it"
            )
        codes.append(code)
    code_of = torch.tensor(codes, dtype=torch.long)
    return code_of == 0, code_of == 1, code_of == 2


def class_labels(labels: Sequence[str | None]) -> tuple[Tensor, tuple[str, ...]]:
    """Numbers class names in sorted order (by value where all are whole numbers); ``None`` becomes -1."""
    names = sorted({name for name in labels if name is not None})
    with contextlib.suppress(ValueError):
        names = sorted(names, key=int)
    number = {name: index for index, name in enumerate(names)}
    return torch.tensor([-1 if name is None else number[name] for name in labels]), tuple(names)
