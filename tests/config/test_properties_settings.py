"""Settings of any values: what is written as YAML reads back equal, and layers combine in any grouping."""

import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
import yaml
from hypothesis import assume, given
from hypothesis import strategies as st

from graphkit.coercion import MAX_NUMBER, OFF, Range, coerce
from graphkit.config.layers import merge, parse_setting
from graphkit.continual.continual_config import ContinualConfig, TaskSettings, strategy_settings_class
from graphkit.data.data_settings import data_settings_class
from graphkit.distill.distill_config import DistillConfig, LossSettings
from graphkit.errors import InputError
from graphkit.nn.model_settings import model_settings_class
from graphkit.plain_yaml import parse_yaml
from graphkit.registry import loss_names, model_names, strategy_names
from graphkit.settings import Section, hints_of, plain
from graphkit.training.train_config import TrainConfig, TrainSettings
from tests.properties import TEXT, YAML_VALUES

#: A hint of every kind that a setting has.
HINTS = [
    int, float, bool, str, Any, int | None, float | None, bool | None, str | None,
    Annotated[int, Range(1)], Annotated[float, Range(0, 1, open_low=True, open_high=True)],
    Annotated[int, Range(1, 1024)] | None, Literal["none", "step"], Literal["adam", "sgd"] | None,
    Sequence[int], tuple[Annotated[int, Range(0, 9)], ...], list[str] | None, Sequence[float], Sequence[Any],
]  # fmt: skip


