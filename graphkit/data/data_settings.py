"""Settings of a data set: name, split and options of its source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from graphkit.coercion import Range
from graphkit.data.dataset import GraphDataset
from graphkit.data.link_dataset import LINK_SPLIT
from graphkit.data.loading import LINKS, is_path, load, option_settings
from graphkit.data.splits import parse_split
from graphkit.errors import InputError
from graphkit.settings import UNSET, Section, section_class

D = TypeVar("D", bound="DataSettings")

#: Settings that select a split and do not affect loading.
_OF_RUN = ("name", "fold")
#: Options of own data that are keywords of training.
_OF_OWN = ("task", "target", "smiles")


@dataclass(frozen=True)
class DataSettings(Section):
    """Section ``data`` of a configuration, without the options of the data set.

    :func:`data_settings_class` adds the options.

    Args:
        name (str, optional): Registered name, or path of a user's file or folder. (default: ``"factor-graphs"``)
        root (str, optional): Folder of raw files. (default: ``None``, from the environment, see
            :func:`graphkit.data.load`)
        transforms (list, optional): Transforms by name, in order, see :mod:`graphkit.transforms`.
        split (str or list[float], optional): Fractions of training, validation and test items; or ``"random"`` or
            ``"scaffold"`` (molecules), with or without fractions, for one split per seed; or ``"folds"``, ten folds
            with validation items, one per seed. (default: ``None``, the published split)
        split_seed (int, optional): Random seed of the split. (default: ``0``)
        labels_per_class (int, optional): Number of training nodes per class. (default: ``None``, all)
        fold (int, optional): Index of the split or fold. (default: ``None``, chosen by the seed, or all folds)
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
        """Creates the settings from a mapping; integers are accepted for text options."""
        hints = {field.name: field.type for field in fields(cls)}
        if foreign := next((key for key in _OF_OWN if key in given and key not in hints), None):
            owner = "a table of molecules" if foreign == "smiles" else "your own graphs"
            what = f"`data.{foreign}` is an option of {owner}, not of {given.get('name', cls.name)}"
            remedy = f"leave it out, or give {LINKS}" if foreign == "task" else "leave it out"
            raise InputError(f"{what} (got {given[foreign]!r:.80}); {remedy}")
        texts = {
            key: str(value) for key, value in given.items() if type(value) is int and hints.get(key) in (str, "str")
        }
        return super().read({**given, **texts})

    @property
    def is_path(self) -> bool:
        """``True`` if ``name`` is the path of a user's file or folder."""
        return is_path(self.name)

    @property
    def is_drawn(self) -> bool:
        """``True`` if the data are generated from the seed of the run."""
        return getattr(self, "seed", 0) in (None, UNSET)

    def absolute(self: D) -> D:
        """Returns the settings with an absolute path, independent of the working folder."""
        return replace(self, name=str(Path(self.name).expanduser().resolve())) if self.is_path else self

    def without_fold(self: D) -> D:
        """Returns the settings for all splits."""
        return replace(self, fold=None)

    def key(self, seed: int) -> tuple["DataSettings", int | None]:
        """Returns the cache key of the data for a seed."""
        return self.without_fold(), seed if self.is_drawn else None

    def load_options(self, seed: int) -> dict[str, Any]:
        """Returns the keyword arguments of :func:`graphkit.load` for a seed."""
        options = self.given(*_OF_RUN)
        if getattr(self, "seed", 0) in (None, UNSET):
            options["seed"] = seed
        return options

    def load(self, seed: int) -> GraphDataset:
        """Loads the data set; generated data use ``seed`` unless their options set one.

        Raises:
            InputError: If the data are invalid, or ``fold`` does not exist.
            FileNotFoundError: If raw files are missing.
        """
        dataset = load(self.name, **self.load_options(seed))
        if self.fold is not None and self.fold >= len(dataset.splits):
            limit = len(dataset.splits)
            raise InputError(f"`data.fold` must be below {limit}, the number of splits (got {self.fold})")
        return dataset


@dataclass(frozen=True)
class LinkDataSettings(DataSettings):
    """Section ``data`` of a configuration of link prediction.

    Args:
        task (str, optional): ``"link-prediction"``.
        split (str or list[float], optional): Fractions of training, validation and test edges; after ``"random:"``,
            each seed has its own split, with the seed ``split_seed`` plus that of the run.
            (default: ``None``, ``"random:0.85,0.05,0.1"``)
        hard_negatives (int, optional): Number of negatives with many common neighbors that each validation and test
            edge is ranked among; HeaRT has 500. (default: ``100``)
    """

    task: Literal["link-prediction"] = "link-prediction"
    hard_negatives: Annotated[int, Range(0, 10_000)] = 100

    @property
    def is_drawn(self) -> bool:
        """``True`` if data or split depend on the seed of the run."""
        return super().is_drawn or parse_split(LINK_SPLIT if self.split is None else self.split)[0] == "random"

    def load_options(self, seed: int) -> dict[str, Any]:
        """Returns the keyword arguments of :func:`graphkit.load` for a seed."""
        options = super().load_options(seed)
        if self.is_drawn:
            options["split_seed"] = self.split_seed + seed
        return options


def data_settings_class(name: str, task: Any = None) -> type[DataSettings]:
    """Returns the settings class of a data set, with the options of its source.

    Args:
        name (str): Registered name or path.
        task (str, optional): Task. (default: ``None``, that of the data)

    Raises:
        InputError: If the data set does not exist.
    """
    options = option_settings(name)
    if task != LINKS:
        return section_class("DataSourceSettings", DataSettings, options)
    options = {key: setting for key, setting in options.items() if key not in ("task", "target")}
    return section_class("LinkSourceSettings", LinkDataSettings, options)
