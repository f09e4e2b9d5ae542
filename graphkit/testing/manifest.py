"""Generator of ``graphkit/manifest.json``, run with ``make manifest``."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import graphkit
from graphkit.cli import datasets, models
from graphkit.files import write_atomically
from graphkit.registry import MANIFEST, REGISTRIES, get_dataset

#: Fields of a data source that are listed.
SOURCE = ("folder", "raw", "files", "address", "optional", "citation", "license", "num_bytes")


def build_manifest() -> dict[str, dict[str, dict[str, Any]]]:
    """Returns the content of the manifest: registered entries by kind and name."""
    content: dict[str, dict[str, dict[str, Any]]] = {}
    for registry in REGISTRIES:
        rows = content.setdefault(registry.kind, {})
        for name, entry in sorted(registry.discover().items()):
            module = _module_of(entry, registry.packages)
            if module is not None:  # skips entries registered by users and tests
                rows[name] = {"module": module, **_listed(registry.kind, name)}
    return json.loads(json.dumps(content))


def _module_of(entry: Any, packages: Sequence[str]) -> str | None:
    """Returns the package module that defines an entry, or ``None``."""
    holder = getattr(entry, "load", entry)
    modules = {name: module for name, module in sys.modules.items() if name.rpartition(".")[0] in packages}
    if hasattr(holder, "__qualname__"):  # a class or a function
        return holder.__module__ if holder.__module__ in modules else None
    return next((name for name, module in modules.items() if any(v is holder for v in vars(module).values())), None)


def _listed(kind: str, name: str) -> dict[str, Any]:
    """Returns the listed properties of an entry."""
    if kind == "model":
        return models.describe(name)
    if kind == "data set":
        entry = get_dataset(name)
        source = {key: getattr(entry.source, key) for key in SOURCE}
        benchmark = {} if entry.benchmark is None else {"benchmark": asdict(entry.benchmark)}
        return {"task": entry.task, "source": source, **benchmark, **datasets.describe(name)}
    return {}


def main() -> None:
    """Writes the manifest."""
    path = Path(graphkit.__file__).with_name(MANIFEST)
    text = json.dumps(build_manifest(), indent=1, ensure_ascii=False) + "\n"
    write_atomically(path, lambda temporary: Path(temporary).write_text(text, encoding="utf-8"))


if __name__ == "__main__":
    main()
