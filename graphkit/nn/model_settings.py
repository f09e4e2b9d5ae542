"""Model settings: the registered name of a model and the arguments of its class."""

from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

from graphkit.coercion import Range
from graphkit.nn.models.graph_model import GraphModel
from graphkit.registry import get_model
from graphkit.settings import Section, Setting, section_class, signature_settings

#: Largest width and depth of a model.
WIDEST, DEEPEST = 100_000, 1000
#: Options of models that count layers, hops or iterations.
_DEPTHS = ("num_layers", "path_layers", "iterations", "max_hops", "blocks")
#: Arguments of a model that are set from the data set or by the trainer.
_GIVEN = ("self", "in_channels", "out_channels", "num_categories", "num_classes", "layout", "num_persons", "options")


@dataclass(frozen=True)
class ModelSettings(Section):
    """Section ``model`` of a configuration.

    :func:`model_settings_class` adds the options of a model.

    Args:
        name (str, optional): Registered name of the model. (default: ``"factorgcn"``)
    """

    section: ClassVar[str] = "model"
    name: str = "factorgcn"

    @property
    def model_class(self) -> Any:
        """Class of the model."""
        return get_model(self.name)

    def make(self, dataset: Any) -> GraphModel:
        """Creates the model with the widths of a data set and the options that are set."""
        return self.model_class.from_data(dataset, **self.given("name"))


@cache
def model_settings_class(name: str) -> type[ModelSettings]:
    """Returns the settings class of a model: a frozen dataclass of its arguments.

    Raises:
        InputError: If the model is not registered; the message suggests the closest name.
    """
    return section_class(f"{get_model(name).__name__}Settings", ModelSettings, model_options(name))


@cache
def model_options(name: str) -> dict[str, Setting]:
    """Returns the configurable arguments of a model, with their types and defaults.

    Raises:
        InputError: If the model is not registered; the message suggests the closest name.
    """
    settings: dict[str, Setting] = {}
    for cls in reversed(get_model(name).__mro__):
        if "__init__" in vars(cls) and cls.__module__.partition(".")[0] == "graphkit":
            settings |= signature_settings(cls.__init__, _GIVEN)
    return {option: Setting(_bounded(option, setting.hint), setting.default) for option, setting in settings.items()}


def _bounded(option: str, hint: Any) -> Any:
    """Returns the type hint of a model option with the allowed range of its integers."""
    if hint is int:
        return Annotated[int, Range(0, DEEPEST if option in _DEPTHS else WIDEST)]
    args = get_args(hint)
    if not args or get_origin(hint) is Annotated:
        return hint
    inner = tuple(_bounded(option, arg) for arg in args)
    if get_origin(hint) in (Union, UnionType):
        return reduce(or_, inner)
    return get_origin(hint)[inner]
