"""Listings as JSON, one line per recipe, completion of names, and the steps after a training."""

import json
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from graphkit.cli import continual_scores, distill_scores, search_scores
from graphkit.cli.main import main
from graphkit.cli.scores import next_steps, score_line
from graphkit.config.recipes import recipe_names
from graphkit.registry import dataset_names, model_names


def run(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_recipe_is_a_line() -> None:
    lines = run("recipes").splitlines()
    assert [line.split()[0] for line in lines] == list(recipe_names())
    row = next(line for line in lines if line.startswith("gcn-cora "))
    assert "accuracy 8" in row and " +- " in row and row.endswith("GCN on Cora, public split")
    assert "scores" in next(line for line in lines if line.startswith("continual-cora "))


def test_listings_as_json() -> None:
    recipes = json.loads(run("recipes", "--json"))
    assert [row["name"] for row in recipes] == list(recipe_names())
    assert all(entry["source"] for row in recipes for entry in row.get("expected", []))
    models = json.loads(run("models", "--json"))
    assert [row["name"] for row in models] == list(model_names())
    gcn = json.loads(run("models", "GCN", "--json"))
    assert gcn["name"] == "gcn" and "dropout" in gcn["settings"] and gcn in models


@pytest.mark.parametrize(
    ("words", "incomplete", "expected"),
    [
        (["train", "--model"], "spa", ["spagan"]),
        (["train", "--dataset"], "karat", ["karate"]),
        (["train", "--recipe"], "gcn-cor", ["gcn-cora"]),
        (["models"], "Factor", ["factorgcn"]),
        (["datasets"], "karat", ["karate"]),
        (["recipes", "show"], "spagan-cor", ["spagan-cora"]),
        (["search", "--models"], "gcn,spa", ["gcn,spagan"]),
        (["distill", "--compare"], "lsp,fit", ["lsp,fitnet"]),
        (["distill", "--student"], "ml", ["mlp"]),
        (["continual", "--strategy"], "er-g", ["er-gnn"]),
        (["continual", "--compare"], "al", ["all"]),
    ],
)
def test_names_are_completed(words: list[str], incomplete: str, expected: list[str]) -> None:
    complete = ShellComplete(main, {}, "graphkit", "_GRAPHKIT_COMPLETE")
    assert [item.value for item in complete.get_completions(words, incomplete)] == expected


def test_a_path_of_data_is_completed_by_the_shell() -> None:
    complete = ShellComplete(main, {}, "graphkit", "_GRAPHKIT_COMPLETE")
    (item,) = complete.get_completions(["train", "--dataset"], "./my-gr")
    assert item.type == "file"


def test_tables_are_aligned() -> None:
    lines = run("datasets").splitlines()
    assert [line.split()[0] for line in lines] == list(dataset_names()) and max(map(len, lines)) <= 100
    columns = {max(line.find(" here "), line.find(" -  ")) for line in lines}
    assert len(columns) == 1 and next(iter(columns)) > max(map(len, dataset_names()))
    assert "github.com" in run("datasets") and "https:" not in run("datasets")
    starts = {len(line) - len(line.split(maxsplit=1)[1]) for line in run("models").splitlines()}
    assert len(starts) == 1


def test_scores_are_aligned() -> None:
    scores = {"mean": 0.5, "std": 0.0, "runs": [0.5]}
    result = {"metric": "balanced-accuracy", "test": scores, "validation": scores}
    assert {score_line(result, name).index("50.00") for name in ("test", "validation")} == {31}


def test_the_next_steps_of_other_commands() -> None:
    result = {"run": "runs/distill-1", "seeds": [0], "chosen": "kd", "networks": [{"loss": None}, {"loss": {}}]}
    assert distill_scores.next_steps(result) == [
        "to predict with the chosen student: graphkit predict runs/distill-1/kd NEW --output FILE",
        "to repeat: graphkit distill --config runs/distill-1/config.yaml --seeds 5",
    ]
    assert "--compare all" in distill_scores.next_steps({**result, "seeds": [0, 1, 2, 3, 4]})[1]
    result = {"run": "runs/continual-1", "seeds": [0], "strategies": {"twp": {}}}
    assert continual_scores.next_steps(result)[0].startswith("to compare: the same command with --compare all")
    assert continual_scores.next_steps(result)[1] == (
        "to repeat: graphkit continual --config runs/continual-1/config.yaml --seeds 5"
    )
    several = {**result, "seeds": [0, 1, 2, 3, 4], "strategies": {"twp": {}, "ewc": {}}}
    assert continual_scores.next_steps(several) == ["to search settings first: the same command with --search"]
    models = {"gcn": {"run": "runs/search-1/gcn/chosen"}}
    assert search_scores.next_steps({"models": models, "chosen": "gcn"}) == [
        "to predict with the best model: graphkit predict runs/search-1/gcn/chosen NEW --output FILE",
        "to train with its settings: graphkit train --config runs/search-1/gcn/chosen/config.yaml --seeds 10",
    ]


def test_the_next_steps_of_a_training(tmp_path: Path) -> None:
    result = {"run": "runs/gcn-1", "seeds": [0], "selected_on": "validation"}
    assert next_steps(result) == [
        "to predict: graphkit predict runs/gcn-1 NEW --output FILE",
        "to compare: with --seeds 5, then graphkit compare runs/gcn-1 RUN",
    ]
    assert next_steps({**result, "seeds": [0, 1]})[1] == "to compare: graphkit compare runs/gcn-1 RUN"
    command = ("train", "--model", "mlp", "--dataset", "karate", "--epochs", "1", "--output", str(tmp_path / "run"))
    assert run(*command).splitlines()[-1].startswith("to compare: ")
    again = (*command[:-1], str(tmp_path / "again"), "--quiet")
    assert run(*again).splitlines()[-1].startswith("run folder: ")
