"""Model settings: the registered name of a model and the arguments of its class."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

import torch

from graphkit.coercion import Range
from graphkit.errors import InputError
from graphkit.nn.link_decoders import make_decoder
from graphkit.nn.models.custom import CustomModel, check_custom, make_custom, source_name
from graphkit.nn.models.graph_model import GraphModel
from graphkit.nn.models.link_model import LinkModel
from graphkit.registry import get_model
from graphkit.settings import UNSET, Section, Setting, check_keys, section_class, signature_settings

#: Options of link prediction, and the defaults of decoder and width of embeddings.
LINK_OPTIONS, DECODER, CHANNELS = ("decoder", "embedding_channels"), "dot", 64
#: Name of all models of the user.
CUSTOM = "custom"
#: Largest width and depth of a model.
WIDEST, DEEPEST = 100_000, 1000
#: Options of models that count layers, hops or iterations.
_DEPTHS = ("num_layers", "path_layers", "iterations", "max_hops", "blocks")
#: Arguments of a model that are set from the data set or by the trainer.
_GIVEN = (
    "self", "in_channels", "out_channels", "edge_dim", "num_categories", "num_classes", "layout", "num_persons",
    "options",
)  # fmt: skip


@dataclass(frozen=True)
class ModelSettings(Section):
    """Section ``model`` of a configuration.

    :func:`model_settings_class` adds the options of a model.

    Args:
        name (str, optional): Registered name of the model. (default: ``"factorgcn"``)
        decoder (str, optional): For link prediction, the score of two nodes from their embeddings: ``"dot"``,
            ``"mlp"`` or ``"distance"``; ``"dot"`` if unset.
        embedding_channels (int, optional): For link prediction, width of the embeddings; 64 if unset.
    """

    section: ClassVar[str] = "model"
    name: str = "factorgcn"
    decoder: Literal["dot", "mlp", "distance"] = UNSET
    embedding_channels: Annotated[int, Range(1, WIDEST)] = UNSET

    @property
    def model_class(self) -> Any:
        """Class of the model."""
        return get_model(self.name)

    def make(self, dataset: Any) -> GraphModel:
        """Creates the model with the widths of a data set and the options that are set.

        For link prediction, the model of the nodes is the encoder of a :class:`LinkModel`.

        Raises:
            InputError: If there are options of a decoder for another task.
        """
        options = self.given("name")
        links = {name: options.pop(name) for name in LINK_OPTIONS if name in options}
        if dataset.level == "link":
            channels = links.get("embedding_channels", CHANNELS)
            decoder = make_decoder(links.get("decoder", DECODER), channels, dataset.directed)
            return LinkModel(self.make_network(dataset.of_nodes(channels), options), decoder)
        if links:
            name, value = next(iter(links.items()))
            raise InputError(f"`model.{name}` is for link-prediction (got {value} for {dataset.task}); leave it out")
        return self.make_network(dataset, options)

    def make_network(self, dataset: Any, options: Mapping[str, Any]) -> GraphModel:
        """Creates the model of the nodes or graphs."""
        return self.model_class.from_data(dataset, **options)

    def size(self, dataset: Any) -> int:
        """Returns the size of the weights in bytes, without allocation."""
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            return sum(p.numel() * p.element_size() for p in self.make(dataset).parameters())

    def check(self, model: GraphModel, dataset: Any, batch_size: int | None) -> None:
        """Checks the outputs of the model of some settings; registered models are right."""

    def bind(self, source: Any) -> "ModelSettings":
        """Returns the settings with the object of the user that makes the model.

        Raises:
            InputError: If the model is a registered one.
        """
        raise InputError(
            f"`model` is for runs of your own models, and this one has the model {self.name}; leave it out"
        )


@dataclass(frozen=True)
class CustomSettings(ModelSettings):
    """Section ``model`` of a run with a model of the user.

    The object is not a part of the configuration: it is given again to open or resume the run.

    Args:
        name (str, optional): ``"custom"``.
        class_name (str, optional): Module and name of the class or function; ``class`` in a file.
        readout (str, optional): Readout over the nodes of a graph, see :class:`~graphkit.nn.models.custom.CustomModel`.
            (default: ``None``)
        source (torch.nn.Module or Callable, optional): The object.
    """

    name: str = CUSTOM
    class_name: str = ""
    readout: Literal["mean", "sum", "max"] | None = None
    source: Any = field(default=UNSET, compare=False, repr=False)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> "CustomSettings":
        """Creates the section from a mapping."""
        check_keys(cls.section, given, ("name", "class", "readout", *LINK_OPTIONS))
        return cls(**{"class_name" if key == "class" else key: value for key, value in given.items()})

    def to_dict(self) -> dict[str, Any]:
        """Returns the settings as plain Python values, without the object."""
        values = {"name": self.name, "class": self.class_name, **self.given("name", "class_name", "readout", "source")}
        return values if self.readout is None else {**values, "readout": self.readout}

    @property
    def model_class(self) -> Any:
        """Class of the model."""
        return type(self.source) if isinstance(self.source, GraphModel) else CustomModel

    def make_network(self, dataset: Any, options: Mapping[str, Any]) -> GraphModel:
        """Creates the model from the object.

        Raises:
            InputError: If there is no object, or it does not make a model.
        """
        if self.source is UNSET and not self.class_name:
            raise InputError(
                f"the model '{self.name}' is an object of Python; give it in Python: graphkit.fit(model, data)"
            )
        if self.source is UNSET:
            raise InputError(
                f"the model of this run is an object of Python, `{self.class_name}`, which a run folder does not hold; "
                "give it again: graphkit.open_run(RUN, model=...) or graphkit.experiments.resume(RUN, model=...)"
            )
        return make_custom(self.source, dataset, self.readout)

    def size(self, dataset: Any) -> int:
        """Returns 0: the object of the user, or its function, has allocated the weights."""
        return 0

    def check(self, model: GraphModel, dataset: Any, batch_size: int | None) -> None:
        """Checks the outputs of the model with one batch."""
        if dataset.level == "link":
            model, dataset = model.network, dataset.of_nodes(self.given().get("embedding_channels", CHANNELS))  # type: ignore[assignment]
        check_custom(model, dataset, batch_size)

    def bind(self, source: Any) -> "CustomSettings":
        """Returns the settings with the object of the user that makes the model.

        Raises:
            InputError: If its name is not that of the run, or it is neither a module nor a function.
        """
        name = source_name(source)
        if self.class_name and name.rpartition(".")[2] != self.class_name.rpartition(".")[2]:
            raise InputError(f"`model` must be the one of the run, `{self.class_name}` (got `{name}`); give that one")
        return replace(self, class_name=self.class_name or name, source=source)


@cache
def model_settings_class(name: str) -> type[ModelSettings]:
    """Returns the settings class of a model: a frozen dataclass of its arguments.

    Raises:
        InputError: If the model is not registered; the message suggests the closest name.
    """
    if name == CUSTOM:
        return CustomSettings
    return section_class(f"{get_model(name).__name__}Settings", ModelSettings, model_options(name))


@cache
def model_options(name: str) -> dict[str, Setting]:
    """Returns the configurable arguments of a model, with their types and defaults.

    Raises:
        InputError: If the model is not registered; the message suggests the closest name.
    """
    settings: dict[str, Setting] = {}
    for cls in get_model(name).__mro__:
        if "__init__" in vars(cls) and cls.__module__.partition(".")[0] == "graphkit":
            settings = {**settings, **signature_settings(cls.__init__, _GIVEN), **settings}
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
