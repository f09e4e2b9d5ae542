"""Registration of named data sets: task, source of the raw files, loading function and its options."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphkit.data.checks import check_dataset
from graphkit.data.dataset import GraphDataset
from graphkit.data.sources import Request, Source
from graphkit.errors import InputError
from graphkit.registry import register_dataset, unknown_name
from graphkit.settings import Setting, coerce, signature_settings

#: The largest number that an option may be; NaN is none.
MAX_OPTION = 2**40


@dataclass(frozen=True)
class DatasetEntry:
    """A registered data set: what is known without loading it, and the function that loads it."""

    name: str
    task: str
    source: Source
    load: Callable[..., GraphDataset]
    default_split: str

    @property
    def options(self) -> dict[str, Setting]:
        """Types and defaults of the options that the loading function takes."""
        return signature_settings(self.load, ("request",))

    def __call__(self, root: Path | None, options: Mapping[str, Any]) -> GraphDataset:
        """Loads the data set.

        Raises:
            ValueError: If an option is not one of this data set's.
        """
        options = check_options(self.name, self.options, options)
        for option, value in options.items():
            if isinstance(value, int | float) and not abs(value) <= MAX_OPTION:
                raise InputError(f"the option '{option}' of '{self.name}' must be a usual number (got {value})")
        try:
            dataset = self.load(Request(self.name, self.source, root), **options)
        except MemoryError:
            given = ", ".join(f"{option}={value}" for option, value in options.items())
            raise InputError(f"'{self.name}' with {given} needs more memory than there is; ask for less") from None
        if self.source.files:
            try:
                check_dataset(dataset)
            except InputError as error:
                raise InputError(
                    f"the raw files of '{self.name}' cannot be used ({error}); fetch them again from "
                    f"{self.source.address}, or give an edited graph as a file of your own"
                ) from None
        return dataset


def check_options(name: str, options: Mapping[str, Setting], given: Mapping[str, Any]) -> dict[str, Any]:
    """Refuses options that a data set does not have, or of another type than it declares.

    Returns:
        The options; a whole number where text is asked for, as YAML reads ``8``, is its digits.

    Raises:
        ValueError: If an option is unknown; the closest one is offered.
        TypeError: If a value has the wrong type.
    """
    taken = {}
    for option, value in given.items():
        if option not in options:
            if not options:
                raise InputError(f"the data set '{name}' has no options of its own (got '{option}'); remove it")
            raise unknown_name(f"option of the data set '{name}'", option, options)
        hint = options[option].hint
        taken[option] = coerce(f"data.{option}", str(value) if hint is str and type(value) is int else value, hint)
    return taken


def dataset(
    sources: Mapping[str, Source], task: str | Mapping[str, str], default_split: str = "0.6,0.2,0.2"
) -> Callable[[Callable[..., GraphDataset]], Callable[..., GraphDataset]]:
    """Returns the decorator that registers a loading function under the names of its sources.

    The function takes a :class:`Request` and keyword-only options. Where the data have no published split it
    returns no splits, and a stratified one with the shares ``default_split`` is drawn.
    """

    def decorator(function: Callable[..., GraphDataset]) -> Callable[..., GraphDataset]:
        for name, source in sources.items():
            own_task = task if isinstance(task, str) else task[name]
            register_dataset(name)(DatasetEntry(name, own_task, source, function, default_split))
        return function

    return decorator
