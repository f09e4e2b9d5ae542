"""Search of settings: equal budgets, the same result after interruptions and in other processes, report and options."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import graphkit
from graphkit.errors import InputError, MissingPackageError
from graphkit.experiments import (
    Engine,
    Interrupted,
    SearchConfig,
    build_config,
    config_of_folder,
    open_run,
    resume,
    run,
)
from graphkit.experiments.search import BATCH, RANDOM, SearchExperiment
from graphkit.nn.search_space import Choice, Interval, read_space
from graphkit.registry import get_model, model_names
from graphkit.training.experiment import TrainExperiment
from graphkit.training.progress import Progress
from graphkit.training.trials import Trial, choose_trial, summarize_trials

SMALL: dict[str, Any] = {
    "models": ["gcn", "mlp"], "data": {"name": "karate"}, "train": {"epochs": 3}, "trials": 12, "seeds": 2
}  # fmt: skip


#: Validation scores of trials; the first one has none.
SCORES = (None, 0.7, 0.2, 0.2, 0.9, 0.9)


def config_of(**more: Any) -> SearchConfig:
    config = build_config("search", {**SMALL, **more})
    assert isinstance(config, SearchConfig)
    return config


def test_each_model_has_the_same_number_of_trials_and_fits() -> None:
    experiment = SearchExperiment(config_of())
    units = experiment.units()
    for model in ("gcn", "mlp"):
        assert [unit for unit in units if unit.startswith(f"{model}/trial-")] == [
            f"{model}/trial-{number:03d}" for number in range(12)
        ]
        assert f"{model}/chosen/seed-0" in units and f"{model}/chosen/seed-1" in units
    assert len(units) == 2 * (12 + 2)


def test_trials_need_the_batches_before_and_final_fits_all_of_their_model() -> None:
    experiment = SearchExperiment(config_of(trials=RANDOM + 2 * BATCH))
    counts = {number: len(experiment.needs(f"gcn/trial-{number:03d}")) for number in range(RANDOM + 2 * BATCH)}
    assert {counts[number] for number in range(RANDOM)} == {0}
    assert {counts[number] for number in range(RANDOM, RANDOM + BATCH)} == {RANDOM}
    assert counts[RANDOM + BATCH] == RANDOM + BATCH
    needed = experiment.needs("gcn/chosen/seed-1")
    assert len(needed) == RANDOM + 2 * BATCH and all(unit.startswith("gcn/trial-") for unit in needed)


@pytest.mark.parametrize("model", model_names())
def test_every_model_declares_settings_that_it_has(model: str) -> None:
    space = get_model(model).search_space
    skeleton = get_model(model).reads == "skeleton clips"
    config = config_of(models=[model], data={"name": "synthetic-skeleton" if skeleton else "karate"})
    assert {"train.lr", "train.weight_decay"} < space.keys()
    for key, domain in space.items():
        for value in domain.examples:
            config.train_config(model, {key: value})


def test_settings_of_the_training_that_are_given_are_not_searched(tmp_path: Path) -> None:
    config = config_of(train={"epochs": 3, "lr": 0.5})
    assert all("train.lr" not in space for space in config.space.values())
    (tmp_path / "space.yaml").write_text("GCN:\n  model.dropout: {low: 0, high: 0.5}\n  train.lr: [0.01, 0.1]\n")
    from graphkit.experiments import search_layer

    layer = search_layer(models="gcn,mlp", space=tmp_path / "space.yaml", trials=3)
    spaces = build_config("search", layer).spaces()  # type: ignore[attr-defined]
    assert spaces["gcn"] == {"model.dropout": Interval(0, 0.5), "train.lr": Choice((0.01, 0.1))}
    assert spaces["mlp"] == get_model("mlp").search_space


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"models": ["gcn", "GCN"]}, "expected different models, got .* name each of them once"),
        ({"models": ["gnc"]}, "unknown model 'gnc'; did you mean"),
        ({"space": {"gat": {"train.lr": [0.1]}}}, "expected spaces of gcn, mlp, got one of 'gat'; remove it"),
        ({"space": {"gcn": {"lr": [0.1]}}}, "expected a setting of `model` or `train` for 'gcn', got 'lr'"),
        ({"space": {"gcn": {"train.lr": {"low": 1, "high": 0}}}}, "expected numbers low < high"),
        ({"space": {"gcn": {"train.lr": {"low": 0, "high": 1, "log": True}}}}, "positive with log"),
        ({"space": {"gcn": {"train.lr": []}}}, "expected texts, numbers or booleans, got"),
        ({"space": {"gcn": {"train.lr": 0.1}}}, "expected a list, or low, high and log, got 0.1"),
        ({"trials": 0}, "trials"),
    ],
)
def test_mistakes(given: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        config_of(**given)


def test_values_are_checked_before_the_folder_is_made(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    config = config_of(space={"gcn": {"model.dropout": [0.1, 7]}})
    with pytest.raises(InputError, match="dropout"):
        run(config, tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_without_optuna_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingPackageError, match="a search needs Optuna, which is not installed: pip install optuna$"):
        run(config_of(), tmp_path / "run")
    assert not list(tmp_path.iterdir())


def test_a_space_is_plain_and_read_again() -> None:
    space = get_model("gcn").search_space
    assert read_space("gcn", {key: domain.to_plain() for key, domain in space.items()}) == space


def test_the_choice_among_trials() -> None:
    trials: list[Trial] = [{"options": {"k": number}, "validation": score} for number, score in enumerate(SCORES)]
    assert summarize_trials("gcn", trials, maximize=True) == {"trials": trials, "chosen": 4, "half": 1}
    assert summarize_trials("gcn", trials, maximize=False)["chosen"] == 2
    assert summarize_trials("gcn", trials[:2], maximize=True)["half"] is None
    with pytest.raises(InputError, match="no trial of 'gcn' has a validation score; give other settings or data"):
        choose_trial("gcn", [None], maximize=True)


class Presses(Progress):
    """Presses Ctrl-C when a fit starts."""

    def __init__(self, number: int) -> None:
        self.left = number

    def start(self, label: str, epochs: int, epoch: int) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGINT)


def outcome(result: dict[str, Any]) -> dict[str, Any]:
    """Returns what does not depend on the clock and the folder."""
    models = {
        name: {
            **{key: value for key, value in entry.items() if key not in ("seconds", "run")},
            "trials": [(trial["options"], trial["validation"]) for trial in entry["trials"]],
        }
        for name, entry in result["models"].items()
    }
    return {**{key: result[key] for key in ("chosen", "test", "validation", "seeds", "metric")}, "models": models}


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the folder of a search without an interruption."""
    pytest.importorskip("optuna")
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("search") / "single"
    run(config_of(), folder)
    return folder


