"""Sphinx extension: tables of all settings, from the type hints and docstrings of the configuration.

A line ``%settings:NAME`` of a page becomes the tables of one of :data:`TABLES` when the page is read.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from types import NoneType, SimpleNamespace, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from graphkit.coercion import Range
from graphkit.continual import TaskStream
from graphkit.continual.continual_config import (
    ContinualConfig,
    StreamSettings,
    TaskSettings,
    strategy_settings_class,
    stream_options,
)
from graphkit.data import GraphDataset, user
from graphkit.data.data_settings import DataSettings, LinkDataSettings
from graphkit.data.loading import option_settings
from graphkit.data.user import clips, molecules
from graphkit.distill.distill_config import DistillConfig, LossSettings, NetworkSettings, loss_settings_class
from graphkit.nn.model_settings import ModelSettings, model_options
from graphkit.registry import (
    dataset_names,
    get_dataset,
    get_loss,
    get_model,
    get_strategy,
    loss_names,
    model_names,
    strategy_names,
)
from graphkit.settings import UNSET, Section, Setting, hints_of, signature_settings
from graphkit.training.train_config import LearningSettings, RunConfig, TrainConfig, TrainSettings

#: Names of types as the tables show them.
_TYPES = {int: "int", float: "float", bool: "bool", str: "text", Path: "path", Any: "any", NoneType: "none"}
_HEAD = "| setting | type | default | range | description |\n|---|---|---|---|---|"


class Row(NamedTuple):
    """Row of a table of settings."""

    name: str
    hint: Any
    default: str
    description: str


def describe(*owners: Any) -> dict[str, str]:
    """Returns the descriptions of arguments, from the part ``Args`` of the docstrings of some classes and functions.

    Args:
        owners: The classes, whose parents count too, and functions; the first one that describes an argument counts.
    """
    descriptions: dict[str, str] = {}
    for owner in owners:
        for item in owner.__mro__ if inspect.isclass(owner) else [owner]:
            doc = inspect.cleandoc(item.__doc__ or "") if "__doc__" in vars(item) or not inspect.isclass(owner) else ""
            for name, text in _arguments(doc):
                descriptions.setdefault(name, text)
    return descriptions


def _arguments(doc: str) -> Iterator[tuple[str, str]]:
    """Yields names and descriptions of the arguments of a docstring in Google's style."""
    match = re.search(r"^Args:\n((?:[ ].*\n|\n)*)", doc + "\n", re.M)
    if match is None:
        return
    entries = re.split(r"^    (?=\S)", match[1], flags=re.M)[1:]
    for entry in entries:
        head = re.match(r"\**(\w+)(?:\s*\([^)]*\))?:\s+(.*)", entry, re.S)
        if head is not None:
            text = re.sub(r"\s*\(default: [^()`]*(?:``[^`]*``|:\w+:`[^`]*`)?\)$", "", " ".join(head[2].split()))
            yield head[1], markdown(text)


def markdown(text: str) -> str:
    """Returns text in reStructuredText as Markdown for a cell of a table."""
    text = re.sub(r":math:`([^`]*)`", r"$\1$", text)
    text = re.sub(r":(?:py:)?(class|func|mod|meth|attr|data):`(~?graphkit\.[\w.]+)`", r"{py:\1}`\2`", text)
    text = re.sub(r":(?:py:)?\w+:`~?([^`]*)`", r"`\1`", text)
    text = re.sub(r"`([^`<]+) <(\S+)>`_", r"[\1](\2)", text)
    text = text.replace("``", "`")
    return re.sub(r'`"([^`"]*)"`', r"`\1`", text).replace("|", r"\|")


def type_name(hint: Any) -> str:
    """Returns the name of a type hint for a person; choices are listed."""
    origin, args = get_origin(hint), get_args(hint)
    if hint in _TYPES:
        return _TYPES[hint]
    if origin is Annotated:
        return type_name(args[0])
    if origin is Literal:
        return ", ".join(f"`{choice}`" if choice != "" else "(empty)" for choice in args)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(type_name(arg) for arg in args))
    if origin is not None and args:
        item = type_name(args[0])
        return "list" if item == "any" else f"list of {item}"
    return getattr(hint, "__name__", "any")


