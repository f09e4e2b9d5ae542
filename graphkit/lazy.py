"""Lazy imports of the exports of a package."""

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def attach(package: str, modules: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Returns ``__getattr__`` and ``__dir__`` of a package with lazy exports.

    Args:
        package (str): Name of the package.
        modules (dict[str, str]): Full name of the module of each export.
    """

    def getattribute(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return vars(sys.modules[package]).setdefault(name, getattr(importlib.import_module(modules[name]), name))

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *modules})

    return getattribute, names