@pytest.mark.extended
def test_a_search_that_is_interrupted_twice_is_the_same(single: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with pytest.raises(Interrupted):
        run(config_of(), folder, Presses(5))
    with pytest.raises(Interrupted):
        resume(folder, Presses(9))
    assert 0 < len(list(folder.glob("*/trial-*/fit.json"))) < 24
    result = resume(folder).result
    assert outcome(result) == outcome(json.loads((single / "result.json").read_text()))
    assert config_of_folder(folder) == config_of()


@pytest.mark.extended
def test_two_processes_search_the_same(single: Path, tmp_path: Path) -> None:
    result = run(config_of(), tmp_path / "run", engine=Engine(jobs=2)).result
    assert outcome(result) == outcome(json.loads((single / "result.json").read_text()))


@pytest.mark.extended
def test_the_chosen_settings_have_the_best_validation_score_and_other_seeds(single: Path) -> None:
    result = json.loads((single / "result.json").read_text())
    for model, entry in result["models"].items():
        scores = [trial["validation"] for trial in entry["trials"]]
        assert entry["chosen"] == scores.index(max(scores)) and entry["half"] == scores.index(max(scores[:6]))
        run = open_run(single / model / "chosen")
        assert run.result["test"] == entry["test"] and run.result["seeds"] == [0, 1]
        options = entry["trials"][entry["chosen"]]["options"]
        assert run.config.train.lr == options["train.lr"] and run.config.model.dropout == options["model.dropout"]  # type: ignore[attr-defined]
        assert open_run(single / model / "trial-000").config.seed == 2
    best = max(result["models"], key=lambda model: result["models"][model]["validation"]["mean"])
    assert result["chosen"] == best and result["models"][best]["against_best"] is None
    other = next(model for model in result["models"] if model != best)
    difference = result["models"][other]["test"]["mean"] - result["models"][best]["test"]["mean"]
    assert result["models"][other]["against_best"]["difference"] == pytest.approx(difference)
    assert result["models"][other]["against_best"]["pairs"] == 2


@pytest.mark.extended
def test_the_report_shows_budget_trials_choice_and_tests(single: Path) -> None:
    page = graphkit.report.report(single).read_text() if hasattr(graphkit, "report") else ""
    if not page:
        from graphkit.report import report

        page = report(single).read_text()
    for text in (
        "12 trials for each model",
        "Chosen settings",
        "budget in trials",
        "Trials",
        "difference",
        "graphkit search",
    ):
        assert text in page


@pytest.mark.extended
def test_shell_and_python_search_the_same(single: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from graphkit.cli.main import main

    monkeypatch.chdir(tmp_path)
    arguments = (
        "search --models gcn,mlp --dataset karate --epochs 3 --trials 12 --seeds 2 --output shell --json --quiet"
    )
    shell = CliRunner().invoke(main, arguments.split())
    assert shell.exit_code == 0, shell.output
    python = graphkit.search("gcn,mlp", "karate", epochs=3, trials=12, seeds=2, output="python").result
    assert (
        outcome(json.loads(shell.stdout))
        == outcome(python)
        == outcome(json.loads((single / "result.json").read_text()))
    )
    again = CliRunner().invoke(main, ["search", "--resume", "shell"])
    assert again.exit_code == 0 and "12 trials for each of 2 models" in again.stdout and "half" in again.stdout
    wrong = CliRunner().invoke(main, ["evaluate", "shell"])
    assert wrong.exit_code == 2 and "is a run of graphkit search; use the run of one model" in wrong.stderr


def test_a_trial_that_cannot_be_trained_has_no_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("optuna")
    train = TrainExperiment.fit

    def fit(experiment: TrainExperiment, *arguments: Any) -> None:
        if experiment.config.train.lr > 1:
            raise InputError("the training loss is not finite")
        train(experiment, *arguments)

    monkeypatch.setattr(TrainExperiment, "fit", fit)
    config = config_of(models=["gcn"], space={"gcn": {"train.lr": [0.01, 2.0]}}, trials=6, seeds=1)
    entry = run(config, tmp_path / "run").result["models"]["gcn"]
    scored = {trial["options"]["train.lr"]: trial["validation"] is not None for trial in entry["trials"]}
    assert scored == {0.01: True, 2.0: False}
    assert entry["trials"][entry["chosen"]]["options"]["train.lr"] == 0.01
    none = config_of(models=["gcn"], space={"gcn": {"train.lr": [3.0, 2.0]}}, trials=2, seeds=1)
    with pytest.raises(InputError, match="no trial of 'gcn' has a validation score; give other settings"):
        run(none, tmp_path / "none")


def test_the_spaces_of_the_examples_fit_their_models() -> None:
    pytest.importorskip("optuna")
    file = Path(__file__).resolve().parents[2] / "examples" / "spaces" / "around_the_layers.yaml"
    spaces = yaml.safe_load(file.read_text(encoding="utf-8"))
    for model, space in spaces.items():
        assert get_model(model).search_space.items() <= read_space(model, space).items()
    SearchExperiment(config_of(models=list(spaces), space=spaces)).dry_run()


def test_proposed_numbers_have_three_digits_and_stay_in_the_interval(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    space = {"model.dropout": {"low": 0.123456, "high": 0.1234568}, "train.lr": {"low": 1e-4, "high": 1.0, "log": True}}
    experiment = SearchExperiment(config_of(models=["mlp"], space={"mlp": space}, trials=RANDOM))
    for number in range(RANDOM):
        experiment.prepare(f"mlp/trial-{number:03d}", tmp_path)
        config = config_of_folder(tmp_path / "mlp" / f"trial-{number:03d}")
        assert float(f"{config.train.lr:.3g}") == config.train.lr
        assert 0.123456 <= config.model.to_dict()["dropout"] <= 0.1234568


@pytest.mark.parametrize("more", [{}, {"fold": 3}])
def test_trials_use_the_split_of_the_first_final_fit(tmp_path: Path, more: dict[str, Any]) -> None:
    pytest.importorskip("optuna")
    many = config_of(data={"name": "karate", "split": "random:0.4,0.3,0.3", **more}, models=["mlp"], trials=2, seed=1)
    result = run(many, tmp_path / "run")
    trial, final = (open_run(result.path / "mlp" / name).config for name in ("trial-001", "chosen/seed-1"))
    assert trial.data.fold == final.data.fold == more.get("fold", 1) and trial.seed == 3 and final.seed == 1
    SearchExperiment(config_of()).prepare("gcn/trial-000", tmp_path)
    assert config_of_folder(tmp_path / "gcn" / "trial-000").data.fold is None


def test_damaged_files_and_changed_data_are_no_failure_of_a_trial(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    config = config_of(models=["mlp"], trials=1, seeds=1)
    folder, trial = tmp_path / "run", tmp_path / "run" / "mlp" / "trial-000"
    with pytest.raises(Interrupted):
        run(config, folder, Presses(2))
    (trial / "fit.json").unlink()
    content = (trial / "env.json").read_text()
    for text in ("{", content.replace('"y": "int64 [34]', '"y": "int64 [35]')):
        assert text != content
        (trial / "env.json").write_text(text)
        with pytest.raises(InputError, match=r"damaged|have changed"):
            resume(folder)
    (trial / "env.json").write_text(content)
    (trial / "state.pt").write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"state\.pt"):
        resume(folder)
    assert not (trial / "fit.json").exists()


MUTAG = Path(os.environ.get("GRAPHKIT_DATA", "nowhere"), "TUDataset", "MUTAG")


@pytest.mark.skipif(not MUTAG.is_dir(), reason="needs the raw files of MUTAG")
def test_data_without_validation_items_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a search needs validation items, which 'mutag' does not have; give a split"):
        run(config_of(data={"name": "mutag"}), tmp_path / "run")
    assert not list(tmp_path.iterdir())
