"""Targets of user data: their columns, the task and the encoding, for all readers."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from graphkit.data.dataset import GraphDataset
from graphkit.data.labels import (
    NO_LABEL,
    classes_of_numbers,
    classes_of_words,
    is_decimal,
    is_no_label,
    is_number,
    label_columns,
    labeled_items,
)
from graphkit.data.user.array_checks import as_array, as_words, is_words, shown
from graphkit.data.user.numbers import number_of, other_way
from graphkit.errors import InputError

#: Values of the option ``task``; the short forms leave the level and the number of targets to the data.
TaskOption = Literal[
    "node-classification",
    "multilabel-node-classification",
    "node-regression",
    "graph-classification",
    "multitask-graph-classification",
    "graph-regression",
    "classification",
    "regression",
    "link-prediction",
]
Level = Literal["node", "graph"]
#: Kinds of targets: one class per item, binary labels, or numbers.
Kind = Literal["classes", "labels", "values"]

#: Task and default metric by level and kind of targets.
TASKS: dict[tuple[str, str], tuple[str, str]] = {
    ("node", "classes"): ("node-classification", "accuracy"),
    ("node", "labels"): ("multilabel-node-classification", "micro-f1"),
    ("node", "values"): ("node-regression", "mae"),
    ("graph", "classes"): ("graph-classification", "accuracy"),
    ("graph", "labels"): ("multitask-graph-classification", "roc-auc"),
    ("graph", "values"): ("graph-regression", "mae"),
}
_KIND = {task: (level, kind) for (level, kind), (task, _) in TASKS.items()}
#: Columns and attributes with the targets, unless others are named.
DEFAULTS = ("label", "y")
#: Prefix of the columns of several labels.
PREFIX = "label:"


class Targets(NamedTuple):
    """Encoded targets.

    Args:
        task (str): Name of the task.
        y (Tensor): ``[N]`` int64 classes with -1 for none, or ``[N, T]`` float with NaN for missing targets.
        names (tuple[str, ...]): Names of the classes, labels or targets.
        notes (tuple[str, ...]): Messages for the user.
    """

    task: str
    y: Tensor
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        """Default metric of the task."""
        return TASKS[_KIND[self.task]][1] if self.task else ""


@dataclass(frozen=True)
class TargetOptions:
    """Selection of targets.

    Args:
        names (tuple[str, ...], optional): Columns or attributes with the targets. (default: ``()``, ``label`` or ``y``)
        task (str, optional): Task, see :data:`TaskOption`. (default: ``None``, inferred)
        like (GraphDataset, optional): Training data whose task and classes apply; targets are then optional. (default:
            ``None``)
        unlabeled (bool, optional): Reads no targets. (default: ``False``)
    """

    names: tuple[str, ...] = ()
    task: str | None = None
    like: GraphDataset | None = None
    unlabeled: bool = False

    @classmethod
    def read(cls, target: str, task: str | None, like: GraphDataset | None) -> "TargetOptions":
        """Parses the option ``target``, names separated by commas."""
        names = tuple(dict.fromkeys(name.strip() for name in target.split(",") if name.strip()))
        return cls(names, task if like is None else like.task, like)

    @property
    def required(self) -> bool:
        """``True`` if there must be targets."""
        return self.like is None and not self.unlabeled

    @property
    def level(self) -> str | None:
        """``"node"``, ``"graph"``, or ``None`` if the data decide."""
        return _KIND[self.task][0] if self.task in _KIND else None

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs of the training data."""
        if self.like is None:
            return ()
        return self.like.class_names or tuple(map(str, range(self.like.num_outputs)))

    def kind(self, level: Level, width: int, where: str) -> Kind | None:
        """Returns the kind of targets of the task, or ``None`` if the data decide.

        Raises:
            InputError: If the task is one of another level, or of one target and there are several.
        """
        if self.task is None:
            return None
        if self.level not in (None, level):
            other = "give a list of graphs, or a folder of graph files" if level == "node" else "give one graph"
            raise InputError(f"{where} has targets of {level}s, which is not '{self.task}'; {other}")
        kind: Any = _KIND[self.task][1] if self.task in _KIND else None
        if kind is None:
            kind = "values" if self.task == "regression" else "classes" if width == 1 else "labels"
        if kind == "classes" and width != 1:
            several = TASKS[level, "labels"][0]
            raise InputError(
                f"{where}: '{self.task}' needs one target per {level} (got {width}); name one with --set "
                f"data.target=NAME, or give --set data.task={several}"
            )
        return kind

    def columns(self, available: Sequence[str], series: bool = False) -> dict[str, str | None]:
        """Returns the column of each output, or ``None`` if new data lack it.

        The result is empty if there is no target.

        Args:
            available (list[str]): Names of the columns or attributes.
            series (bool, optional): Attributes such as ``y_0`` and ``y_1`` are the target ``y``. (default: ``False``)
        """
        if self.unlabeled:
            return {}
        many: dict[str, str | None] = {name.removeprefix(PREFIX): name for name in available if name.startswith(PREFIX)}
        names = [other for name in self.names or DEFAULTS for other in _series(name, available if series else ())]
        first = next((name for name in (*(self.names or DEFAULTS), *names) if name in available), None)
        if self.like is None:
            if names and not any(name in available for name in self.names or DEFAULTS):
                return {name: name for name in names}
            if self.names:
                return {name: name if name in available else None for name in self.names}
            return many or ({first: first} if first else {})
        if _KIND[self.like.task][1] == "classes":
            return {first: first} if first else {}
        named = {name: name if name in available else many.get(name) for name in self.outputs}
        if len(named) == 1 and first is not None and not any(named.values()):
            return dict.fromkeys(named, first)
        return named if any(named.values()) else {}