def ranges(hint: Any) -> Iterator[str]:
    """Yields the ranges of the numbers in a type hint, as intervals."""
    for arg in get_args(hint):
        if isinstance(arg, Range):
            low, high = "(" if arg.open_low else "[", ")" if arg.open_high or arg.high == float("inf") else "]"
            yield f"{low}{_number(arg.low)}, {_number(arg.high)}{high}"
        else:
            yield from ranges(arg)


def _number(value: float) -> str:
    if value == float("inf"):
        return "∞"
    return f"{value:,}" if isinstance(value, int) and value < 10**7 else f"{value:g}"


def shown(value: Any) -> str:
    """Returns a default as it is written in YAML."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(str, value))}]"
    return str(value) or "(empty)"


def table(rows: Iterable[Row]) -> str:
    """Returns a table in Markdown."""
    lines = [
        f"| `{row.name}` | {type_name(row.hint)} | {row.default} | {', '.join(dict.fromkeys(ranges(row.hint)))} | "
        f"{row.description} |"
        for row in rows
    ]
    return "\n".join([_HEAD, *lines])


def of_section(section: type[Section], prefix: str, leave_out: Iterable[str] = ()) -> list[Row]:
    """Returns rows for the fields of a section that are no sections themselves."""
    descriptions, hints = describe(section), hints_of(section)
    rows = []
    for field in fields(section):
        default = field.default if field.default is not MISSING else None
        if field.name in leave_out or isinstance(default, Section):
            continue
        text = "" if default is UNSET else f"`{shown(default)}`"
        rows.append(Row(f"{prefix}{field.name}", hints[field.name], text, descriptions.get(field.name, "")))
    return rows


def of_options(
    options: Mapping[str, Setting], prefix: str, *owners: Any, others: Mapping[str, Any] | None = None
) -> list[Row]:
    """Returns rows for options that come from the signature of a function.

    Args:
        options: The options.
        prefix: What stands before their names in a configuration.
        owners: Classes and functions whose docstrings describe them.
        others: Defaults where the items are graphs, if these differ.
    """
    descriptions = describe(*owners)
    rows = []
    for name, setting in options.items():
        default = f"`{shown(setting.default)}`"
        if others is not None and name in others and others[name] != setting.default:
            default += f"; graphs: `{shown(others[name])}`"
        rows.append(Row(f"{prefix}{name}", setting.hint, default, descriptions.get(name, "")))
    return rows


def graph_defaults(name: str) -> dict[str, Any]:
    """Returns the arguments that a model chooses where the items of a data set are graphs."""
    cls = get_model(name)
    taken: dict[str, Any] = {}
    recorder = type("Recorder", (cls,), {"__init__": lambda self, *args, **options: taken.update(options)})
    data = SimpleNamespace(
        name="graphs", level="graph", task="graph-classification", num_features=1, num_outputs=2, num_categories=None,
        layout="ntu-25", num_persons=1, collection=None, graphs=({},),
    )  # fmt: skip
    recorder.from_data(data)  # type: ignore[attr-defined]
    return {key: value for key, value in taken.items() if key in model_options(name)}


def common() -> str:
    """Returns the settings that every command that trains has."""
    return table(of_section(RunConfig, ""))


def learning() -> str:
    """Returns the settings ``train`` that all commands share, with the defaults of ``graphkit train``."""
    shared = {field.name for field in fields(LearningSettings)}
    return table(row for row in of_section(TrainSettings, "train.") if row.name.removeprefix("train.") in shared)


def batches() -> str:
    """Returns the settings ``train`` of ``graphkit train`` and of the networks of ``graphkit distill``."""
    return table(of_section(TrainSettings, "train.", [field.name for field in fields(LearningSettings)]))


def models() -> str:
    """Returns the settings of every model."""
    parts = [table(of_section(ModelSettings, "model."))]
    for name in model_names():
        rows = of_options(model_options(name), "model.", get_model(name), others=graph_defaults(name))
        text = re.sub(r"\| \[0, ([\d,]+)\] \|", r"| at most \1 |", table(rows))  # models check lower limits themselves
        parts.append(f"### `{name}`\n\n{text}")
    return "\n\n".join(parts)


def data() -> str:
    """Returns the settings that all data sets have."""
    return table(of_section(DataSettings, "data."))


def links() -> str:
    """Returns the settings of the data of link prediction."""
    others = [field.name for field in fields(DataSettings) if field.name != "split"]
    return table(of_section(LinkDataSettings, "data.", others))


def own_data() -> str:
    """Returns the settings of files of the user."""
    of_graphs = table(of_options(user.own_options(), "data.", user._read))
    of_clips = table(of_options(clips.clip_options(), "data.", clips._read))
    of_molecules = table(of_options(molecules.molecule_options(), "data.", molecules._read))
    return f"{of_graphs}\n\nA table of molecules:\n\n{of_molecules}\n\nA folder of clips:\n\n{of_clips}"


def datasets() -> str:
    """Returns the settings of every named data set; sets with the same settings have one table."""
    groups: dict[Callable[..., GraphDataset], list[str]] = {}
    for name in dataset_names():
        groups.setdefault(get_dataset(name).load, []).append(name)
    parts, plain = [], []
    for load, names in groups.items():
        options = option_settings(names[0])
        if not options:
            plain += names
            continue
        title = ", ".join(f"`{name}`" for name in names)
        parts.append(f"### {title}\n\n{table(of_options(options, 'data.', load))}")
    without = ", ".join(f"`{name}`" for name in sorted(plain))
    return "\n\n".join([*parts, f"### All other data sets\n\nThese have no settings of their own: {without}."])


def distill() -> str:
    """Returns the settings of ``graphkit distill``."""
    shared = [field.name for field in fields(RunConfig)]
    networks = [row for which in ("teacher", "student") for row in of_section(NetworkSettings, f"{which}.", ("model",))]
    networks = [row for row in networks if row.name not in ("teacher.train", "student.train", "student.run")]
    losses = of_section(LossSettings, "losses.NAME.", ("name",))
    parts = [table([*of_section(DistillConfig, "", (*shared, "losses")), *networks, *losses])]
    common_fields = {field.name for field in fields(LossSettings)}
    for name in loss_names():
        cls, options = get_loss(name), {}
        given = signature_settings(cls.__init__)
        for field in fields(loss_settings_class(name)):
            if field.name not in common_fields:
                options[field.name] = given[field.name]
        rows = of_options(options, f"losses.{name}.", cls)
        parts.append(f"### `{name}`\n\n" + (table(rows) if rows else "No settings of its own."))
    return "\n\n".join(parts)


def continual() -> str:
    """Returns the settings of ``graphkit continual``."""
    shared = [field.name for field in fields(RunConfig)]
    top = of_section(ContinualConfig, "", (*shared, "strategies"))
    stream = [*of_section(StreamSettings, "stream."), *of_options(stream_options(), "stream.", TaskStream)]
    default = {field.name: field.default for field in fields(TrainConfig().train)}
    task = [
        row
        for row, field in zip(of_section(TaskSettings, "train."), fields(TaskSettings), strict=True)
        if default.get(field.name, MISSING) != field.default or field.name in ("select", "batch_size")
    ]
    parts = [table([*top, *stream, *task])]
    for name in strategy_names():
        cls = get_strategy(name)
        names = {field.name for field in fields(strategy_settings_class(name))}
        hints = hints_of(strategy_settings_class(name))
        settings = signature_settings(cls.__init__)
        options = {key: Setting(hints[key], value.default) for key, value in settings.items() if key in names}
        rows = of_options(options, f"strategies.{name}.", cls)
        parts.append(f"### `{name}`\n\n" + (table(rows) if rows else "No settings."))
    return "\n\n".join(parts)


#: Tables by the name that a page asks for them by.
TABLES: dict[str, Callable[[], str]] = {
    table.__name__: table
    for table in (common, learning, batches, models, data, links, own_data, datasets, distill, continual)
}  # fmt: skip


def fill(text: str) -> str:
    """Returns a page with its tables in place of the lines ``%settings:NAME``."""
    return re.sub(r"^%settings:(\w+)$", lambda match: TABLES[match[1]](), text, flags=re.M)


def setup(app: Any) -> dict[str, Any]:
    """Registers the extension."""
    app.connect("source-read", lambda app, page, source: source.__setitem__(0, fill(source[0])))
    return {"parallel_read_safe": True, "version": "1"}
