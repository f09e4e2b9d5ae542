import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import Result

Command = Callable[..., Result]
SMALL = ("continual", "--model", "gcn", "--dataset", "sbm-continual", "--recipe", "none", "--epochs", 2)
TINY = ("--set", "data.num_classes=4", "--set", "data.size=10", "--set", "model.hidden_channels=4")


def test_tells_the_scores_their_meaning_and_the_matrix(graphkit: Command) -> None:
    result = graphkit(*SMALL, *TINY, "--strategy", "twp", "--seeds", 2)
    assert result.exit_code == 0, result.output
    assert "gcn on sbm-continual: 2 tasks of 2, task-incremental, graph visible: whole" in result.stdout
    assert "protocol default: heads task, adamw, weight decay 0.0005; accuracy in %, 2 seed(s)" in result.stdout
    assert "over T - 1 tasks, negative means forgetting" in result.stdout and "after task   2" in result.stdout
    assert "run folder: runs/continual-sbm-continual-001" in result.stdout and "twp seed 1 task 2/2" in result.stderr
    assert Path("runs/continual-sbm-continual-001/report.html").is_file()


def test_compares_strategies_as_json(graphkit: Command) -> None:
    options = ("--classes-per-task", 2, "--visible", "so-far", "--no-inter-task-edges", "--protocol", "published")
    result = graphkit(*SMALL, *TINY, *options, "--compare", "twp, fine-tune", "--output", "out", "--json", "--quiet")
    content = json.loads(result.stdout)
    assert content == json.loads(Path("out/result.json").read_text()) and result.stderr == ""
    assert list(content["strategies"]) == ["twp", "fine-tune"]
    protocol = content["protocol"]
    assert protocol["name"] == "published" and protocol["visible"] == "so-far" and not protocol["inter_task_edges"]
    again = graphkit("continual", "--config", "out/config.yaml", "--output", "again", "--json", "--quiet")
    repeated = json.loads(again.stdout)["strategies"]
    assert all(repeated[name]["matrix"] == entry["matrix"] for name, entry in content["strategies"].items())


def test_one_setting_of_a_strategy(graphkit: Command) -> None:
    options = ("--compare", "twp,ewc", "--set", "strategies.twp.lambda_t=0.5", "--lr", 0.1, "--tasks", 2)
    assert graphkit(*SMALL, *TINY, *options, "--output", "o").exit_code == 0
    config = yaml.safe_load(Path("o/config.yaml").read_text())
    assert config["strategies"] == {"twp": {"lambda_t": 0.5}, "ewc": {}} and config["train"]["lr"] == 0.1
    assert config["stream"]["tasks"] == 2


def test_another_model_keeps_the_rest_of_the_recipe(graphkit: Command) -> None:
    options = ("--dataset", "sbm-continual", "--model", "gcn", "--compare", "ewc, joint", "--epochs", 1, "--quiet")
    result = graphkit("continual", *options, *TINY, "--output", "out")
    assert result.exit_code == 0, result.output
    config = yaml.safe_load(Path("out/config.yaml").read_text())
    assert config["model"] == {"name": "gcn", "hidden_channels": 4} and config["recipe"] == "continual-sbm-continual"
    assert config["train"]["lr"] == 0.03 and list(config["strategies"]) == ["ewc", "joint"]
    assert config["strategies"]["ewc"]["samples"] == 20


def test_resuming_what_is_done_gives_it_again(graphkit: Command) -> None:
    result = graphkit(*SMALL, *TINY, "--compare", "fine-tune,joint", "--output", "out", "--quiet")
    assert result.exit_code == 0, result.output
    assert all(f"\n  {name} " in result.stdout for name in ("fine-tune", "joint"))
    again = graphkit("continual", "--resume", "out", "--quiet")
    assert again.exit_code == 0 and again.stdout == result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--strategy", "twpp"), "unknown strategy 'twpp'; did you mean 'twp'?"),
        (("--strategy", "twp", "--compare", "all"), "--strategy is for one strategy and --compare for several"),
        (("--model", "gta"), "unknown model 'gta'; did you mean"),
        (("--protocol", "paper"), "unknown protocol 'paper'"),
        (("--set", "strategies.gem.memory=3", "--strategy", "twp"), "settings for 'gem', which is not among twp"),
        (("--tasks", 99), "99 tasks need at least as many classes (got 18)"),
        (("--classes-per-task", 10), "at least two tasks (got 1: 18 classes, 10 per task)"),
        (("--recipe", "factorgcn-cora"), "the recipe 'factorgcn-cora' is not for a stream of tasks"),
        (("--resume", "none"), "--dataset cannot be given with --resume"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(graphkit: Command, arguments: tuple, message: str) -> None:
    base = ("continual", "--dataset", "sbm-continual")
    result = graphkit(*base, *(() if "--recipe" in arguments else ("--recipe", "none")), *arguments)
    assert result.exit_code == 2 and message in result.stderr and len(result.stderr.strip().splitlines()) == 1
    assert not Path("runs").exists()


def test_what_must_be_known_of_the_scores_is_printed(graphkit: Command) -> None:
    common = ("--strategy", "fine-tune", "--output")
    one = graphkit(*SMALL, *TINY, "--classes-per-task", 1, *common, "one")
    assert one.exit_code == 0 and "note: each task has one class only" in one.stdout
    odd = graphkit(*SMALL, "--set", "data.num_classes=5", *TINY[2:], *common, "odd")
    assert odd.exit_code == 0 and "note: classes left out, which are in no task: 4 of 5" in odd.stdout
    assert "note:" not in graphkit(*SMALL, *TINY, *common, "even").stdout