def _series(name: str, available: Iterable[str]) -> list[str]:
    """Returns the attributes of a list, such as ``y_0`` and ``y_1`` for ``y``."""
    return sorted(other for other in available if other.startswith(f"{name}_") and other[len(name) + 1 :].isdecimal())


#: Targets in ``label`` or ``y``, and the task inferred.
NO_OPTIONS = TargetOptions()


def missing(options: TargetOptions, count: int) -> Targets:
    """Returns missing targets.

    Args:
        options (TargetOptions): Options, with the training data for their task and names.
        count (int): Number of items.
    """
    if options.like is None:
        return Targets("", torch.empty(count, 0), ())
    if _KIND[options.like.task][1] == "classes":
        return Targets(options.like.task, torch.full((count,), NO_LABEL), options.outputs)
    return Targets(options.like.task, torch.full((count, options.like.num_outputs), torch.nan), options.outputs)


def targets_of_words(
    columns: Mapping[str, Sequence[str | None] | None],
    options: TargetOptions,
    level: Level,
    where: str,
    locate: Callable[[int, str], str],
    default: Kind | None = None,
) -> Targets:
    """Encodes columns of text cells.

    Args:
        columns (dict): Cells of each target by name; ``None`` for a target that new data lack.
        options (TargetOptions): Options.
        level (str): ``"node"`` or ``"graph"``.
        where (str): Name of the file, for error messages.
        locate (callable): Describes the position of an item's cell in a column, for error messages.
        default (str, optional): Kind of targets if the task does not decide. (default: ``None``, inferred)

    Raises:
        InputError: If a cell does not fit the task, or there is nothing to learn.
    """
    cells = {name: words for name, words in columns.items() if words is not None}
    kind = options.kind(level, len(columns), where) or default or _kind_of_words(list(cells.values()))
    notes = _notes(kind, options, level, where, default)
    if kind == "classes":
        ((name, words),) = cells.items()
        if options.like is not None:
            return _like(words, options, lambda row: locate(row, name))
        y, names = classes_of_words(words, lambda row: locate(row, name), decimals=options.task is not None)
    else:
        count = len(next(iter(cells.values())))
        numbers = [
            torch.full((count,), torch.nan)
            if words is None
            else torch.tensor([_number(word, kind, locate, row, name) for row, word in enumerate(words)])
            for name, words in columns.items()
        ]
        y, names = torch.stack(numbers, dim=1), tuple(columns)
    return _checked(Targets(TASKS[level, kind][0], y, names, notes), options, level, where)


