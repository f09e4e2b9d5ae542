import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from graphkit.cli.ensemble import _lines
from graphkit.cli.main import main
from graphkit.experiments import ensemble_runs, open_run
from tests.fitting import fit

CONFIG: dict[str, Any] = {
    "model": {"name": "stigcn", "channels": [8], "blocks": [1], "dropout": 0.0},
    "data": {"name": "synthetic-skeleton", "num_clips": 40, "frames": 10, "seed": 0},
    "train": {"epochs": 3, "batch_size": 8, "optimizer": "sgd", "lr": 0.05},
    "seeds": 2,
}


def config(**data: Any) -> dict[str, Any]:
    return {**CONFIG, "data": {**CONFIG["data"], **data}}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("ensemble")
    fit(config(), folder / "joint")
    fit(config(stream="bone"), folder / "bone")
    return folder / "joint", folder / "bone"


def test_seeds_are_added_one_by_one_with_weights_from_validation(runs: tuple[Path, Path]) -> None:
    result = ensemble_runs([open_run(run) for run in runs])
    assert result["selected_on"] == "validation" and len(result["test"]["runs"]) == 2
    assert sum(result["weights"]) == pytest.approx(1.0)
    stored = [json.loads((run / "result.json").read_text())["test"]["mean"] for run in runs]
    assert result["single"] == pytest.approx(stored)


def test_the_command_prints_the_same(runs: tuple[Path, Path]) -> None:
    arguments = ["ensemble", *map(str, runs)]
    lines = CliRunner().invoke(main, arguments).stdout.splitlines()
    assert lines[0] == "2 runs on synthetic-skeleton, weights chosen on validation" and ", alone" in lines[-1]
    printed = json.loads(CliRunner().invoke(main, [*arguments, "--json"]).stdout)
    assert printed["command"] == "ensemble" and printed["runs"] == [str(run) for run in runs]


def test_without_validation_apart_from_the_test_items_weights_are_equal(runs: tuple[Path, Path]) -> None:
    opened = [open_run(run) for run in runs]
    for run in opened:
        for member in run.fits:
            member.__dict__["dataset"] = member.dataset.replace(protocol="test")
    result = ensemble_runs(opened)
    assert result["weights"] == [0.5, 0.5] and result["selected_on"] == "equal weights" and not result["validation"]
    assert _lines(result)[0] == "2 runs on synthetic-skeleton, equal weights"


def test_runs_that_do_not_belong_together_are_refused(runs: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="an ensemble needs at least two runs .got 1."):
        ensemble_runs([open_run(runs[0])])
    fit({**config(split="0.5,0.3,0.2"), "seeds": 1}, tmp_path / "other")
    with pytest.raises(ValueError, match=re.escape("do not have the same data and split; train them with")):
        ensemble_runs([open_run(runs[0]), open_run(tmp_path / "other")])
    (tmp_path / "other" / "result.json").unlink()
    with pytest.raises(ValueError, match="other' has not ended; continue it with: graphkit train --resume"):
        ensemble_runs([open_run(runs[0]), open_run(tmp_path / "other")])
    assert torch.get_num_threads() == 1
