"""Encoder of node features: numbers, booleans, one-hot words, missing values."""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from graphkit.data.dataset import GraphDataset
from graphkit.data.labels import is_no_label
from graphkit.data.user.array_checks import shown
from graphkit.data.user.fields import ignore_option
from graphkit.data.user.numbers import number_of, other_way
from graphkit.errors import InputError

#: Largest number of different words of a column; each is one feature.
MAX_WORDS = 50
#: Smallest number of nodes for which words that are all different are taken for names.
MIN_NAMES = 10
#: Words of boolean columns, in lower case.
BOOLEANS = {"false": 0.0, "no": 0.0, "true": 1.0, "yes": 1.0}
#: Largest finite number in single precision.
LARGEST = torch.finfo(torch.float).max
IMPUTE = "fill gaps by the training mean: --set data.impute=mean, in Python impute='mean'"
STRUCTURAL = "--set data.features=structural, in Python features='structural'"


class FeatureOptions(NamedTuple):
    """Options of features.

    Args:
        features (str): ``"structural"``, or empty for the features of the file.
        impute (str): ``"mean"`` keeps missing values until :func:`impute`; ``"none"`` rejects them.
        encoder (FeatureEncoder, optional): Encoder of the training data, which new data must fit.
    """

    features: str = ""
    impute: str = "none"
    encoder: "FeatureEncoder | None" = None

    @classmethod
    def read(cls, features: str, impute: str, like: GraphDataset | None) -> "FeatureOptions":
        """Creates the options; those of the training data apply to new data.

        Args:
            features (str): Option of the user.
            impute (str): Option of the user.
            like (GraphDataset, optional): Training data.
        """
        encoder = None if like is None else like.encoder
        if not isinstance(encoder, FeatureEncoder):
            return cls(features, impute)
        return cls("structural" if encoder.structural else "", encoder.impute, encoder)

    @property
    def structural(self) -> bool:
        """``True`` for structural features."""
        return self.features == "structural"


class Columns(NamedTuple):
    """Node features as text cells.

    Args:
        names (tuple[str, ...]): Names of the columns.
        cells (tuple[list[str], ...]): Cells of each column; empty or words for missing values are allowed.
        where (str): Name of the file, for error messages.
        locate (callable): Describes the position of a node's cell in a column, with a colon if needed.
        ignored (frozenset[str]): Columns that are ignored.
        kind (str): Term for a column, such as ``"attribute"``.
    """

    names: tuple[str, ...]
    cells: tuple[Sequence[str], ...]
    where: str
    locate: Callable[[int, str], str]
    ignored: frozenset[str] = frozenset()
    kind: str = "column"


class Column(NamedTuple):
    """Encoding of a column: its kind, and the words of a text column.

    Args:
        name (str): Name.
        kind (str): ``"number"``, ``"boolean"`` or ``"words"``.
        words (tuple[str, ...]): Sorted words, one feature each.
    """

    name: str
    kind: Literal["number", "boolean", "words"]
    words: tuple[str, ...] = ()


