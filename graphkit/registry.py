"""The one way to find a model, a data set, a joint layout, a strategy or a distillation loss by name.

A decorator on the class or function is the whole registration, and adding a model means adding one file. The file
``manifest.json`` says which module holds which name, so that names are listed without importing PyTorch and only the
module that holds a name is imported. ``make manifest`` writes it; a name that it lacks is looked for in all modules.
"""

import difflib
import importlib
import json
import pkgutil
from collections.abc import Callable, Iterable
from functools import cache
from importlib import resources
from importlib.util import find_spec
from typing import Any, TypeVar

from graphkit.errors import InputError, InputTypeError

T = TypeVar("T")

#: Characters of an unknown name that a message shows.
LONGEST = 80
#: File with the names of the package, their modules and what the commands list of them.
MANIFEST = "manifest.json"


@cache
def manifest() -> dict[str, dict[str, dict[str, Any]]]:
    """Returns the names of the package by kind, with their ``module`` and what the commands list of them."""
    file = resources.files("graphkit").joinpath(MANIFEST)
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def plain_name(name: str) -> str:
    """Returns a name as names are compared: in small letters, without ``-`` and ``_``."""
    return name.lower().replace("-", "").replace("_", "")


def unknown_name(kind: str, name: str, allowed: Iterable[str], prefix: str = "") -> InputError:
    """Returns the error for a name that is not registered: one line, with the closest registered name.

    Args:
        kind: What the name stands for, such as ``"model"``.
        name: The name that came.
        allowed: All names that would have been accepted.
        prefix: Text that the message puts before every name; it does not count in how close they are.
    """
    names = sorted(allowed)
    if not name.strip():
        return InputError(f"a {kind} must have a name (got '{prefix}{name}'); known: {', '.join(names)}")
    if len(name) > LONGEST:
        name = f"{name[:LONGEST]}..."
    close = [allowed for allowed in names if plain_name(allowed) == plain_name(name)]
    close = close or difflib.get_close_matches(name.lower(), names, n=1, cutoff=0.55)
    if close:
        return InputError(f"unknown {kind} '{prefix}{name}'; did you mean '{prefix}{close[0]}'?")
    return InputError(f"unknown {kind} '{prefix}{name}'; known: {', '.join(names)}")


class Registry:
    """Names of one kind and what they stand for.

    Args:
        kind: What is registered, as it appears in error messages.
        packages: The packages whose modules hold the registrations.
    """

    def __init__(self, kind: str, *packages: str) -> None:
        self.kind = kind
        self.packages = packages
        self._entries: dict[str, Any] = {}
        self._discovered = False

    def register(self, *names: str) -> Callable[[T], T]:
        """Returns the decorator that files its argument under the given names."""

        def decorator(entry: T) -> T:
            for name in names:
                if self._entries.setdefault(name, entry) is not entry:
                    raise InputError(f"the {self.kind} name '{name}' is taken by {self._entries[name]!r}")
            return entry

        return decorator

    def get(self, name: str) -> Any:
        """Returns what was registered under the name, without regard to case, ``-`` and ``_``.

        Raises:
            ValueError: If there is no such name; the closest one is offered.
        """
        key = self.canonical(name)
        module = manifest().get(self.kind, {}).get(key, {}).get("module")
        if module is not None and find_spec(module) is not None:
            importlib.import_module(module)
        if key not in self._entries:
            self.discover()
            key = self.canonical(name)
        if key not in self._entries:
            raise unknown_name(self.kind, key, self._entries)
        return self._entries[key]

    def canonical(self, name: str) -> str:
        """Returns the registered spelling of a name; a name that nobody registered comes back as it is.

        Raises:
            TypeError: If the name is not text.
        """
        if not isinstance(name, str):
            raise InputTypeError(f"the name of a {self.kind} must be text (got {name!r})")
        names = self.names()
        return name if name in names else next((key for key in names if plain_name(key) == plain_name(name)), name)

    def names(self) -> list[str]:
        """Returns all names in alphabetical order: those of the manifest and those that were registered."""
        listed = manifest().get(self.kind)
        if listed is None:
            self.discover()
        return sorted({*self._entries, *(listed or ())})

    def discover(self) -> dict[str, Any]:
        """Imports all modules of the packages and returns what is registered, by name."""
        if not self._discovered:
            for name in self.packages:
                package = importlib.import_module(name)
                for module in pkgutil.iter_modules(package.__path__, name + "."):
                    importlib.import_module(module.name)
            self._discovered = True
        return self._entries


_models = Registry("model", "graphkit.nn.models")
_datasets = Registry("data set", "graphkit.data.datasets", "graphkit.data.synthetic")
_layouts = Registry("joint layout", "graphkit.skeleton.layouts")
_strategies = Registry("strategy", "graphkit.continual.strategies")
_losses = Registry("distillation loss", "graphkit.distill.losses")

#: All registries of the manifest.
REGISTRIES = (_models, _datasets, _layouts, _strategies, _losses)

register_model = _models.register
get_model = _models.get
canonical_model = _models.canonical
model_names = _models.names
register_dataset = _datasets.register
get_dataset = _datasets.get
canonical_dataset = _datasets.canonical
dataset_names = _datasets.names
register_layout = _layouts.register
get_layout = _layouts.get
layout_names = _layouts.names
register_strategy = _strategies.register
get_strategy = _strategies.get
canonical_strategy = _strategies.canonical
strategy_names = _strategies.names
register_loss = _losses.register
get_loss = _losses.get
canonical_loss = _losses.canonical
loss_names = _losses.names
