"""What a reader of any format hands over, before it is checked and made into a data set."""

import re
import shlex
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphkit.data.labels import is_no_label
from graphkit.data.user.array_checks import SHOWN, shown
from graphkit.errors import InputError

_NAME = re.compile(r"[^\s,'\"\\\x00-\x1f\x7f-\x9f](?:[^,'\"\\\x00-\x1f\x7f-\x9f]*\S)?")
_PLAIN = re.compile(r"[A-Za-z_][\w ,./-]*", re.ASCII)
_YAML_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")

SPLIT_WORDS = {"train": 0, "val": 1, "valid": 1, "validation": 1, "test": 2}


@dataclass(frozen=True)
class Fields:
    """The content of a user's file.

    Args:
        where: The file, as error messages name it.
        num_nodes: Number of nodes.
        edge_index: ``[2, E]`` int64.
        x: ``[N, F]`` float, or ``None`` where the file has no features.
        y: ``[N]`` int64 with -1 for unlabeled nodes, or ``[N, C]`` float with NaN for unknown labels.
        class_names: Names of the classes or labels, one for each output.
        masks: Training, validation and test masks ``[N]`` or ``[N, K]``, or ``None``.
        edge_weight: ``[E]`` float, or ``None``.
        node_names: The user's ids, or none.
        directed: What the file says about the direction of edges; ``None`` where it says nothing.
        unused: Names of arrays or attributes in the file that nothing reads.
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
    unused: tuple[str, ...] = ()


def unused_note(where: str, unused: Sequence[str]) -> tuple[str, ...]:
    """Returns the note on what a file holds and nothing reads; none if there is nothing."""
    if not unused:
        return ()
    more = f" and {len(unused) - 10} more" if len(unused) > 10 else ""
    return (f"{where}: not used: {', '.join(f'`{name}`' for name in unused[:10])}{more}",)


def ignore_option(names: Iterable[str], ignored: Iterable[str] = ()) -> str:
    """Returns the option that leaves columns, arrays or attributes out, for the command line and for Python.

    Args:
        names: Their names.
        ignored: Names that are left out already.
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
    """Turns ``train``, ``val``, ``test`` or nothing, one per item, into three masks.

    Args:
        words: The words; those that mean "no label" mean "no part" too.
        where: The file, for error messages.
        item: What is split, for error messages.
        place: Name of the place of an item's word, for error messages.

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