def values_of(hint: Any) -> st.SearchStrategy[Any]:
    """Returns the values that fit a type hint, in its own type."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        (limit,) = (part for part in args[1:] if isinstance(part, Range))
        if args[0] is int:
            return st.integers(int(limit.low), int(min(limit.high, 2**63 - 1)))
        high = min(limit.high, MAX_NUMBER)
        return st.floats(limit.low, high, exclude_min=limit.open_low, exclude_max=limit.open_high)
    if origin in (Union, types.UnionType):
        members = [values_of(arg) for arg in args if arg is not type(None) and arg is not Path]
        inner = st.one_of(members).filter(lambda value: not (isinstance(value, str) and value.strip().lower() in OFF))
        return inner | st.none() if type(None) in args else inner
    if origin is Literal:
        return st.sampled_from(args)
    if origin in (list, tuple, Sequence):
        return st.lists(values_of(args[0]), max_size=3)
    if origin is Mapping:
        return st.dictionaries(*map(values_of, args), max_size=3)
    plain_values = {
        int: st.integers(1 - 2**63, 2**63 - 1),
        float: st.floats(-MAX_NUMBER, MAX_NUMBER),
        bool: st.booleans(),
        str: TEXT,
    }
    return plain_values.get(hint, YAML_VALUES)


def options_of(section: type[Section], *skipped: str) -> st.SearchStrategy[dict[str, Any]]:
    """Returns values for some of the fields of a section."""
    hints = {field.name: hints_of(section)[field.name] for field in fields(section) if field.name not in skipped}
    return st.fixed_dictionaries({}, optional={name: values_of(hint) for name, hint in hints.items()})


def numbers_of(section: type[Section]) -> st.SearchStrategy[dict[str, Any]]:
    """Returns values for the numbers and switches among the fields; their hints do not tell the choices of texts."""
    return options_of(section, *(name for name, hint in hints_of(section).items() if "str" in str(hint)))


def named(section: type[Section], name: str, *skipped: str) -> st.SearchStrategy[dict[str, Any]]:
    return options_of(section, "name", *skipped).map(lambda options: {**options, "name": name})


def learning(section: type[Section]) -> st.SearchStrategy[dict[str, Any]]:
    """Returns a section ``train`` whose settings fit each other."""

    def fitting(train: dict[str, Any]) -> dict[str, Any]:
        if train.get("warmup", 0) >= train.get("epochs", 100):
            del train["warmup"]
        return {**train, "momentum": train.get("momentum") or 0.9}

    return options_of(section, "num_neighbors").map(fitting)


MODELS = st.sampled_from(model_names()).flatmap(lambda name: named(model_settings_class(name), name))
LOSSES = st.fixed_dictionaries(
    {}, optional={key: values_of(hints_of(LossSettings)[key]) for key in ("weight", "active_epochs")}
)
DATA = st.sampled_from(["cora", "factor-graphs", "synthetic-skeleton"])
RUN = {
    "seed": st.integers(0, 2**31),
    "seeds": st.integers(1, 10_000),
    "device": TEXT,
    "recipe": values_of(str | None),
}


def written(config: Any) -> Any:
    """Returns the settings of a configuration as they are after they were written into a file and read."""
    return parse_yaml(yaml.safe_dump(config.to_dict()))


@pytest.mark.parametrize("hint", HINTS, ids=str)
@given(data=st.data())
def test_a_value_of_its_type_stays_as_it_is(hint: Any, data: st.DataObject) -> None:
    value = data.draw(values_of(hint))
    for given_value in (value, parse_yaml(yaml.safe_dump(plain(value))), coerce("a", value, hint)):
        coerced = coerce("a", given_value, hint)
        assert coerced == value and type(coerced) is type(value)
    if isinstance(value, int | float | None) and hint is not Any:
        text = parse_setting(f"a={'none' if value is None else yaml.safe_dump(value).splitlines()[0]}")
        assert coerce("a", text["a"], hint) == value
        if not isinstance(value, bool) and value is not None:
            assert coerce("a", repr(value), hint) == value
    if isinstance(value, list) and value and hint not in (Any, list[str] | None, Sequence[Any]):
        assert coerce("a", ", ".join(map(repr, value)), hint) == value


@pytest.mark.parametrize("hint", HINTS, ids=str)
@given(value=YAML_VALUES | st.floats() | st.integers())
def test_any_value_is_taken_once_and_for_all_or_refused_in_one_line(hint: Any, value: Any) -> None:
    try:
        coerced = coerce("a.b", value, hint)
    except InputError as error:
        assert str(error).startswith("`a.b` must ") and len(str(error).splitlines()) == 1
    else:
        again = coerce("a.b", coerced, hint)
        assert again == coerced or hint in (Any, Sequence[Any])  # where NaN is taken, and is not equal to itself


@given(
    model=MODELS,
    dataset=DATA,
    train=learning(TrainSettings),
    run=st.fixed_dictionaries({}, optional=RUN),
    rest=st.data(),
)
def test_a_run_reads_back_equal(
    model: dict[str, Any], dataset: str, train: dict[str, Any], run: dict[str, Any], rest: st.DataObject
) -> None:
    source = rest.draw(named(data_settings_class(dataset), dataset))
    config = TrainConfig.read({"model": model, "data": source, "train": train, **run})
    assert config.train.lr == train.get("lr", 0.01) and config.model.given() == in_tuples(model)
    assert TrainConfig.read(written(config)) == config


@given(
    teacher=MODELS, student=MODELS, train=st.tuples(learning(TrainSettings), learning(TrainSettings)),
    names=st.lists(st.sampled_from(loss_names()), min_size=1, unique=True), run=st.fixed_dictionaries({}, optional=RUN),
    rest=st.data(),
)  # fmt: skip
def test_a_comparison_of_losses_reads_back_equal(
    teacher: dict[str, Any],
    student: dict[str, Any],
    train: tuple[dict[str, Any], dict[str, Any]],
    names: list[str],
    run: dict[str, Any],
    rest: st.DataObject,
) -> None:
    both = {**train[0], **train[1]}  # a student has the settings of its teacher unless it has its own
    assume(both.get("warmup", 0) < both.get("epochs", 2**63))
    losses = {name: rest.draw(LOSSES) for name in names}
    config = DistillConfig.read({
        "teacher": {"model": teacher, "train": train[0]}, "student": {"model": student, "train": train[1]},
        "losses": losses, **run,
    })  # fmt: skip
    assert list(config.losses) == names and config.teacher.model.given() == in_tuples(teacher)
    assert DistillConfig.read(written(config)) == config


@given(
    model=MODELS, dataset=DATA, train=learning(TaskSettings), protocol=st.sampled_from(["default", "published"]),
    names=st.lists(st.sampled_from(strategy_names()), min_size=1, unique=True),
    run=st.fixed_dictionaries({}, optional=RUN),
    stream=st.fixed_dictionaries({}, optional={
        "per_task": st.integers(1, 9), "tasks": st.none() | st.integers(1, 9), "inter_task_edges": st.booleans(),
        "scenario": st.sampled_from(["task", "class", "time"]), "seed": st.none() | st.integers(0, 99),
        "split": st.sampled_from(["0.6,0.2,0.2", (0.5, 0.25, 0.25)]), "heads": st.sampled_from([None, "shared"]),
    }),
    rest=st.data(),
)  # fmt: skip
def test_a_stream_reads_back_equal(
    model: dict[str, Any],
    dataset: str,
    train: dict[str, Any],
    protocol: str,
    names: list[str],
    run: dict[str, Any],
    stream: dict[str, Any],
    rest: st.DataObject,
) -> None:
    source = rest.draw(named(data_settings_class(dataset), dataset, "split", "split_seed", "labels_per_class", "fold"))
    strategies = {name: rest.draw(numbers_of(strategy_settings_class(name))) for name in names}
    config = ContinualConfig.read({
        "model": model, "data": source, "train": train, "protocol": protocol, "strategies": strategies,
        "stream": stream, **run,
    })  # fmt: skip
    assert list(config.strategies) == names and config.train.epochs == train.get("epochs", 100)
    assert ContinualConfig.read(written(config)) == config


def in_tuples(options: Mapping[str, Any]) -> dict[str, Any]:
    """Returns options as a frozen section holds them."""
    return {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}


@st.composite
def layers(draw: st.DrawFn, count: int) -> list[dict[str, Any]]:
    """Draws layers that name the same model and data set, in any spelling, where they name one."""
    leaf = st.integers(0, 9) | st.lists(st.integers(0, 9), max_size=2) | st.none()
    model = st.fixed_dictionaries(
        {}, optional={"name": st.sampled_from(["gat", "GAT"]), "heads": leaf, "dropout": leaf}
    )
    train = st.fixed_dictionaries({}, optional={"lr": leaf, "epochs": leaf})
    network = st.fixed_dictionaries({}, optional={"model": model, "train": train})
    entry = st.none() | st.fixed_dictionaries({}, optional={"weight": leaf, "sigma": leaf})
    losses = st.dictionaries(st.sampled_from(["lsp", "LSP", "kd"]), entry, max_size=2)
    data = st.fixed_dictionaries({}, optional={"name": st.sampled_from(["cora", "Cora"]), "fold": leaf})
    layer = st.fixed_dictionaries({}, optional={
        "model": model, "train": train, "teacher": network, "student": network, "losses": losses, "data": data,
        "seed": leaf,
    })  # fmt: skip
    return draw(st.lists(layer, min_size=count, max_size=count))


def leaves(layer: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yields the values of a layer with the keys that lead to them."""
    if isinstance(layer, dict):
        for key, value in layer.items():
            yield from leaves(value, (*path, key))
    else:
        yield path, layer


@given(three=layers(3))
def test_layers_combine_in_any_grouping(three: list[dict[str, Any]]) -> None:
    first, second, third = three
    expected = merge(first, second, third)
    assert merge(merge(first, second), third) == expected == merge(first, merge(second, third))
    assert merge(expected) == merge({}, expected) == merge(expected, {}) == merge(expected, expected) == expected


@given(two=layers(2))
def test_of_two_layers_the_later_one_has_precedence(two: list[dict[str, Any]]) -> None:
    first, second = (dict(leaves(merge(layer))) for layer in two)
    assert dict(leaves(merge(*two))) == {**first, **second}


@given(three=layers(3))
def test_another_model_starts_without_the_options_of_the_earlier_one(three: list[dict[str, Any]]) -> None:
    first, second, third = three
    first = {**first, "model": {**first.get("model", {}), "name": "gat"}}
    second = {**second, "model": {**second.get("model", {}), "name": "mlp"}}
    assert merge(first, second)["model"] == second["model"]
    third = {**third, "model": {key: value for key, value in third.get("model", {}).items() if key != "name"}}
    assert merge(first, second, third)["model"] == {**second["model"], **third["model"]}
