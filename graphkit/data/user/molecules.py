"""Reader of tables of molecules as SMILES strings."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch_geometric.data import Data

from graphkit.data.checks import check_labeled, check_splits
from graphkit.data.collection import GraphCollection
from graphkit.data.dataset import GraphDataset, Rejected, Split
from graphkit.data.dataset_info import check_options
from graphkit.data.smiles import MoleculeEncoder, parse_smiles, rejected_note, require_rdkit
from graphkit.data.splits import splits_from_masks
from graphkit.data.user.array_checks import shown
from graphkit.data.user.fields import masks_from_words, unused_note
from graphkit.data.user.table_targets import targets_of_table
from graphkit.data.user.tables import SUFFIXES, Table
from graphkit.data.user.targets import TargetOptions, Targets, TaskOption
from graphkit.errors import InputError
from graphkit.registry import unknown_name
from graphkit.settings import Setting, signature_settings

#: Tables of other data, without suffix.
OTHER_TABLES = ("edges", "nodes", "labels")
#: Columns with the SMILES strings and with the ids unless others are named: letters only, in lower case.
SMILES_NAMES = ("smiles", "canonicalsmiles", "isomericsmiles")
ID_NAMES = ("id", "molid", "moleculeid", "compoundid", "cid", "name", "compound")


def holds_molecules(path: Path) -> bool:
    """Returns whether a path is that of a table of molecules."""
    return path.suffix.lower() in SUFFIXES and path.stem.lower() not in OTHER_TABLES and not path.is_dir()


def molecule_options() -> dict[str, Setting]:
    """Returns the options for a table of molecules, with types and defaults."""
    return signature_settings(_read, ("path", "use_split", "like"))


def load_molecules(
    path: Path, options: Mapping[str, Any], use_split: bool = True, like: GraphDataset | None = None
) -> GraphDataset:
    """Loads a table of molecules with RDKit.

    Args:
        path (Path): CSV or TSV file.
        options (dict): Options by name, see :func:`molecule_options`.
        use_split (bool, optional): Reads the column ``split``; otherwise the result has no splits. (default: ``True``)
        like (GraphDataset, optional): Training data, for new data: their task, classes and encoding of atoms apply, and
            targets are optional. (default: ``None``)

    Raises:
        FileNotFoundError: If the file does not exist.
        InputError: If an option or the content of the file is invalid.
        MissingPackageError: If RDKit is not installed.
    """
    options = check_options(path.name, molecule_options(), options)
    return _read(path, use_split and like is None, like, **options)


def _read(
    path: Path,
    use_split: bool,
    like: GraphDataset | None = None,
    *,
    smiles: str = "",
    task: TaskOption | None = None,
    target: str = "",
    id: str = "",  # noqa: A002 (the name of the option)
) -> GraphDataset:
    """Reads a table of molecules.

    Args:
        path (Path): The file.
        use_split (bool): Reads the column ``split``.
        like (GraphDataset, optional): Training data, for new data. (default: ``None``)
        smiles (str, optional): Column with the SMILES strings; empty for a column such as ``smiles``. (default:
            ``""``)
        task (str, optional): Name of the task, or ``"classification"`` or ``"regression"``. (default: ``None``,
            inferred from the targets)
        target (str, optional): Columns with the targets, separated by commas; empty for ``label`` or ``y``. (default:
            ``""``)
        id (str, optional): Column with a unique id for each row; empty for a column such as ``id`` or ``name``, or the
            number of the row from 0. (default: ``""``)
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file '{path}'; check the path, or give the name of a data set")
    if like is not None and not isinstance(like.encoder, MoleculeEncoder):
        raise InputError(
            f"'{path}' is read as a table of molecules, and the training data of {like.name} have graphs; give graphs, "
            "such as a folder with nodes.csv and edges.csv"
        )
    require_rdkit(f"the table of molecules '{path}'")
    table = Table(path, keep_empty=True)
    where = f"'{path}'"
    options = TargetOptions.read(target, task, like)
    column, notes = _smiles_column(table, smiles, like is not None)
    ids, id_column, id_notes = _ids(table, id, column)
    graphs, rows, rejected = _parse(table, column, ids)
    _check_rejected(where, column, rejected, len(rows), like)
    columns = _target_columns(table, options, (column, "split"))
    targets = targets_of_table(table, columns, options, "graph", rows)
    splits = _splits(table, rows, ids, targets) if use_split and "split" in table.columns else ()
    collection = GraphCollection.from_list(graphs)
    x, edge_attr = collection.node["x"], collection.edge["edge_attr"]
    encoder = MoleculeEncoder.fit(x, edge_attr) if like is None else like.encoder
    assert isinstance(encoder, MoleculeEncoder)
    collection.node["x"], collection.edge["edge_attr"], unseen = encoder.encode_parsed(x, edge_attr)
    collection.graph["y"] = targets.y
    used = {column, id_column, "split", *columns.values()}
    return GraphDataset(
        name=path.stem,
        task=targets.task,
        graphs=collection,
        splits=splits,
        num_features=collection.node["x"].size(1),
        num_outputs=len(targets.names),
        metric=targets.metric if like is None else like.metric,
        class_names=targets.names,
        graph_names=tuple(ids[row] for row in rows),
        citation=f"read from {path.resolve()}",
        notes=(
            *table.notes,
            *notes,
            *id_notes,
            *rejected_note(where, rejected, len(rows), *([""] if like is not None else [])),
            *targets.notes,
            *unused_note(where, tuple(shown(name) for name in table.columns if name not in used)),
            *_unseen_note(where, unseen),
        ),
        smiles=tuple(table.require(column)[row] for row in rows),
        rejected=rejected,
        encoder=encoder,
    )