def targets_of_array(
    value: Any,
    options: TargetOptions,
    level: Level,
    where: str,
    class_names: tuple[str, ...] = (),
    locate: Callable[[int], str] | None = None,
) -> Targets:
    """Encodes an array of targets.

    Args:
        value (array, Tensor or list[str]): ``[N]`` or ``[N, T]`` numbers, or words.
        options (TargetOptions): Options.
        level (str): ``"node"`` or ``"graph"``.
        where (str): Name of the file, for error messages.
        class_names (tuple[str, ...], optional): Names of the classes or targets in the file. (default: ``()``)
        locate (callable, optional): Describes the position of an item's target, for error messages.

    Raises:
        InputError: If a value does not fit the task, or there is nothing to learn.
    """
    locate = locate or (lambda item: f"{where}: the label of {level} {item} in `y`")
    if is_words(value) and (not isinstance(value, np.ndarray) or value.squeeze().ndim <= 1):
        if class_names:
            raise InputError(f"{where}: `y` holds the names of the classes already; remove `class_names`")
        name = options.names[0] if options.names else "y"
        return targets_of_words(
            {name: as_words(value, "y", where)}, options, level, where, lambda item, _: locate(item)
        )
    array = as_array(value, "y", where)
    if array.dtype.kind not in "iufb" or array.ndim not in (1, 2) or array.shape[1:] == (0,):
        raise InputError(
            f"{where}: `y` must hold one class or number per {level}, or columns [{level}s, targets] "
            f"(got {array.dtype} of shape {list(array.shape)}); correct it"
        )
    if not len(array):
        raise InputError(f"{where} has no {level}; there must be at least one {level}")
    table = array[:, None] if array.ndim == 1 else array
    width = table.shape[1]
    kind = options.kind(level, width, where) or _kind_of_array(table, level)
    notes = _notes(kind, options, level, where)
    if options.like is not None and kind == "classes":
        return _like(_words_of(table[:, 0], class_names, options, where), options, locate)
    if options.like is not None and width != len(options.outputs):
        wanted = len(options.outputs)
        raise InputError(f"{where}: `y` must have {wanted} columns, as in training (got {width}); correct it")
    if kind == "classes":
        y, count = classes_of_numbers(table[:, 0], len(class_names), f"{where}: `y`")
        return _checked(
            Targets(TASKS[level, kind][0], y, class_names or tuple(map(str, range(count))), notes),
            options, level, where,
        )  # fmt: skip
    if class_names and len(class_names) != width:
        raise InputError(
            f"{where}: there must be one class name for each of the {width} labels (got {len(class_names)})"
        )
    if kind == "labels":
        y = label_columns(table, f"{where}: `y`")
    else:
        with np.errstate(all="ignore"):
            y = torch.from_numpy(table.astype(np.float32))
        wrong = y.isinf().any(dim=1).nonzero()
        if wrong.numel():
            raise InputError(f"{locate(int(wrong[0]))} must be a finite number, or NaN for none; correct it")
    named = options.names if len(options.names) == width else ("y",) if width == 1 and kind == "values" else ()
    names = class_names or named or tuple(map(str, range(width)))
    return _checked(Targets(TASKS[level, kind][0], y, names, notes), options, level, where)


def target_array(arrays: Mapping[str, Any], options: TargetOptions, where: str) -> Any:
    """Returns the array of the targets, or ``None`` if new data have none.

    Several named arrays become columns.

    Args:
        arrays (dict): Arrays, tensors or attributes by name.
        options (TargetOptions): Options.
        where (str): Name of the file, for error messages.

    Raises:
        InputError: If a named array is missing, or has several columns or another length.
    """
    if options.unlabeled:
        return None
    if not options.names:
        return next((arrays[name] for name in ("y", "label") if name in arrays), None)
    absent = [name for name in options.names if name not in arrays]
    if absent and (options.required or len(absent) < len(options.names)):
        available = shown(", ".join(arrays)) or "nothing"
        raise InputError(f"{where} has no `{shown(absent[0])}` (found: {available}); add it, or name another target")
    if absent:
        return None
    if len(options.names) == 1:
        return arrays[options.names[0]]
    columns = [as_array(arrays[name], name, where).reshape(-1) for name in options.names]
    for name, column in zip(options.names, columns, strict=True):
        if column.dtype.kind not in "iufb" or column.size != columns[0].size:
            raise InputError(
                f"{where}: `{name}` must hold one number per item, as `{options.names[0]}` (got {column.dtype}, "
                f"{column.size} entries); correct it"
            )
    return np.stack(columns, axis=1)


def check_classes(y: Tensor, names: Sequence[str], level: str, where: str) -> None:
    """Raises an error for labels from which nothing can be learned.

    Raises:
        InputError: If no item has a label, all have the same one, or each of ten items or more has another one.
    """
    labeled = int(labeled_items(y).sum())
    if not labeled:
        raise InputError(f"{where}: no {level} has a label; label some")
    if y.dim() == 1:
        if labeled == int(torch.unique(y[y >= 0]).numel()) and labeled >= 10:
            raise InputError(
                f"{where}: each of the {labeled} labeled {level}s has a different class; is this the column with the "
                "classes? Name another with --set data.target=NAME, or predict the numbers: --set data.task=regression"
            )
        if len(names) < 2:
            only = shown(names[0])
            raise InputError(f"{where}: all labels are '{only}'; there must be two classes or more")


