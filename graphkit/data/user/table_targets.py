"""Targets in columns of tables."""

from collections.abc import Mapping, Sequence

from graphkit.data.user.tables import Table
from graphkit.data.user.targets import PREFIX, Level, TargetOptions, Targets, missing, targets_of_words


def targets_of_table(
    table: Table,
    columns: Mapping[str, str | None],
    options: TargetOptions,
    level: Level,
    rows: Sequence[int | None] | None = None,
) -> Targets:
    """Encodes the targets in columns of a table.

    Args:
        table (Table): The table.
        columns (dict): Column of each output, see :meth:`TargetOptions.columns`; empty for missing targets.
        options (TargetOptions): Options.
        level (str): ``"node"`` or ``"graph"``.
        rows (list[int], optional): Row of each item, ``None`` for an item without a row. (default: ``None``, all rows)

    Raises:
        InputError: If a cell does not fit the task, or there is nothing to learn.
    """
    rows = range(len(table.rows)) if rows is None else rows
    if not columns:
        return missing(options, len(rows))
    texts = {name: None if column is None else table.text(column) for name, column in columns.items()}
    return targets_of_words(
        {
            name: None if text is None else [None if row is None else text[row] for row in rows]
            for name, text in texts.items()
        },
        options,
        level,
        f"'{table.path}'",
        lambda item, name: table.locate(rows[item] or 0, columns[name] or name),
        "labels" if any((column or "").startswith(PREFIX) for column in columns.values()) else None,
    )
