"""Settings of a model: its name and the arguments of its class."""

from dataclasses import dataclass
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

from graphkit.nn.models.graph_model import GraphModel
from graphkit.registry import get_model
from graphkit.settings import Range, Section, Setting, section_class, signature_settings

#: Largest width and depth of a model.
WIDEST, DEEPEST = 100_000, 1000
#: Options of models that say how often something is done.
_DEPTHS = ("num_layers", "path_layers", "iterations", "max_hops", "blocks")
#: Arguments of a model that its data set or the loop decides.
_GIVEN = ("self", "in_channels", "out_channels", "num_categories", "num_classes", "layout", "num_persons", "options")


@dataclass(frozen=True)
class ModelSettings(Section):
    """Section ``model`` of a configuration; :func:`model_settings_class` adds the options of a model.

    Args:
        name: Registered name of the model.
    """

    section: ClassVar[str] = "model"
    name: str = "factorgcn"

    @property
    def model_class(self) -> Any:
        """The class of the model."""
        return get_model(self.name)

    def make(self, dataset: Any) -> GraphModel:
        """Returns the model, untrained, with the widths of a data set; options that are unset have their defaults."""
        return self.model_class.from_data(dataset, **self.given("name"))


@cache
def model_settings_class(name: str) -> type[ModelSettings]:
    """Returns the settings of a model, a frozen dataclass with the arguments of its class.

    Raises:
        InputError: If there is no such model; the closest name is offered.
    """
    return section_class(f"{get_model(name).__name__}Settings", ModelSettings, model_options(name))


@cache
def model_options(name: str) -> dict[str, Setting]:
    """Returns the arguments of a model that a configuration can set, with their types and defaults.

    Raises:
        InputError: If there is no such model; the closest name is offered.
    """
    settings: dict[str, Setting] = {}
    for cls in reversed(get_model(name).__mro__):
        if "__init__" in vars(cls) and cls.__module__.partition(".")[0] == "graphkit":
            settings |= signature_settings(cls.__init__, _GIVEN)
    return {option: Setting(_bounded(option, setting.hint), setting.default) for option, setting in settings.items()}


def _bounded(option: str, hint: Any) -> Any:
    """Returns the type hint of an option of a model with the range that its whole numbers have at most."""
    if hint is int:
        return Annotated[int, Range(0, DEEPEST if option in _DEPTHS else WIDEST)]
    args = get_args(hint)
    if not args or get_origin(hint) is Annotated:
        return hint
    inner = tuple(_bounded(option, arg) for arg in args)
    if get_origin(hint) in (Union, UnionType):
        return reduce(or_, inner)
    return get_origin(hint)[inner]
