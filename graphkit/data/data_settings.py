"""Settings of a data set: its name, its split and the options of its source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, TypeVar

from graphkit.data.dataset import GraphDataset
from graphkit.data.loading import is_path, load, option_settings
from graphkit.errors import InputError
from graphkit.settings import UNSET, Range, Section, section_class

D = TypeVar("D", bound="DataSettings")

#: Settings that say which split a run trains on, not how the data are loaded.
_OF_RUN = ("name", "fold")


@dataclass(frozen=True)
class DataSettings(Section):
    """Section ``data`` of a configuration; :func:`data_settings_class` adds the options of a data set.

    Args:
        name: Registered name, or the path of a file or folder of the user.
        root: Folder of raw files; ``None`` for that of the environment, see :func:`graphkit.data.load`.
        transforms: Transforms by name, in order, see :mod:`graphkit.transforms`.
        split: Shares of training, validation and test items; ``None`` for the published split.
        split_seed: Seed that the split is drawn with.
        labels_per_class: Training nodes of each class that are kept; ``None`` for all.
        fold: Number of the split or fold; ``None`` for the one that belongs to the seed, or for all folds.
    """

    section: ClassVar[str] = "data"
    name: str = "factor-graphs"
    root: str | Path | None = None
    transforms: Sequence[Any] = ()
    split: str | Sequence[float] | None = None
    split_seed: Annotated[int, Range(0)] = 0
    labels_per_class: Annotated[int, Range(1)] | None = None
    fold: Annotated[int, Range(0)] | None = None

    @classmethod
    def read(cls: type[D], given: Mapping[str, Any]) -> D:
        """Returns the section that a mapping describes; a whole number where text is wanted is its digits."""
        hints = {field.name: field.type for field in fields(cls)}
        texts = {
            key: str(value) for key, value in given.items() if type(value) is int and hints.get(key) in (str, "str")
        }
        return super().read({**given, **texts})

    @property
    def is_path(self) -> bool:
        """Whether the data are a file or folder of the user."""
        return is_path(self.name)

    @property
    def is_drawn(self) -> bool:
        """Whether the data are generated with the seed of the run."""
        return getattr(self, "seed", 0) in (None, UNSET)

    def absolute(self: D) -> D:
        """Returns the settings with an absolute path, so that a run can be opened from any folder."""
        return replace(self, name=str(Path(self.name).expanduser().resolve())) if self.is_path else self

    def without_fold(self: D) -> D:
        """Returns the settings for all splits."""
        return replace(self, fold=None)

    def key(self, seed: int) -> tuple["DataSettings", int | None]:
        """Returns what the data of a run with this seed depend on."""
        return self.without_fold(), seed if self.is_drawn else None

    def load(self, seed: int) -> GraphDataset:
        """Loads the data set; generated data are drawn with ``seed`` unless they have a seed of their own.

        Raises:
            InputError: If the data cannot be used, or have no split of the number ``fold``.
            FileNotFoundError: If raw files are missing.
        """
        options = self.given(*_OF_RUN)
        if self.is_drawn:
            options["seed"] = seed
        dataset = load(self.name, **options)
        if self.fold is not None and self.fold >= len(dataset.splits):
            limit = len(dataset.splits)
            raise InputError(f"`data.fold` must be below {limit}, the number of splits (got {self.fold})")
        return dataset


def data_settings_class(name: str) -> type[DataSettings]:
    """Returns the settings of a data set, a frozen dataclass with the options of its source.

    Args:
        name: Registered name or path.

    Raises:
        InputError: If there is no such data set; the closest name is offered.
    """
    return section_class("DataSourceSettings", DataSettings, option_settings(name))
