import json
import shutil
from pathlib import Path

import pytest

from graphkit.errors import InputError
from graphkit.experiments import open_run


def test_opens_settings_rows_and_model(small_run: Path) -> None:
    run = open_run(small_run)
    assert run.config.model.to_dict()["hidden_channels"] == 8 and run.environment["torch"]
    assert [row["epoch"] for row in run.metrics] == [1, 2, 3, 4, 5, 6]
    assert run.members == () and run.fits == (run,) and not run.model.training
    assert sum(p.numel() for p in run.model.parameters()) == run.result["parameters"]


def test_children_come_in_the_order_of_their_numbers(seeds_run: Path, tmp_path: Path) -> None:
    shutil.copytree(seeds_run, tmp_path / "run")
    shutil.copytree(seeds_run / "seed-5", tmp_path / "run" / "seed-10")
    names = [child.path.name for child in open_run(tmp_path / "run").members]
    assert names == ["seed-5", "seed-6", "seed-7", "seed-10"]


def test_weights_of_another_model_are_refused(small_run: Path, tmp_path: Path) -> None:
    shutil.copytree(small_run, tmp_path / "run")
    config = (tmp_path / "run" / "config.yaml").read_text().replace("hidden_channels: 8", "hidden_channels: 16")
    (tmp_path / "run" / "config.yaml").write_text(config)
    with pytest.raises(ValueError, match="do not fit the model"):
        _ = open_run(tmp_path / "run").model


def test_what_is_no_run_or_damaged_is_one_line(small_run: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is not a run folder"):
        open_run(tmp_path)
    shutil.copytree(small_run, tmp_path / "run")
    (tmp_path / "run" / "result.json").write_text(json.dumps({})[:1])
    with pytest.raises(ValueError, match="result.json' is damaged"):
        _ = open_run(tmp_path / "run").result


def test_verbs_do_what_the_functions_do(seeds_run: Path, tmp_path: Path) -> None:
    shutil.copytree(seeds_run, tmp_path / "run")
    run = open_run(tmp_path / "run")
    assert run.evaluate("cpu")["test"] == run.result["test"]
    assert len(run.predict(device="cpu")) == 34
    assert run.report() == tmp_path / "run" / "report.html" and run.report().is_file()
    with pytest.raises(InputError, match="models of skeleton clips"):
        run.export("onnx", tmp_path / "model.onnx")
