"""Configurations and results of the command line and of Python: the same from the same settings."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

import graphkit
import graphkit.experiments
from graphkit.cli.main import main
from graphkit.config.recipes import load_recipe, recipe_names
from graphkit.continual.continual_config import PROTOCOLS
from graphkit.errors import InputError
from graphkit.experiments import build_config, config_of_folder, continual_layer, distill_layer, fit_model, loss_layer
from graphkit.experiments.keywords import train_layer
from graphkit.registry import loss_names, strategy_names
from graphkit.training.run_files import describe
from graphkit.training.train_config import RunConfig

Captured = Callable[..., RunConfig]

RECIPES = {name: load_recipe(name) for name in recipe_names()}
DISTILL = [name for name, recipe in RECIPES.items() if "student" in recipe]
CONTINUAL = [name for name, recipe in RECIPES.items() if "stream" in recipe]
TRAIN = [name for name in RECIPES if name not in (*DISTILL, *CONTINUAL)]


class _Captured(Exception):  # noqa: N818 (it is no error)
    """Stops a command before it trains."""

    def __init__(self, config: RunConfig) -> None:
        super().__init__()
        self.config = config


def _capture(config: RunConfig, *_: Any, **__: Any) -> None:
    raise _Captured(config)


@pytest.fixture
def of_shell(monkeypatch: pytest.MonkeyPatch) -> Captured:
    """Returns the function that gives the configuration of a command line."""
    monkeypatch.setattr(graphkit.experiments, "run", _capture)

    def config_of(*arguments: Any) -> RunConfig:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert isinstance(result.exception, _Captured), result.output
        return result.exception.config

    return config_of


@pytest.fixture
def of_fit(monkeypatch: pytest.MonkeyPatch) -> Captured:
    """Returns the function that gives the configuration of a call of ``graphkit.fit``."""
    monkeypatch.setattr(fit_model, "run", _capture)

    def config_of(*arguments: Any, **keywords: Any) -> RunConfig:
        with pytest.raises(_Captured) as captured:
            graphkit.fit(*arguments, **keywords)
        return captured.value.config

    return config_of


def _check_written(config: RunConfig, folder: Path) -> None:
    """Asserts that a configuration reads back equal from a run folder."""
    describe(folder, config)
    read = config_of_folder(folder)
    assert read == config and type(read) is type(config) and read.to_dict() == config.to_dict()
    assert build_config(config.command, yaml.safe_load((folder / "config.yaml").read_text())) == config


@pytest.mark.parametrize("name", TRAIN)
def test_train_recipe(name: str, of_shell: Captured, of_fit: Captured, tmp_path: Path) -> None:
    model, dataset = RECIPES[name]["model"]["name"], RECIPES[name]["data"]["name"]
    config = of_shell("train", "--recipe", name)
    assert config == of_fit(recipe=name) and config.recipe == name
    _check_written(config, tmp_path / "run")
    if name == f"{model}-{dataset}":
        assert of_shell("train", "--model", model, "--dataset", dataset) == config == of_fit(model, dataset)
    options = ["--epochs", 7, "--lr", 0.3, "--batch-size", 5, "--seed", 4, "--seeds", 3, "--device", "cpu"]
    keywords = {"epochs": 7, "lr": 0.3, "batch_size": 5, "seed": 4, "seeds": 3, "device": "cpu"}
    assert of_shell("train", "--recipe", name, "--set", "train.warmup=0", *options) == of_fit(
        recipe=name, set={"train.warmup": 0}, **keywords
    )


@pytest.mark.parametrize("name", DISTILL)
def test_distill_recipe(name: str, of_shell: Captured, tmp_path: Path) -> None:
    dataset = RECIPES[name]["data"]["name"]
    config = of_shell("distill", "--recipe", name)
    assert config == build_config("distill", recipe=name) and config.recipe == name
    _check_written(config, tmp_path / "run")
    if name == f"distill-{dataset}":
        assert of_shell("distill", "--dataset", dataset) == config
    compared = of_shell("distill", "--recipe", name, "--compare", "all", "--lr", 0.3, "--seeds", 3)
    assert compared == build_config("distill", distill_layer(lr=0.3, seeds=3), recipe=name, names="all")
    assert [*compared.losses] == loss_names()  # type: ignore[attr-defined]
    _check_written(compared, tmp_path / "compared")
    for network, of_network in compared.networks(tmp_path / "compared").items():  # type: ignore[attr-defined]
        _check_written(of_network, tmp_path / "compared" / network)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", CONTINUAL)
def test_continual_recipe(name: str, protocol: str, of_shell: Captured, tmp_path: Path) -> None:
    dataset = RECIPES[name]["data"]["name"]
    config = of_shell("continual", "--recipe", name, "--protocol", protocol)
    assert config == build_config("continual", continual_layer(protocol=protocol), recipe=name)
    assert config.recipe == name
    _check_written(config, tmp_path / "run")
    if name == f"continual-{dataset}":
        assert of_shell("continual", "--dataset", dataset, "--protocol", protocol) == config
    options = ["--compare", "all", "--search", "--epochs", 2, "--seed", 4]
    compared = of_shell("continual", "--recipe", name, "--protocol", protocol, *options)
    layer = continual_layer(protocol=protocol, search=True, epochs=2, seed=4)
    assert compared == build_config("continual", layer, recipe=name, names="all")
    assert [*compared.strategies] == strategy_names()  # type: ignore[attr-defined]
    _check_written(compared, tmp_path / "compared")


def test_options_of_losses_and_streams(of_shell: Captured) -> None:
    options = ["--loss", "lsp", "--layers", "conv1:conv1", "--weight", 10, "--kernel", "poly", "--active-epochs", 3]
    layers = (
        distill_layer(dataset="karate", student="gcn", teacher_model="gat"),
        loss_layer(["lsp"], layers="conv1:conv1", weight=10, kernel="poly", active_epochs=3),
    )
    shell = of_shell("distill", "--dataset", "karate", "--student", "gcn", "--teacher-model", "gat", *options)
    assert shell == build_config("distill", *layers, names="lsp")
    options = ["--classes-per-task", 3, "--visible", "so-far", "--no-inter-task-edges", "--strategy", "ewc"]
    layer = continual_layer(
        dataset="sbm-continual", model="gcn", classes_per_task=3, visible="so-far", inter_task_edges=False
    )
    shell = of_shell("continual", "--dataset", "sbm-continual", "--model", "gcn", *options)
    assert shell == build_config("continual", layer, names="ewc")


def test_task_target_and_metric_of_own_data(of_shell: Captured, of_fit: Captured, tmp_path: Path) -> None:
    (tmp_path / "graph").mkdir()
    (tmp_path / "graph" / "edges.csv").write_text("source,target\na,b\n")
    options = ["--task", "regression", "--target", "size,age", "--metric", "rmse"]
    shell = of_shell("train", "--model", "gcn", "--dataset", tmp_path / "graph", *options)
    assert shell == of_fit("gcn", tmp_path / "graph", task="regression", target=["size", "age"], metric="rmse")
    assert shell == of_fit("gcn", tmp_path / "graph", task="regression", target="size,age", set="train.metric=rmse")
    assert (shell.data.task, shell.data.target, shell.train.metric) == (  # type: ignore[attr-defined]
        "regression",
        "size,age",
        "rmse",
    )
    _check_written(shell, tmp_path / "run")
    targets: dict[str, Any] = {"task": "regression", "target": ["size", "age"]}
    names = {"dataset": str(tmp_path / "graph"), **targets}
    shell = of_shell("distill", "--dataset", tmp_path / "graph", *options[:4])
    assert shell == build_config("distill", distill_layer(**names))
    shell = of_shell("continual", "--dataset", tmp_path / "graph", *options[:4])
    assert shell == build_config("continual", continual_layer(**names))


def test_column_of_molecules(of_shell: Captured, of_fit: Captured, tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("smiles,logS\nCCO,-0.7\n")
    options = ["--smiles", "smiles", "--target", "logS"]
    shell = of_shell("train", "--model", "gin", "--dataset", tmp_path / "m.csv", *options)
    assert shell == of_fit("gin", tmp_path / "m.csv", smiles="smiles", target="logS")
    assert shell.data.smiles == "smiles"  # type: ignore[attr-defined]
    _check_written(shell, tmp_path / "run")


def test_options_of_own_graphs_are_refused_for_named_data() -> None:
    for name, value in {"task": "regression", "target": "age", "smiles": "smiles"}.items():
        owner = "a table of molecules" if name == "smiles" else "your own graphs"
        with pytest.raises(InputError, match=rf"^`data.{name}` is an option of {owner}, not of karate"):
            build_config("train", train_layer(dataset="karate", **{name: value}))


@pytest.mark.parametrize("names", [("gat", "cora"), ("GAT", "Cora"), ("g_a-t", "C-O_R-A")])
def test_names_without_regard_to_case_and_hyphens(names: tuple[str, str], of_shell: Captured, of_fit: Captured) -> None:
    config = of_fit(*names)
    assert (config.model.name, config.data.name) == ("gat", "cora")  # type: ignore[attr-defined]
    assert config.recipe == "gat-cora"
    assert config == of_shell("train", "--model", names[0], "--dataset", names[1])


def test_paths_are_text_in_a_configuration(of_shell: Captured, of_fit: Captured, tmp_path: Path) -> None:
    config = of_fit("gcn", "karate", root=tmp_path, set="train.lr=0.3")
    assert config == of_shell("train", "--model", "gcn", "--dataset", "karate", "--root", tmp_path, "--lr", 0.3)
    assert config.data.root == str(tmp_path)
    _check_written(config, tmp_path / "run")


def test_trained_teacher_and_its_students(of_shell: Captured, tmp_path: Path) -> None:
    teacher = tmp_path / "teacher"
    settings = {"model.heads": 4, "data.split_seed": 3}
    describe(teacher, build_config("train", train_layer(model="gat", dataset="karate", seed=5, seeds=2), set=settings))
    config = of_shell("distill", "--teacher", teacher, "--compare", "lsp,kd", "--lr", 0.3)
    assert config == build_config("distill", distill_layer(teacher=str(teacher), lr=0.3), names="lsp,kd")
    assert (config.seed, config.seeds, config.data.split_seed) == (5, 2, 3)
    assert config.student.model.heads == 4  # type: ignore[attr-defined]
    _check_written(config, tmp_path / "run")
    for name, network in config.networks(tmp_path / "run").items():  # type: ignore[attr-defined]
        _check_written(network, tmp_path / "run" / name)


SMALL: dict[str, tuple[str, dict[str, Any]]] = {
    "factorgcn-factor-graphs": (
        "--model factorgcn",
        {"data.num_graphs": 40, "model.hidden_channels": 4, "train.batch_size": 8},
    ),
    "stigcn-synthetic-skeleton": (
        "--model stigcn --dataset synthetic-skeleton",
        {"data.num_clips": 24, "data.frames": 8, "model.channels": [4], "model.blocks": [1]},
    ),
    "spagan-path-signal": (
        "--model spagan --dataset path-signal",
        {"data.num_chains": 30, "model.hidden_channels": 4, "model.heads": 1},
    ),
}


@pytest.mark.extended
@pytest.mark.parametrize("recipe", SMALL)
def test_same_score_to_the_digit(recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHKIT_CACHE", str(tmp_path / "cache"))
    line, settings = SMALL[recipe]
    sets = [text for key, value in settings.items() for text in ("--set", f"{key}={value}")]
    arguments = ["train", *line.split(), *sets, "--epochs", "2", "--json", "--output", str(tmp_path / "shell")]
    shell = CliRunner().invoke(main, arguments)
    assert shell.exit_code == 0, shell.output
    model, *dataset = line.replace("--model ", "").replace("--dataset ", "").split()
    run = graphkit.fit(model, *dataset, epochs=2, set=settings, output=tmp_path / "python")
    assert run.config.recipe == recipe
    result = json.loads(shell.stdout)
    assert result["test"] == run.result["test"] and result["validation"] == run.result["validation"]
    weights = "model.safetensors"
    assert (tmp_path / "shell" / weights).read_bytes() == (tmp_path / "python" / weights).read_bytes()


def test_precedence(of_shell: Captured, of_fit: Captured, tmp_path: Path) -> None:
    """Defaults, recipe, file, settings by key, keywords: the later has precedence."""
    recipe = RECIPES["gat-cora"]["train"]
    file = tmp_path / "c.yaml"
    file.write_text("train: {lr: 0.2, patience: 21, clip: 2, epochs: 22}\nmodel: {name: gat, heads: 2}\nseed: 2\n")
    options = ["--set", "train.lr=0.3", "--set", "train.clip=3", "--set", "seed=3", "--lr", 0.4, "--seed", 4]
    shell = of_shell("train", "--model", "gat", "--dataset", "cora", "--config", file, *options)
    settings = {"train.lr": 0.3, "train.clip": 3, "seed": 3}
    config = of_fit("gat", "cora", config=file, set=settings, lr=0.4, seed=4)
    assert shell == config
    train = config.train  # type: ignore[attr-defined]
    assert (train.lr, config.seed) == (0.4, 4)  # keywords
    assert train.clip == 3  # set
    assert (train.patience, train.epochs, config.model.heads) == (21, 22, 2)  # type: ignore[attr-defined]  # file
    assert train.weight_decay == recipe["weight_decay"] == 0.001  # recipe
    assert (train.optimizer, train.schedule) == ("adam", "none")  # defaults
    assert of_fit("gat", "cora", recipe="none").train.weight_decay == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("command", "key", "value"),
    [("distill", "student.train.lr", 0.3), ("continual", "train.lr", 0.3), ("train", "train.lr", 0.3)],
)
def test_precedence_of_every_command(command: str, key: str, value: float, tmp_path: Path) -> None:
    def lr(*layers: Any, **sources: Any) -> float:
        config: Any = build_config(command, {"data": {"name": "cora"}}, *layers, **sources)
        return (config.student.train if command == "distill" else config.train).lr

    *sections, _ = key.split(".")
    content: Any = {"lr": 0.2}
    for name in reversed(sections):
        content = {name: content}
    file = tmp_path / "c.yaml"
    file.write_text(yaml.safe_dump(content))
    layer: Any = {"lr": 0.4}
    for name in reversed(sections):
        layer = {name: layer}
    assert lr(file=file) == 0.2
    assert lr(file=file, set={key: value}) == value
    assert lr(layer, file=file, set={key: value}) == 0.4
