"""Reader of graphs in GraphML, GEXF and GML, with networkx."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from graphkit.data.labels import is_no_label
from graphkit.data.user.array_checks import shown
from graphkit.data.user.encoder import Columns
from graphkit.data.user.fields import Fields, absent_note, masks_from_words
from graphkit.data.user.targets import DEFAULTS, TargetOptions, Targets, missing, one_of_defaults, targets_of_words
from graphkit.errors import InputError
from graphkit.files import PARSER_ERRORS, parsing

if TYPE_CHECKING:
    import networkx

#: Names of the formats by suffix.
FORMATS = {".graphml": "GraphML", ".gexf": "GEXF", ".gml": "GML"}


def read_graphml(path: Path, ignored: frozenset[str], options: TargetOptions) -> Fields:
    """Reads a ``.graphml``, ``.gexf`` or ``.gml`` file, with the direction of edges.

    Args:
        path (Path): The file.
        ignored (set[str]): Attributes of nodes and edges to ignore.
        options (TargetOptions): Selection of the targets.

    Raises:
        InputError: If the file is damaged or its content is invalid.
    """
    import networkx

    kind = FORMATS[path.suffix.lower()]
    content = path.read_bytes()
    if kind != "GML" and b"<!ENTITY" in content:
        raise InputError(f"'{path}' defines XML entities, which are not supported; remove them")
    with parsing(path, kind=f"as {kind}", errors=(*PARSER_ERRORS, networkx.NetworkXException)):
        if kind == "GML":
            graph = _parse_gml(content.decode("utf-8-sig"))
        else:
            graph = networkx.read_graphml(path) if kind == "GraphML" else networkx.read_gexf(path)
    return fields_of_networkx(graph, f"'{path}'", ignored, options, names_as_labels=kind != "GraphML")


def _parse_gml(text: str) -> "networkx.Graph":
    """Parses GML, also with parallel edges and with labels that are not unique."""
    import networkx

    text = re.sub(r"\bgraph\s*\[", "graph [ multigraph 1 ", text, count=1)
    try:
        return networkx.parse_gml(text)
    except networkx.NetworkXError as error:
        if "'label'" not in str(error) and "node label" not in str(error):
            raise
        return networkx.parse_gml(text, label="id")


def fields_of_networkx(
    graph: "networkx.Graph",
    where: str,
    ignored: frozenset[str],
    options: TargetOptions,
    names_as_labels: bool = False,
) -> Fields:
    """Reads a networkx graph.

    Args:
        graph (networkx.Graph): The graph.
        where (str): Name of the file, for error messages.
        ignored (set[str]): Attributes of nodes and edges to ignore.
        options (TargetOptions): Selection of the targets.
        names_as_labels (bool, optional): The format stores the displayed names of nodes as ``label``, which is only
            read if it differs from the id, and no other target is named. (default: ``False``)

    Raises:
        InputError: If the content is invalid.
    """
    names = list(graph.nodes)
    if not names:
        raise InputError(f"{where} has no node; a graph needs at least one node")
    nested = {str(key) for _, row in graph.nodes(data=True) for key, value in row.items() if _is_nested(value)}
    left_out = nested
    if names_as_labels and all(row.get("label") in (None, name, str(name)) for name, row in graph.nodes(data=True)):
        left_out = {*nested, "label"}
    elif names_as_labels and "label" not in (options.names or DEFAULTS):
        left_out = nested = {*nested, "label"}
    rows: list[dict[str, Any]] = [
        {str(key): value for key, value in graph.nodes[name].items() if str(key) not in left_out} for name in names
    ]
    number = {name: position for position, name in enumerate(names)}
    attributes = sorted({key for row in rows for key in row})
    available = [key for key in attributes if key not in ignored]
    one_of_defaults(available, options, where)
    columns = options.columns(available, series=True)
    targets = _targets(where, names, rows, columns, options)
    keys = [key for key in available if key not in (*columns.values(), "split")]
    parts = [_word(row.get("split")) for row in rows]
    masks = None
    if "split" not in ignored and not all(map(is_no_label, parts)):
        masks = masks_from_words(parts, where, locate=lambda node: _place(where, names[node], "split"))
    ends = list(graph.edges(data=True))
    edge_index = torch.tensor([[number[u] for u, _, _ in ends], [number[v] for _, v, _ in ends]], dtype=torch.long)
    keys_of_edges = {str(key) for *_, row in ends for key in row}
    series = [] if "edge_attr" in ignored else _edge_attributes(sorted(keys_of_edges), ends)
    unused = sorted((keys_of_edges | nested) - {"weight", "id", *series} - ignored)
    absent = ignored - keys_of_edges - left_out - {*attributes, "label", "weight", "edge_attr"}
    return Fields(
        where=where,
        num_nodes=len(names),
        edge_index=edge_index,
        x=None,
        targets=targets,
        masks=masks,
        edge_weight=None if "weight" in ignored else _weights(where, ends),
        edge_attr=torch.tensor([[float(row[key]) for key in series] for *_, row in ends]) if series else None,
        node_names=tuple(map(str, names)),
        directed=graph.is_directed(),
        unused=tuple(map(shown, unused)),
        notes=tuple(absent_note(where, absent, options.like is not None)),
        graph={str(key): value for key, value in graph.graph.items() if not _is_nested(value) and key != "mode"},
        columns=Columns(
            names=tuple(keys),
            cells=tuple([_word(row.get(key)) for row in rows] for key in keys),
            where=where,
            locate=lambda node, key: _place(where, names[node], key),
            ignored=ignored,
            kind="attribute",
        ),
    )


def _targets(
    where: str,
    names: list[Any],
    rows: list[dict[str, Any]],
    columns: dict[str, str | None],
    options: TargetOptions,
) -> Targets:
    """Returns the encoded targets.

    Raises:
        InputError: If there is no target, or it is invalid.
    """
    words = {
        name: None if column is None else [_word(row.get(column)) for row in rows] for name, column in columns.items()
    }
    absent = [name for name, cells in words.items() if cells is None or all(map(is_no_label, cells))]
    if options.required and (absent or not columns):
        listed = shown(", ".join(sorted({key for row in rows for key in row}))) or "none"
        raise InputError(
            f"{where}: no node has a label in the attribute '{shown((absent or DEFAULTS)[0])}' (found: {listed}); add "
            "it, or name another: --set data.target=NAME"
        )
    if not columns:
        return missing(options, len(rows))
    return targets_of_words(
        words, options, "node", where, lambda node, name: _place(where, names[node], columns[name] or name)
    )


def _edge_attributes(keys: list[str], ends: list[tuple[Any, Any, dict[str, Any]]]) -> list[str]:
    """Returns ``edge_attr``, or ``edge_attr_0`` and so on, if all edges have them."""
    keys = [key for key in keys if key == "edge_attr" or re.fullmatch(r"edge_attr_\d+", key)]
    return keys if all(_is_finite(row.get(key)) for *_, row in ends for key in keys) else []


def _weights(where: str, ends: list[tuple[Any, Any, dict[str, Any]]]) -> Tensor | None:
    """Returns the edge attribute ``weight``, if present."""
    weights = [row.get("weight") for *_, row in ends]
    if all(value is None for value in weights):
        return None
    for (source, target, _), value in zip(ends, weights, strict=True):
        if not _is_finite(value):
            got = "none" if value is None else f"'{shown(value)}'"
            raise InputError(
                f"{where}: not every edge has a numeric attribute 'weight': that of the edge from '{shown(source)}' to "
                f"'{shown(target)}' must be a finite number (got {got}); complete it, or remove it"
            )
    return torch.tensor([float(value) for value in weights if value is not None], dtype=torch.float)


def _is_nested(value: Any) -> bool:
    """Returns whether a value is neither a number nor text, such as colors in GEXF."""
    return isinstance(value, dict | list | tuple)


def _word(value: Any) -> str:
    return "" if value is None else str(value)


def _place(where: str, node: Any, key: str) -> str:
    return f"{where}: the attribute '{shown(key)}' of node '{shown(node)}'"


def _is_finite(value: Any) -> bool:
    """Returns whether a value is a finite number in single precision."""
    return isinstance(value, int | float) and abs(value) <= torch.finfo(torch.float).max
