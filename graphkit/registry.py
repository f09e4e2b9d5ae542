"""Registry of models, data sets, layouts, strategies and distillation losses.

Entries are registered by a decorator. The file ``manifest.json`` maps names to modules, so that names are listed
without importing PyTorch and only the module of a requested name is imported. ``make manifest`` writes the file; a name
that it does not list is searched in all modules.
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

#: Largest number of characters of an unknown name in an error message.
LONGEST = 80
#: File with the registered names of the package, their modules and the columns of the list commands.
MANIFEST = "manifest.json"


@cache
def manifest() -> dict[str, dict[str, dict[str, Any]]]:
    """Returns the content of the manifest: entries by kind and name."""
    file = resources.files("graphkit").joinpath(MANIFEST)
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def plain_name(name: str) -> str:
    """Normalizes a name for comparison: lower case, without ``-`` and ``_``."""
    return name.lower().replace("-", "").replace("_", "")


def unknown_name(kind: str, name: str, allowed: Iterable[str], prefix: str = "") -> InputError:
    """Returns the error for an unknown name, with the closest registered name.

    Args:
        kind (str): Kind of the entry, such as ``"model"``.
        name (str): Unknown name.
        allowed (Iterable[str]): All valid names.
        prefix (str, optional): Prefix of every name in the message, ignored in the comparison. (default: ``""``)
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
    """Registry of named entries of one kind.

    Args:
        kind (str): Kind of the entries, for error messages.
        packages (optional): Packages whose modules register entries.
    """

    def __init__(self, kind: str, *packages: str) -> None:
        self.kind = kind
        self.packages = packages
        self._entries: dict[str, Any] = {}
        self._discovered = False

    def register(self, *names: str) -> Callable[[T], T]:
        """Returns a decorator that registers its argument under the given names."""

        def decorator(entry: T) -> T:
            for name in names:
                if self._entries.setdefault(name, entry) is not entry:
                    raise InputError(
                        f"the {self.kind} name '{name}' is taken by {self._entries[name]!r}; choose another name"
                    )
            return entry

        return decorator

    def get(self, name: str) -> Any:
        """Returns the entry of a name, ignoring case, ``-`` and ``_``.

        Raises:
            InputError: If the name is unknown; the message suggests the closest one.
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
        """Returns the registered spelling of a name; unknown names are unchanged.

        Raises:
            InputTypeError: If the name is not a string.
        """
        if not isinstance(name, str):
            raise InputTypeError(f"the name of a {self.kind} must be text (got {name!r})")
        names = self.names()
        return name if name in names else next((key for key in names if plain_name(key) == plain_name(name)), name)

    def names(self) -> list[str]:
        """Returns the sorted names of the manifest and of all registered entries."""
        listed = manifest().get(self.kind)
        if listed is None:
            self.discover()
        return sorted({*self._entries, *(listed or ())})

    def discover(self) -> dict[str, Any]:
        """Imports all modules of the packages and returns all entries by name."""
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