@dataclass(frozen=True)
class FeatureEncoder:
    """Encoding of the node features of the training data, for new data.

    Args:
        width (int): Number of features.
        columns (tuple[Column, ...], optional): Named columns; empty for arrays. (default: ``()``)
        structural (bool, optional): The features are structural. (default: ``False``)
        impute (str, optional): ``"mean"`` if missing values are filled. (default: ``"none"``)
        fill (tuple[float, ...], optional): Value of each feature for missing ones: the mean over the training nodes of
            the first split. (default: ``()``, not computed)
    """

    width: int
    columns: tuple[Column, ...] = ()
    structural: bool = False
    impute: str = "none"
    fill: tuple[float, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, such as ``("age", "city=Rome")``; empty for arrays."""
        if self.structural:
            return "one", "log1p(in-degree)"
        return tuple(
            name
            for column in self.columns
            for name in ([f"{column.name}={word}" for word in column.words] or [column.name])
        )

    @classmethod
    def fit(cls, columns: Columns, impute: str = "none", words: bool = True) -> "FeatureEncoder":
        """Determines the kind of each column.

        Args:
            columns (Columns): The columns.
            impute (str, optional): ``"mean"`` to accept missing values. (default: ``"none"``)
            words (bool, optional): Accepts text columns. (default: ``True``)

        Raises:
            InputError: If a column is neither numeric nor boolean nor of a few words; the message contains the option
                to ignore all such columns.
        """
        fitted, problems = [], {}
        for name, cells in zip(columns.names, columns.cells, strict=True):
            try:
                column = _fit(name, cells, columns)
                if column.words and not words:
                    where = f"{columns.where}, {columns.kind} '{shown(name)}':"
                    raise _Problem(f"{where} must hold numbers, as the training data do (got text); convert it")
                fitted.append(column)
            except _Problem as problem:
                problems[name] = str(problem)
        if problems:
            ignore = ignore_option(problems, columns.ignored)
            raise InputError(f"{next(iter(problems.values()))}, or leave the {columns.kind} out: {ignore}")
        return cls(sum(len(column.words) or 1 for column in fitted), tuple(fitted), impute=impute)

    def encode(self, columns: Columns, new: bool = False) -> tuple[Tensor, tuple[str, ...]]:
        """Encodes columns.

        Args:
            columns (Columns): The columns.
            new (bool, optional): They are not those of :meth:`fit`, for error messages. (default: ``False``)

        Returns:
            Features ``[N, width]``, NaN for missing values, and notes on columns that are not used.

        Raises:
            InputError: If a column is missing, a cell has another type or word than in the data of :meth:`fit`, or a
                value is missing and cannot be filled.
        """
        cells = dict(zip(columns.names, columns.cells, strict=True))
        blocks, gaps = [], {}
        for column in self.columns:
            if column.name not in cells:
                raise InputError(
                    f"{columns.where} has no {columns.kind} '{shown(column.name)}', which is a feature of the training "
                    "data; add it"
                )
            blocks.append(_encode(column, cells[column.name], columns))
            missing = blocks[-1][:, 0].isnan()
            if self.impute == "none" and bool(missing.any()):
                gaps[column.name] = int(missing.nonzero()[0])
        if gaps:
            name, row = next(iter(gaps.items()))
            remedy = f"{IMPUTE}, or leave the {columns.kind} out: {ignore_option(gaps, columns.ignored)}"
            if new:
                remedy = "train with --set data.impute=mean, in Python impute='mean'"
            got = f"'{shown(cells[name][row])}'" if cells[name][row] else "none"
            raise InputError(f"{columns.locate(row, name)} must have a value (got {got}); complete it, or {remedy}")
        extra = [f"`{shown(name)}`" for name in columns.names if name not in {column.name for column in self.columns}]
        notes = (f"{columns.where}: not used, since the training data have no such {columns.kind}: {', '.join(extra)}",)
        count = len(columns.cells[0]) if columns.cells else 0
        x = torch.cat(blocks, dim=1) if blocks else torch.empty(count, 0)
        return x, notes if extra else ()

    def check_width(self, width: int, where: str) -> None:
        """Raises an error for another number of features.

        Raises:
            InputError: If the width differs.
        """
        if width != self.width:
            raise InputError(
                f"{where}: the nodes must have {self.width} features, as in the training data (got {width}); give the "
                "same ones in the same order"
            )

    def check(self, x: Tensor, where: str, names: Sequence[str] = ()) -> Tensor:
        """Returns features of new data with missing values filled.

        Raises:
            InputError: If the width differs, or a value is missing and cannot be filled.
        """
        self.check_width(x.size(1), where)
        return _filled(x, self.fill) if self.fill else x if self.impute == "mean" else without_gaps(x, where, names)


def impute(dataset: GraphDataset) -> GraphDataset:
    """Fills missing features by their mean over the training nodes of the first split.

    Data sets without ``impute="mean"`` are returned unchanged.

    Raises:
        InputError: If a feature has no value in the training part.
    """
    encoder = dataset.encoder
    if not isinstance(encoder, FeatureEncoder) or encoder.impute != "mean" or encoder.structural or encoder.fill:
        return dataset
    graphs, items = dataset.collection, dataset.splits[0].train
    x = dataset.graphs[0].x if graphs is None else graphs.node["x"]
    if graphs is None:
        rows = x[items]
    else:
        chosen = torch.zeros(len(graphs), dtype=torch.bool).index_fill_(0, items, True)
        rows = x[chosen.repeat_interleave(graphs.num_nodes)]
    fill = rows.double().nanmean(dim=0).float()
    absent = fill.isnan().nonzero().view(-1)
    if absent.numel():
        column = int(absent[0])
        name = f"'{shown(encoder.names[column])}'" if encoder.names else str(column)
        raise InputError(
            f"{dataset.name}: the feature {name} must have a value in the training part (got none); fill it, or draw "
            "another split with --split-seed 1"
        )
    gaps = int(x.isnan().sum())
    note = (f"{dataset.name}: missing features: {gaps}, filled by the mean of the training part of the first split",)
    dataset = dataset.replace(
        encoder=replace(encoder, fill=tuple(fill.tolist())), notes=dataset.notes + (note if gaps else ())
    )
    if not gaps:
        return dataset
    x = _filled(x, fill.tolist())
    if graphs is None:
        data = copy(dataset.graphs[0])
        data.x = x
        return dataset.replace(graphs=(data,))
    graphs = copy(graphs)
    graphs.node = {**graphs.node, "x": x}
    return dataset.replace(graphs=graphs)


def structural_features(edge_index: Tensor, num_nodes: int) -> Tensor:
    """Returns a one and ``log1p`` of the in-degree of each node ``[N, 2]``."""
    degree = torch.bincount(edge_index[1], minlength=num_nodes).float()
    return torch.stack([torch.ones_like(degree), torch.log1p(degree)], dim=1)


def encode_features(
    x: Tensor | None, columns: Columns | None, where: str, options: FeatureOptions, names: Sequence[str] = ()
) -> tuple[Tensor | None, FeatureEncoder, tuple[str, ...]]:
    """Encodes the features of a file, or validates its array of features.

    Args:
        x (Tensor, optional): ``[N, F]``, features of an array, NaN for missing values.
        columns (Columns, optional): Features as text cells, instead of ``x``.
        where (str): Name of the file, for error messages.
        options (FeatureOptions): Options.
        names (list[str], optional): Names of the nodes, for error messages. (default: ``()``)

    Returns:
        Features ``[N, F]``, or ``None`` for structural ones; their encoder; and notes.

    Raises:
        InputError: If there are no features, a feature is invalid, or new data do not fit the training data.
    """
    like = options.encoder
    empty = not columns.names if columns is not None else x is None or not x.size(1)
    if options.structural:
        unused = f"{where}: its features are not used, because of `data.features=structural`"
        return None, like or FeatureEncoder(2, structural=True), () if empty else (unused,)
    if empty:
        what = f"as the training data do (features: {shown(', '.join(like.names) or like.width)})" if like else ""
        remedy = "add them" if like else f"add some, or take the degree of each node: {STRUCTURAL}"
        raise InputError(f"{where}: the nodes must have features{' ' if what else ''}{what} (got none); {remedy}")
    notes: tuple[str, ...] = ()
    if columns is not None:
        if like is not None and like.columns:
            encoder = like
        else:
            encoder = FeatureEncoder.fit(columns, options.impute, words=like is None)
        x, notes = encoder.encode(columns, new=like is not None)
    else:
        assert x is not None
        encoder = like or FeatureEncoder(x.size(1), impute=options.impute)
    return (like or encoder).check(x, where, names), like or encoder, notes


class _Problem(Exception):
    """Column that cannot be encoded."""


def _fit(name: str, cells: Sequence[str], columns: Columns) -> Column:
    """Determines the kind of a column.

    Raises:
        _Problem: If it has none.
    """
    if _plain_numbers(cells) is not None:
        return Column(name, "number")
    where = f"{columns.where}, {columns.kind} '{shown(name)}':"
    words = [word for word in dict.fromkeys(cells) if not is_no_label(word, regression=True)]
    if not words:
        raise _Problem(f"{where} must have values (got none in {len(cells)} rows); fill it")
    values = {word: number_of(word) for word in words}
    wrong = next((word for word, value in values.items() if value is not None and not abs(value) <= LARGEST), None)
    text = [word for word, value in values.items() if value is None]
    if not text and wrong is None:
        return Column(name, "number")
    if all(word.lower() in BOOLEANS for word in words):
        return Column(name, "boolean")
    if text and (way := other_way(words)):
        where = columns.locate(cells.index(text[0]), name)
        raise _Problem(f"{where} must be a number (got '{shown(text[0])}', {way[0]}); {way[1]}")
    if len(text) < len(words):
        word = text[0] if text and (wrong is None or cells.index(text[0]) < cells.index(wrong)) else wrong
        rule = "must be a finite number" if word == wrong else "must be a number"
        raise _Problem(f"{columns.locate(cells.index(word), name)} {rule} (got '{shown(word)}'); correct it")
    if len(words) > MAX_WORDS:
        raise _Problem(f"{where} must have at most {MAX_WORDS} different words (got {len(words)}); write numbers")
    if len(words) == len(cells) >= MIN_NAMES:
        got = f"got {len(words)} different ones, like names"
        raise _Problem(f"{where} must have words that nodes share ({got}); write numbers")
    return Column(name, "words", tuple(sorted(words)))


def _plain_numbers(cells: Sequence[str]) -> Tensor | None:
    """Returns cells as numbers; ``None`` if one is not a finite number."""
    try:
        values = torch.tensor([float(cell) for cell in cells], dtype=torch.double)
    except ValueError:
        return None
    in_range = not values.numel() or bool((values.abs() <= LARGEST).all())
    return values.float() if in_range and not any("_" in cell for cell in cells) else None


def _encode(column: Column, cells: Sequence[str], columns: Columns) -> Tensor:
    """Encodes a column ``[N, width]``; NaN for missing values.

    Raises:
        InputError: If a cell does not fit.
    """
    if column.kind == "number" and (numbers := _plain_numbers(cells)) is not None:
        return numbers.unsqueeze(1)
    code: dict[str, float | None] = {}
    for word in dict.fromkeys(cells):
        if is_no_label(word, regression=True):
            code[word] = float("nan")
        elif column.kind == "number":
            code[word] = value if (value := number_of(word)) is not None and abs(value) <= LARGEST else None
        elif column.kind == "boolean":
            code[word] = BOOLEANS.get(word.lower())
        else:
            code[word] = float(column.words.index(word)) if word in column.words else None
        if code[word] is None:
            expected = {
                "number": "a finite number",
                "boolean": "true or false",
                "words": f"one of the words of the training data, {shown(', '.join(column.words))}",
            }[column.kind]
            where = columns.locate(list(cells).index(word), column.name)
            raise InputError(f"{where} must be {expected} (got '{shown(word)}'); correct it")
    values = torch.tensor([code[cell] for cell in cells], dtype=torch.float)
    if column.kind != "words":
        return values.unsqueeze(1)
    gaps = values.isnan()
    block = torch.nn.functional.one_hot(values.nan_to_num().long(), len(column.words)).float()
    return block.masked_fill(gaps.unsqueeze(1), float("nan"))


def _filled(x: Tensor, fill: Sequence[float]) -> Tensor:
    """Replaces NaN by the value of its column."""
    return torch.where(x.isnan(), torch.tensor(fill, dtype=x.dtype), x)


def without_gaps(x: Tensor, where: str, names: Sequence[str] = ()) -> Tensor:
    """Returns features without missing values.

    Raises:
        InputError: If there is one.
    """
    if not bool(x.sum().isnan()):  # the sum allocates no mask
        return x
    gaps = x.isnan().nonzero()
    if not gaps.numel():
        return x
    node, column = gaps[0].tolist()
    raise InputError(
        f"{where}: feature {column} of node {shown(names[node]) if names else node} must be a finite number (got nan; "
        f"{gaps.size(0)} such values in all); replace it, or {IMPUTE}"
    )
