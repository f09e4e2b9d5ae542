"""Common result of all readers of user data, before validation."""

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from graphkit.data.labels import is_no_label
from graphkit.data.user.array_checks import SHOWN, shown
from graphkit.data.user.targets import Targets
from graphkit.errors import InputError

if TYPE_CHECKING:
    from graphkit.data.user.encoder import Columns

_NAME = re.compile(r"[^\s,'\"\\\x00-\x1f\x7f-\x9f](?:[^,'\"\\\x00-\x1f\x7f-\x9f]*\S)?")
_PLAIN = re.compile(r"[A-Za-z_][\w ,./-]*", re.ASCII)
_YAML_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")

SPLIT_WORDS = {"train": 0, "val": 1, "valid": 1, "validation": 1, "test": 2}


@dataclass(frozen=True)
class Fields:
    """Content of a user's file.

    Args:
        where (str): Name of the file for error messages.
        num_nodes (int): Number of nodes.
        edge_index (Tensor): ``[2, E]`` int64.
        x (Tensor, optional): ``[N, F]`` float with NaN for missing values, or ``None`` without features.
        targets (Targets): Encoded targets of the nodes.
        masks (tuple[Tensor, Tensor, Tensor], optional): Training, validation and test masks ``[N]`` or ``[N, K]``.
        edge_weight (Tensor, optional): ``[E]`` float.
        edge_attr (Tensor, optional): ``[E, D]`` float.
        node_names (tuple[str, ...]): User-defined node ids, or empty.
        directed (bool, optional): Direction of edges according to the file; ``None`` if unspecified.
        unused (tuple[str, ...]): Names of ignored arrays or attributes.
        graph (dict): Attributes of the graph, such as its target.
        columns (Columns, optional): Features as text cells, instead of ``x``.
        notes (tuple[str, ...]): Messages for the user about how the file was read.
    """

    where: str
    num_nodes: int
    edge_index: Tensor
    x: Tensor | None
    targets: Targets
    masks: tuple[Tensor, Tensor, Tensor] | None = None
    edge_weight: Tensor | None = None
    edge_attr: Tensor | None = None
    node_names: tuple[str, ...] = ()
    directed: bool | None = None
    unused: tuple[str, ...] = ()
    graph: Mapping[str, Any] = field(default_factory=dict)
    columns: "Columns | None" = None
    notes: tuple[str, ...] = ()


def unused_note(where: str, unused: Sequence[str]) -> tuple[str, ...]:
    """Returns the note on unused content of a file, or nothing."""
    if not unused:
        return ()
    more = f" and {len(unused) - 10} more" if len(unused) > 10 else ""
    return (f"{where}: not used: {', '.join(f'`{name}`' for name in unused[:10])}{more}",)


def absent_note(where: str, names: Iterable[str], new: bool) -> list[str]:
    """Returns the note that names in ``data.ignore`` do not occur; none for new data."""
    listed = ", ".join(f"`{shown(name)}`" for name in sorted(names))
    return [f"{where}: `data.ignore` has names that do not occur: {listed}"] if listed and not new else []


def ignore_option(names: Iterable[str], ignored: Iterable[str] = ()) -> str:
    """Returns the option to ignore columns, arrays or attributes, for error messages.

    Args:
        names (list[str]): Names to ignore.
        ignored (list[str], optional): Names that are already ignored. (default: ``()``)
    """
    every = list(dict.fromkeys([*sorted(ignored), *names]))
    if len(every) > 10:
        return f"--set data.ignore={every[0][:SHOWN]},... with the names of all {len(every)}"
    if not all(_NAME.fullmatch(name) and len(name) <= SHOWN for name in every):
        return "rename it to a word, and give this to --set data.ignore="
    text = ",".join(every)
    word = text if _PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS else f"'{text}'"
    return f"--set {shlex.quote(f'data.ignore={word}')}, in Python ignore={text!r}"


def masks_from_words(
    words: Sequence[str], where: str, item: str = "node", locate: Callable[[int], str] | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Converts ``train``, ``val``, ``test`` or an empty word per item to three masks.

    Args:
        words (list[str]): Words; those for missing labels also mean no subset.
        where (str): Name of the file for error messages.
        item (str, optional): Term for an item in error messages. (default: ``"node"``)
        locate (callable, optional): Describes the position of an item's word in error messages. (default: ``None``)

    Raises:
        InputError: If there is another word.
    """
    codes = []
    for position, word in enumerate(words):
        code = -1 if is_no_label(word) else SPLIT_WORDS.get(word.strip().lower())
        if code is None:
            where = locate(position) if locate else f"{where}: the split of {item} {position}"
            raise InputError(f"{where} must be train, val, test or empty (got '{shown(word)}'); correct it")
        codes.append(code)
    code_of = torch.tensor(codes, dtype=torch.long)
    return code_of == 0, code_of == 1, code_of == 2
