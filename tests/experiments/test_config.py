from pathlib import Path

import pytest
import yaml

from graphkit.config.layers import merge, parse_setting, read_config
from graphkit.nn.model_settings import model_options
from tests.fitting import resolve


def test_resolves_to_the_default_run_and_then_to_itself() -> None:
    config = resolve()
    assert config["model"]["name"] == "factorgcn" and config["data"]["name"] == "factor-graphs"
    assert config["seeds"] == 1 and config["seed"] == 0
    assert resolve(yaml.safe_load(yaml.safe_dump(config))) == config


def test_later_layers_win() -> None:
    config = resolve({"train": {"lr": 0.1, "epochs": 5}}, {"train": {"lr": 0.2}, "seed": 3})
    assert config["train"]["lr"] == 0.2 and config["train"]["epochs"] == 5 and config["seed"] == 3
    assert merge({"data": {"b": 1}}, {"data": {"c": 2}}, {"d": 3}) == {"data": {"b": 1, "c": 2}, "d": 3}


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"model": {"name": "factorgnc"}}, "unknown model 'factorgnc'; did you mean 'factorgcn'?"),
        ({"data": {"name": "coar"}}, "unknown data set 'coar'; did you mean 'cora'?"),
        ({"train": {"epoch": 3}}, "unknown configuration key 'train.epoch'; did you mean 'train.epochs'?"),
        ({"model": {"factor": 3}}, "unknown configuration key 'model.factor'; did you mean 'model.factors'?"),
        ({"model": {"in_channels": 3}}, "unknown configuration key 'model.in_channels'"),
        ({"data": {"num_graph": 3}}, "unknown configuration key 'data.num_graph'; did you mean 'data.num_graphs'?"),
        ({"trian": {}}, "unknown configuration key 'trian'; did you mean 'train'?"),
        ({"train": {"lr": "fast"}}, "`train.lr` must be a number (got 'fast')"),
        ({"train": {"lr": -1}}, "`train.lr` must be positive (got -1)"),
        ({"train": {"epochs": 1.5}}, "`train.epochs` must be a whole number (got 1.5)"),
        ({"train": {"epochs": 0}}, "`train.epochs` must be at least 1 (got 0)"),
        ({"train": {"patience": "long"}}, "must be a whole number, or none (got 'long')"),
        ({"train": {"optimizer": "adamm"}}, "`train.optimizer` must be one of adam, adamw, sgd (got 'adamm')"),
        ({"model": {"batch_norm": "yes"}}, "`model.batch_norm` must be true or false (got 'yes')"),
        ({"seeds": 0}, "`seeds` must be at least 1 (got 0)"),
        ({"train": 3}, "`train` must hold keys and values, such as 'train: {lr: 0.01}' (got 3)"),
        ({"data": "cora"}, "`data` must hold keys and values, such as 'data: {name: cora}' (got 'cora')"),
        ({"train": {"lr": None}}, "`train.lr` must be a number (got None)"),
        ({"train": {"epochs": float("inf")}}, "`train.epochs` must be a whole number (got inf)"),
        ({"train": {"threads": 1.5}}, "`train.threads` must be a whole number, or none (got 1.5)"),
        ({"train": {"clip": -1}}, "`train.clip` must be positive, or none (got -1)"),
        ({"train": {"schedule_factor": 2}}, "`train.schedule_factor` must lie between 0 and 1 (got 2)"),
        ({"data": {"fold": "x"}}, "`data.fold` must be a whole number, or none (got 'x')"),
        ({"data": {"transforms": [len]}}, "`data.transforms` must be text, a number, a list or keys and values"),
        ({"seed": -1}, "`seed` must not be negative"),
    ],
)
def test_a_mistake_is_one_line(layer: dict, message: str) -> None:
    with pytest.raises(ValueError) as error:
        resolve(layer)
    assert message in str(error.value) and "\n" not in str(error.value)


def test_numbers_that_yaml_takes_for_text_are_numbers() -> None:
    setting = parse_setting("train.weight_decay=5e-4")
    assert resolve(setting)["train"]["weight_decay"] == 5e-4


def test_settings_are_read_as_yaml() -> None:
    assert parse_setting("model.factors=[4, 2]") == {"model": {"factors": [4, 2]}}
    assert parse_setting("seed=7") == {"seed": 7}
    for text in ("lr", "=3"):
        with pytest.raises(ValueError, match="must read key=value"):
            parse_setting(text)


def test_a_single_value_stands_for_a_list_of_one() -> None:
    assert resolve({"model": {"factors": 4}})["model"]["factors"] == [4]


def test_the_options_of_a_model_are_those_of_its_class_and_its_parents() -> None:
    assert "weak_supervision" in model_options("factorgcn")
    assert {"heads", "dropout", "num_layers"} <= model_options("gat").keys()
    assert not {"self", "in_channels", "out_channels"} & model_options("gat").keys()


def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("- a list")
    with pytest.raises(ValueError, match="must hold keys and values"):
        read_config(path)
    path.write_text("a: [")
    with pytest.raises(ValueError, match="is not a YAML file"):
        read_config(path)


def test_a_setting_never_replaces_a_part_without_a_word() -> None:
    with pytest.raises(ValueError, match="`data` must hold keys and values"):
        merge({"data": {"name": "cora"}}, parse_setting("data=karate"))
