"""Registration of named data sets: task, source, loading function and options."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphkit.coercion import coerce
from graphkit.data.checks import check_dataset
from graphkit.data.dataset import GraphDataset
from graphkit.data.sources import Benchmark, Request, Source
from graphkit.errors import InputError
from graphkit.registry import register_dataset, unknown_name
from graphkit.settings import Setting, signature_settings

#: Largest absolute value of a numeric option.
MAX_OPTION = 2**40


@dataclass(frozen=True)
class DatasetEntry:
    """Registered data set: metadata and loading function."""

    name: str
    task: str
    source: Source
    load: Callable[..., GraphDataset]
    default_split: str
    benchmark: Benchmark | None = None

    @property
    def options(self) -> dict[str, Setting]:
        """Types and defaults of the options of the loading function."""
        return signature_settings(self.load, ("request",))

    def __call__(self, root: Path | None, options: Mapping[str, Any]) -> GraphDataset:
        """Loads the data set.

        Raises:
            InputError: If an option is unknown or has an invalid value, or the raw files are invalid.
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
    """Validates the options of a data set against its declared types.

    Returns:
        The options; an integer for a text option, as YAML reads ``8``, becomes its digits.

    Raises:
        InputError: If an option is unknown; the closest name is suggested.
        InputTypeError: If a value has the wrong type.
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
    sources: Mapping[str, Source],
    task: str | Mapping[str, str],
    default_split: str = "0.6,0.2,0.2",
    benchmarks: Mapping[str, Benchmark] | None = None,
) -> Callable[[Callable[..., GraphDataset]], Callable[..., GraphDataset]]:
    """Registers a loading function under the names of its sources (decorator).

    The function takes a :class:`Request` and keyword-only options. If it returns no splits, that of its benchmark is
    drawn, or a stratified split with the fractions ``default_split``.
    """

    def decorator(function: Callable[..., GraphDataset]) -> Callable[..., GraphDataset]:
        for name, source in sources.items():
            own_task = task if isinstance(task, str) else task[name]
            benchmark = (benchmarks or {}).get(name)
            split = benchmark.split if benchmark is not None and benchmark.split != "published" else default_split
            register_dataset(name)(DatasetEntry(name, own_task, source, function, split, benchmark))
        return function

    return decorator
