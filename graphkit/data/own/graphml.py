"""A graph in GraphML, read by networkx."""

import math
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import networkx
import torch

from graphkit.data.own.fields import Fields, class_labels, masks_from_words
from graphkit.errors import InputError


def read_graphml(path: Path, label: str, ignored: frozenset[str]) -> Fields:
    """Reads a ``.graphml`` file; whether edges have a direction is what the file says.

    Args:
        path: The file.
        label: Name of the node attribute with the classes.
        ignored: Node attributes to leave out.

    Raises:
        ValueError: If the file is damaged or its content is wrong.
    """
    where = f"'{path}'"
    try:
        graph = networkx.read_graphml(path)
    except (ParseError, networkx.NetworkXError, ValueError, KeyError, UnicodeDecodeError) as error:
        raise InputError(f"{where} is no readable GraphML ({error}); write it again") from None
    names = list(graph.nodes)
    rows = [graph.nodes[name] for name in names]
    number = {name: position for position, name in enumerate(names)}
    labels = []
    for row in rows:
        value = row.get(label)
        labels.append(None if value is None or value == "" else str(value))
    if not any(name is not None for name in labels):
        found = ", ".join(sorted({key for row in rows for key in row})) or "none"
        raise InputError(
            f"{where}: no node has an attribute '{label}' (found: {found}); add it, or name another: "
            "--set data.label=NAME"
        )
    y, class_names = class_labels(labels)
    keys = sorted({key for row in rows for key in row} - {label, "split"} - ignored)
    features = [[_feature(where, name, row, key) for key in keys] for name, row in zip(names, rows, strict=True)]
    words = [str(row.get("split") or "") for row in rows]
    masks = masks_from_words(words, where) if any(words) and "split" not in ignored else None
    ends = list(graph.edges(data="weight"))
    weights = [weight for *_, weight in ends]
    edge_index = torch.tensor([[number[u] for u, _, _ in ends], [number[v] for _, v, _ in ends]], dtype=torch.long)
    weight = None
    if weights and all(isinstance(value, int | float) for value in weights):
        weight = torch.tensor(weights, dtype=torch.float)
    elif any(value is not None for value in weights):
        raise InputError(f"{where}: not every edge has a numeric attribute 'weight'; complete it, or remove it")
    return Fields(
        where,
        len(names),
        edge_index,
        torch.tensor(features, dtype=torch.float) if keys else None,
        y,
        class_names,
        masks,
        weight,
        tuple(map(str, names)),
        graph.is_directed(),
    )


def _feature(where: str, node: Any, row: dict[str, Any], key: str) -> float:
    value = row.get(key)
    if not isinstance(value, int | float) or not math.isfinite(value):
        got = "none" if value is None else f"'{value}'"
        raise InputError(
            f"{where}: the attribute '{key}' of node '{node}' must be a finite number (got {got}); correct it, or "
            f"leave the attribute out with ignore={key}"
        )
    return float(value)
