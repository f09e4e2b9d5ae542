"""Folders of runs: what a kill can leave begins again, what a refusal made goes, what a person has stays."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from graphkit.errors import InputError
from graphkit.processes import machine_id
from graphkit.training.interrupt import Interrupted
from graphkit.training.progress import Progress
from graphkit.training.run_files import read_result, read_train_result, write_result
from graphkit.training.trainer import Trainer
from tests.fitting import fit, fit_continual, fit_distill, resume

NODES: dict[str, Any] = {"model": {"name": "gcn"}, "data": {"name": "karate"}, "train": {"epochs": 2}}


def leave_part(folder: Path) -> None:
    (folder / ".config.yaml.0123-1-abc.part").write_text("model:")


def leave_job(folder: Path) -> None:
    (folder / ".job").write_text("some job\n")


@pytest.mark.parametrize("leave", [lambda folder: None, leave_part, leave_job])
def test_what_a_kill_leaves_before_the_settings_are_there_begins_again(tmp_path: Path, leave: Any) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    leave(folder)
    with pytest.raises(FileNotFoundError, match="nothing was trained in it, begin the run again with --output"):
        resume(folder)
    assert fit(NODES, folder)["test"] == fit(NODES, tmp_path / "whole")["test"]


def test_a_file_that_another_process_writes_now_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / f".config.yaml.{machine_id()}-{os.getpid()}-abc.part").write_text("")
    with pytest.raises(InputError, match="is not empty"):
        fit(NODES, tmp_path)


def test_files_of_a_person_are_not_touched(tmp_path: Path) -> None:
    leave_part(tmp_path)
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match="is not empty; choose another$"):
        fit(NODES, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".config.yaml.0123-1-abc.part", "thesis.tex"]


@pytest.mark.parametrize("below", ["", "a/b"])
def test_a_refusal_before_training_removes_what_was_made_for_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise InputError("not this one")

    monkeypatch.setattr(Trainer, "__init__", refuse)
    (tmp_path / "mine").mkdir()
    folder = tmp_path / "mine" / below
    with pytest.raises(InputError, match="not this one"):
        fit(NODES, folder)
    assert (tmp_path / "mine").is_dir() and not list((tmp_path / "mine").iterdir())
    monkeypatch.chdir(tmp_path / "mine")
    with pytest.raises(InputError, match="not this one"):
        fit(NODES)
    assert not list((tmp_path / "mine").iterdir())


def test_a_refusal_in_a_comparison_and_in_a_stream_removes_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise InputError("not this one")

    monkeypatch.setattr(Trainer, "__init__", refuse)
    monkeypatch.setattr("graphkit.continual.continual_trainer.ContinualTrainer.__init__", refuse)
    small = {"train": {"epochs": 1}}
    with pytest.raises(InputError, match="not this one"):
        fit_distill({"data": {"name": "karate"}, "teacher": small, "student": small}, tmp_path / "distill")
    with pytest.raises(InputError, match="not this one"):
        fit_continual({"data": {"name": "sbm-continual", "size": 12}, **small}, tmp_path / "stream")
    assert not list(tmp_path.iterdir())


def test_a_file_that_comes_into_the_folder_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Trainer, config: Any, dataset: Any, folder: Path, *_: Any) -> None:
        (folder / "notes.txt").write_text("x")
        raise InputError("not this one")

    monkeypatch.setattr(Trainer, "__init__", refuse)
    with pytest.raises(InputError, match="not this one"):
        fit(NODES, tmp_path / "run")
    assert (tmp_path / "run" / "notes.txt").exists() and (tmp_path / "run" / "config.yaml").exists()


def test_a_run_that_fails_while_it_trains_keeps_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise InputError("the training loss is not finite")

    with monkeypatch.context() as patch:
        patch.setattr("graphkit.training.trainer.train_epoch", fail)
        with pytest.raises(InputError, match="not finite"):
            fit(NODES, tmp_path / "run")
    assert (tmp_path / "run" / "config.yaml").exists()
    assert resume(tmp_path / "run")["test"] == fit(NODES, tmp_path / "whole")["test"]


def test_ctrl_c_before_the_first_fit_leaves_a_run_to_resume(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise Interrupted(0, tmp_path / "run")

    monkeypatch.setattr("graphkit.experiments.driver._do_units", stop)
    with pytest.raises(Interrupted):
        fit(NODES, tmp_path / "run")
    monkeypatch.undo()
    assert resume(tmp_path / "run")["seeds"] == [0]


def test_results_carry_a_format_and_older_ones_are_read(small_run: Path, tmp_path: Path) -> None:
    result = json.loads((small_run / "result.json").read_text())
    assert result["format"] == 1
    del result["format"]
    (tmp_path / "result.json").write_text(json.dumps(result))
    assert read_train_result(tmp_path) == result
    assert result.pop("maximize") is True
    for metric, maximize in (("accuracy", True), ("mae", False)):  # the first results did not say
        (tmp_path / "result.json").write_text(json.dumps({**result, "metric": metric}))
        assert read_train_result(tmp_path)["maximize"] is maximize
    for form, message in ((2, "has format 2, and this graphkit reads 1"), ("a", "`format` is 'a'"), (True, "is True")):
        (tmp_path / "result.json").write_text(json.dumps({**result, "format": form}))
        with pytest.raises(InputError, match=message):
            read_result(tmp_path)
    assert write_result(tmp_path, {"a": 1}) == {"a": 1, "format": 1} == read_result(tmp_path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"metric": None}, "`metric` must be text"),
        ({"test": {"mean": "high", "std": 0, "runs": []}}, "`test.mean` must be a finite number"),
        ({"validation": {"mean": 0.5, "std": 0.0, "runs": 3}}, "`validation.runs` must be a list"),
        ({"seeds": []}, "`seeds` must not be empty"),
        ({"parameters": "many"}, "`parameters` must be a whole number"),
    ],
)
def test_a_result_with_a_wrong_value_is_named(
    small_run: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    result = json.loads((small_run / "result.json").read_text())
    (tmp_path / "result.json").write_text(json.dumps({**result, **changes}))
    with pytest.raises(InputError, match=f"result.json' is damaged .*{message}"):
        read_train_result(tmp_path)
    (key,) = changes
    (tmp_path / "result.json").write_text(json.dumps({name: result[name] for name in result if name != key}))
    with pytest.raises(InputError, match=f"it has no `{key}`"):
        read_train_result(tmp_path)


def test_a_full_disk_while_training_leaves_a_run_to_resume(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    from tests.warm import run_forked

    def limited() -> str:
        torch.set_num_threads(1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            fit(NODES, tmp_path / "run", Progress())
        except OSError as error:
            return str(error)
        return "nothing was raised"

    said = run_forked(limited).value
    assert f"'{tmp_path / 'run'}" in said and "free space on the disk" in said and "--resume" in said
    assert resume(tmp_path / "run")["test"] == fit(NODES, tmp_path / "whole")["test"]
