from typing import Any

import pytest
import yaml

from graphkit.config.layers import merge
from graphkit.continual.continual_config import chosen_strategies
from graphkit.registry import strategy_names
from tests.fitting import resolve_continual


def test_defaults_and_protocols() -> None:
    config = resolve_continual({})
    assert config["model"] == {"name": "gat"} and config["data"]["name"] == "cora"
    assert config["strategies"] == {"twp": {}}
    assert config["stream"]["heads"] == "task" and config["train"]["optimizer"] == "adamw"
    published = resolve_continual({"protocol": "published", "train": {"epochs": 7}})
    assert published["stream"]["heads"] == "shared" and published["train"]["epochs"] == 7
    train = published["train"]
    assert (train["optimizer"], train["weight_decay"], train["keep_optimizer"]) == ("adam", 5e-4, True)
    assert resolve_continual({"stream": {"scenario": "class"}})["stream"]["heads"] == "shared"


def test_resolves_to_itself_through_yaml(small: dict[str, Any]) -> None:
    config = resolve_continual(small, {"strategies": {"gem": {"memory": 3}}, "protocol": "published"})
    assert resolve_continual(yaml.safe_load(yaml.safe_dump(config))) == config


def test_strategies_are_merged_one_by_one() -> None:
    merged = merge(
        {"strategies": {"twp": {"lambda_l": 2.0, "beta": 0.1}, "ewc": {}}}, {"strategies": {"twp": {"beta": 0.2}}}
    )
    assert merged == {"strategies": {"twp": {"lambda_l": 2.0, "beta": 0.2}, "ewc": {}}}


def test_names_of_strategies() -> None:
    assert chosen_strategies("all") == strategy_names() and chosen_strategies("twp, ewc") == ["twp", "ewc"]
    with pytest.raises(ValueError, match="unknown strategy 'twpp'; did you mean 'twp'"):
        chosen_strategies("twpp")


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"strem": {}}, "unknown configuration key 'strem'; did you mean 'stream'"),
        ({"stream": {"clases": 2}}, "unknown configuration key 'stream.clases'"),
        ({"strategies": {"twp": {"lambda": 1}}}, "unknown configuration key 'strategies.twp.lambda'; did you mean"),
        ({"strategies": {"twp": 3}}, "`strategies.twp` must hold keys and values"),
        ({"train": 3}, "`train` must hold keys and values"),
        ({"protocol": "publish"}, "unknown protocol 'publish'; did you mean 'published'"),
        ({"stream": {"heads": "task", "scenario": "class"}}, "`stream.heads` must be 'task', in task-incremental"),
        ({"search": "yes"}, "`search` must be true or false"),
        ({"train": {"select": "best"}}, "`train.select` must be one of score, loss, last"),
        ({"train": {"check": 0}}, "`train.check` must be at least 1"),
        ({"train": {"lr": 0}}, "`train.lr` must be positive"),
        ({"train": {"weight_decay": -1}}, "`train.weight_decay` must not be negative"),
        ({"strategies": {"ewc": {"samples": 2.5}}}, "`strategies.ewc.samples` must be a whole number"),
        ({"strategies": {"ewc": {"strength": "much"}}}, "`strategies.ewc.strength` must be a number"),
        ({"data": {"name": "coar"}}, "unknown data set 'coar'"),
    ],
)
def test_mistakes_are_named(layer: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        resolve_continual(layer)