def _checked(targets: Targets, options: TargetOptions, level: str, where: str) -> Targets:
    """Returns the targets after a check that something can be learned.

    New data need no targets.

    Raises:
        InputError: If no item is labeled, there is one class, or a numeric target has one value.
    """
    if options.like is not None:
        return targets._replace(names=options.outputs)
    check_classes(targets.y, targets.names, level, where)
    if _KIND[targets.task][1] == "values":
        for name, column in zip(targets.names, targets.y.t(), strict=True):
            values = column[~column.isnan()].unique()
            if values.numel() < 2:
                got = f"got {float(values[0]):g} only" if values.numel() else "got none"
                raise InputError(
                    f"{where}: the target '{shown(name)}' must have two values or more ({got}); leave it out, "
                    "or name others with data.target"
                )
    return targets


def _notes(kind: Kind, options: TargetOptions, level: str, where: str, default: str | None = None) -> tuple[str, ...]:
    """Returns the note on an inferred regression."""
    if kind != "values" or options.task is not None or default is not None:
        return ()
    task = TASKS[level, kind][0].replace("-", " ")
    return (
        f"{where}: the targets are numbers: the task is {task}; for classes, give --set "
        "data.task=classification, in Python task='classification'",
    )


def _kind_of_words(columns: Sequence[Sequence[str | None]]) -> Kind:
    """Infers the kind of targets of text cells."""
    labels = [[word for word in words if not is_no_label(word)] for words in columns]
    cells = {word or "" for words in labels for word in words}
    if len(columns) > 1:
        return "labels" if all(is_number(cell) and float(cell) in (0, 1) for cell in cells) else "values"
    return "values" if all(map(is_number, cells)) and any(map(is_decimal, cells)) else "classes"


def _kind_of_array(table: np.ndarray, level: Level) -> Kind:
    """Infers the kind of targets of numbers ``[N, T]``."""
    valid = table[~np.isnan(table)] if table.dtype.kind == "f" else table
    if table.shape[1] == 1 and (level == "node" or table.dtype.kind != "f"):
        return "classes" if table.dtype.kind != "f" or bool((valid == np.round(valid)).all()) else "values"
    return "labels" if bool(np.isin(valid, (0, 1, NO_LABEL)).all()) else "values"


def _number(word: str | None, kind: Kind, locate: Callable[[int, str], str], row: int, name: str) -> float:
    """Returns a target as a number, NaN for none.

    Raises:
        InputError: If the cell is not a finite number, or a label is not 0 or 1.
    """
    if is_no_label(word, regression=kind == "values"):
        return float("nan")
    value = number_of(word or "")
    if kind == "labels" and value not in (0, 1):
        raise InputError(f"{locate(row, name)} must be 0, 1 or empty (got '{shown(word)}'); correct it")
    if value is None or not abs(value) <= torch.finfo(torch.float).max:
        what, remedy = other_way([word or ""]) or ("", "correct it")
        got = f"'{shown(word)}'" + (f", {what}" if what and value is None else "")
        raise InputError(f"{locate(row, name)} must be a finite number, or empty (got {got}); {remedy}")
    return value


def _words_of(values: np.ndarray, class_names: tuple[str, ...], options: TargetOptions, where: str) -> list[str | None]:
    """Returns the names of classes of new data that are given as numbers."""
    if not class_names and all(name.lstrip("+-").isdecimal() for name in options.outputs):
        return [None if value != value else str(int(value)) if value == int(value) else str(value) for value in values]
    names = class_names or options.outputs
    y, _ = classes_of_numbers(values, len(names), f"{where}: `y`")
    return [None if index < 0 else names[index] for index in y.tolist()]


def _like(words: Sequence[str | None], options: TargetOptions, locate: Callable[[int], str]) -> Targets:
    """Encodes classes of new data by the classes of the training data.

    Raises:
        InputError: If a class is unknown.
    """
    assert options.like is not None
    y, names = classes_of_words(words, locate, decimals=True)
    number = {name: index for index, name in enumerate(options.outputs)}
    codes = torch.tensor([number.get(name, NO_LABEL) for name in names] + [NO_LABEL])
    wrong = ((y >= 0) & (codes[y] < 0)).nonzero()
    if wrong.numel():
        row = int(wrong[0])
        listed = shown(", ".join(options.outputs[:20]))
        raise InputError(
            f"{locate(row)} must be a class of the training data, {listed} (got '{shown(names[int(y[row])])}'); "
            "correct it, or leave it empty"
        )
    return Targets(options.like.task, codes[y], options.outputs)


def one_of_defaults(available: Collection[str], options: TargetOptions, where: str) -> None:
    """Raises an error if two columns could be the target.

    Raises:
        InputError: If ``label`` and ``y`` exist, and no target is named; ``x`` and ``y`` are coordinates.
    """
    if not options.names and options.required and all(name in available for name in DEFAULTS) and "x" not in available:
        raise InputError(f"{where} has `label` and `y`, one of which is the target; name it: --set data.target=label")
