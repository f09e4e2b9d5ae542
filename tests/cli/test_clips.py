"""``graphkit export`` and ``graphkit predict`` for clips, as a shell would call them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import Result

from graphkit.data import load
from graphkit.experiments import open_run
from tests.fitting import fit

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def clip_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "clips"
    config = {
        "model": {"name": "stigcn", "channels": [8], "blocks": [1]},
        "data": {"name": "synthetic-skeleton", "num_clips": 30},
        "train": {"epochs": 1},
    }
    fit(config, folder)
    return folder


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "new"
    folder.mkdir()
    raw = load("synthetic-skeleton", num_clips=12, seed=5, center="none").graphs
    for number in range(3):
        np.save(folder / f"{number}.npy", raw[number].x.numpy())
    return folder


def test_new_clips_get_a_table_and_a_file(graphkit: Command, clip_run: Path, clips: Path) -> None:
    result = graphkit("predict", clip_run, clips)
    assert result.exit_code == 0 and result.stdout.splitlines()[-1] == "3 predictions written to preds.csv"
    assert result.stdout.split()[:3] == ["id", "prediction", "next"] and "0.npy" in result.stdout
    assert Path("preds.csv").read_text().startswith("id,prediction,probability_walk,")
    (clips / "bad.npy").write_text("no array")
    result = graphkit("predict", clip_run, clips / "bad.npy", clips / "0.npy", "--output", "out.json", "--json")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: '{clips / 'bad.npy'}' cannot be read as an array (")
    payload = json.loads(result.stdout)
    assert [row["id"] for row in payload["predictions"]] == ["0.npy"] and len(payload["problems"]) == 1
    good, bad = json.loads(Path("out.json").read_text())
    (problem,) = payload["problems"].values()
    assert [good] == payload["predictions"] and bad == {"id": "bad.npy", "problem": problem}


def test_export_writes_a_file_that_predicts(graphkit: Command, clip_run: Path, clips: Path, run: Path) -> None:
    result = graphkit("export", clip_run, "--format", "pt2", "--output", "model.pt2")
    if torch.__version__.startswith("2.10."):
        assert result.exit_code == 2 and "does not support a dynamic number of frames" in result.stderr
        return
    assert result.exit_code == 0 and "largest difference from the model: " in result.stdout
    again = [graphkit("predict", source, clips, "--json") for source in (clip_run, "model.pt2")]
    ours, theirs = (json.loads(one.stdout)["predictions"] for one in again)
    for one, other in zip(ours, theirs, strict=True):
        assert other["probabilities"] == pytest.approx(one["probabilities"], abs=1e-5)
    result = graphkit("export", run, "--format", "pt2")
    assert result.exit_code == 2 and result.stderr.startswith("Error: only models of skeleton clips can be exported")
    missing = graphkit("predict", "absent.onnx", clips)
    assert missing.stderr == "Error: there is no file 'absent.onnx'; write one with graphkit export\n"
    assert graphkit("predict", run, clips).exit_code == 2 and graphkit("predict", "model.pt2").exit_code == 2
    assert len(json.loads(graphkit("predict", run, "--json").stdout)["predictions"]) == 34


def test_new_clips_must_be_named(clip_run: Path) -> None:
    with pytest.raises(FileNotFoundError, match="expected files or folders of clips, got none"):
        open_run(clip_run).predict([])


def test_names_with_control_characters_reach_the_screen_escaped(graphkit: Command, clip_run: Path, clips: Path) -> None:
    (clips / "0.npy").rename(clips / "=\x1b[2J.npy")
    (clips / "1.npy").rename(clips / "\x1b]0;t\x07.npy")
    (clips / "\x1b]0;t\x07.npy").write_text("no array")
    result = graphkit("predict", clip_run, clips, "--output", "p.csv")
    assert result.exit_code == 1 and "\x1b" not in result.stdout + result.stderr and "\x07" not in result.stderr
    assert "\\u001b[2J.npy" in result.stdout and "\\u001b]0;t\\u0007.npy' cannot be read" in result.stderr
    assert "'=\x1b[2J.npy" in Path("p.csv").read_text()
    result = graphkit("predict", clip_run, clips, "--output", "p.txt")
    assert result.exit_code == 2 and "`output` must end in .csv or .json (got 'p.txt')" in result.stderr