def _smiles_column(table: Table, name: str, new: bool) -> tuple[str, tuple[str, ...]]:
    """Returns the column with the SMILES strings, and a note if it was not named.

    Args:
        table (Table): The table.
        name (str): Name of the column, or empty.
        new (bool): The molecules are new data, whose column may have another usual name.

    Raises:
        InputError: If there is none.
    """
    if name in table.columns:
        return name, ()
    if name and not new:
        raise InputError(f"'{table.path}': {unknown_name('column', shown(name), table.columns)}")
    column = _first(table.columns, SMILES_NAMES)
    if column is None:
        listed = shown(", ".join(table.columns[:100]))
        remedy = (
            "rename the column with the SMILES strings to smiles"
            if new
            else "name the column with the SMILES strings: --smiles COLUMN, in Python smiles='COLUMN' (a graph is two "
            "tables, nodes and edges)"
        )
        raise InputError(f"'{table.path}' has no column 'smiles' (found: {listed}); {remedy}")
    return column, (f"'{table.path}': the SMILES strings are in the column `{column}`",)


def _ids(table: Table, name: str, smiles: str) -> tuple[list[str], str, tuple[str, ...]]:
    """Returns the ids of all rows, their column (empty for row numbers), and a note.

    Raises:
        InputError: If the column does not exist, or an id is empty or not unique.
    """
    numbers = [str(row) for row in range(len(table.rows))]
    if name and name not in table.columns:
        raise InputError(f"'{table.path}': {unknown_name('column', shown(name), table.columns)}")
    if not name and len({*table.row_names}) == len(numbers) and all(table.row_names):
        table.use_row_names("id")
    column = name or _first([other for other in table.columns if other != smiles], ID_NAMES)
    if not column:
        return numbers, "", ()
    ids, first = table.require(column), dict[str, int]()
    for row, text in enumerate(ids):
        if text and first.setdefault(text, row) == row:
            continue
        if not name and column.lower() != "id":
            note = f"'{table.path}': the ids are the numbers of the rows, since `{shown(column)}` is not unique"
            return numbers, column, (note,)
        rule = f"must be unique (got '{shown(text)}', as in line {table.lines[first[text]]})" if text else "is empty"
        raise InputError(f"{table.locate(row, column)} {rule}; give each row an id of its own, or rename the column")
    return ids, column, ()


def _first(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """Returns the first column with one of some names, in the order of the names."""
    letters = {re.sub(r"[^a-z]", "", column.lower()): column for column in reversed(columns)}
    return next((letters[name] for name in names if name in letters), None)


def _parse(table: Table, column: str, ids: Sequence[str]) -> tuple[list[Data], list[int], tuple[Rejected, ...]]:
    """Returns the graphs, the rows of their molecules, and the rejected rows."""
    graphs, rows, rejected = [], [], []
    for row, text in enumerate(table.require(column)):
        data = parse_smiles(text)
        if isinstance(data, str):
            rejected.append(Rejected(ids[row], text, data, row, table.lines[row]))
        else:
            graphs.append(data)
            rows.append(row)
    return graphs, rows, tuple(rejected)


def _check_rejected(
    where: str, column: str, rejected: Sequence[Rejected], molecules: int, like: GraphDataset | None
) -> None:
    """Raises an error if there are no molecules, or too few in training data.

    Raises:
        InputError: If so.
    """
    if not molecules and not rejected:
        raise InputError(f"{where} has no molecule; write one line for each below the header")
    if not molecules or (like is None and len(rejected) > molecules):
        first = rejected[0]
        raise InputError(
            f"{where}: {len(rejected)} of {len(rejected) + molecules} rows have no molecule (line {first.line}: "
            f"'{shown(first.text)}', {first.reason}); is `{shown(column)}` the column with the SMILES strings? "
            + ("Name another: --smiles COLUMN" if like is None else "Rename another to smiles")
        )


def _target_columns(table: Table, options: TargetOptions, others: Sequence[str]) -> dict[str, str | None]:
    """Returns the column of each output, see :meth:`TargetOptions.columns`.

    Raises:
        InputError: If a column does not exist, or no target is named.
    """
    available = [name for name in table.columns if name not in others]
    columns = options.columns(available)
    if options.like is None:
        for name, column in columns.items():
            if column is None:
                raise InputError(f"'{table.path}': {unknown_name('column', shown(name), available)}")
        if not columns:
            listed = shown(", ".join(available[:100]))
            raise InputError(
                f"'{table.path}' has no column 'label' (found: {listed}); name the targets: --target A,B, in Python "
                "target='A,B'"
            )
    return columns


def _splits(table: Table, rows: Sequence[int], ids: Sequence[str], targets: Targets) -> tuple[Split, ...]:
    """Returns the split of the column ``split``.

    Raises:
        InputError: If a word is invalid, a part is empty, or a molecule of a part has no target.
    """
    words, where = table.require("split"), f"'{table.path}'"
    masks = masks_from_words([words[row] for row in rows], where, "molecule", lambda i: table.locate(rows[i], "split"))
    splits = splits_from_masks(*masks)
    check_splits(splits, len(rows), where=where, item="molecule", own=True)
    check_labeled(splits, targets.y, where, "molecule", [ids[row] for row in rows])
    return splits


def _unseen_note(where: str, names: Sequence[str]) -> tuple[str, ...]:
    """Returns the note on properties with values that the training data lack."""
    if not names:
        return ()
    return (f"{where}: values of {', '.join(names)} that the training data do not have are encoded as zeros",)
