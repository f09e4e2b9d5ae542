"""``graphkit.fit`` in a program: quiet, typed, reproducible, usable from threads and event loops."""

import ast
import asyncio
import doctest
import importlib
import inspect
import json
import logging
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
import torch

import graphkit
from graphkit.errors import InputError, InputTypeError
from graphkit.experiments import RunFolder, fit_model

SETTINGS: dict[str, Any] = {"model.hidden_channels": 4}


def _fit(output: Path, seed: int = 0) -> RunFolder:
    return graphkit.fit("gcn", "karate", epochs=20, seed=seed, set=SETTINGS, output=output)


def test_prints_nothing_and_logs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="graphkit"):
        _fit(tmp_path / "run")
    assert capfd.readouterr() == ("", "")
    records = [(record.name, record.levelname, record.getMessage()) for record in caplog.records]
    assert ("graphkit", "INFO", "gcn: epochs 1 to 20") in records
    assert [text for _, level, text in records if level == "DEBUG"][-1].startswith("gcn epoch 20 loss")
    assert {name for name, *_ in records} == {"graphkit"}


def test_verbose_shows_progress_on_standard_error_and_logs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="graphkit"):
        graphkit.fit("gcn", "karate", epochs=2, output=tmp_path / "run", verbose=True)
    out, err = capfd.readouterr()
    assert out == "" and "gcn epoch 2/2" in err
    assert "gcn: epochs 1 to 2" in caplog.messages


@pytest.mark.extended
def test_prints_nothing_on_its_own_in_a_program(tmp_path: Path) -> None:
    code = "import graphkit, sys; graphkit.fit('gcn', 'karate', epochs=2, output=sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "run")], capture_output=True, check=True)
    assert done.stdout == done.stderr == b""


def test_returns_the_run_folder_of_the_result(tmp_path: Path) -> None:
    run = _fit(tmp_path / "run")
    assert isinstance(run, RunFolder) and run.path == tmp_path / "run"
    assert run.result == json.loads((tmp_path / "run" / "result.json").read_text())
    assert graphkit.open_run(run.path).config == run.config
    assert run.model(run.dataset.graphs[0].x, run.dataset.graphs[0].edge_index).shape[0] == 34


def test_raises_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for keywords in ({"epochs": 0}, {"device": "gpu"}, {"split": "half"}, {"config": "missing.yaml"}):
        with pytest.raises((InputError, FileNotFoundError)):
            graphkit.fit("gcn", "karate", **keywords)  # type: ignore[arg-type]
    assert not any(tmp_path.iterdir())


def test_default_folders_are_numbered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    paths = [graphkit.fit("gcn", "karate", epochs=1).path for _ in range(2)]
    assert paths == [Path("runs/gcn-karate-001"), Path("runs/gcn-karate-002")]


def test_works_in_a_thread_and_in_an_event_loop(tmp_path: Path) -> None:
    expected = _fit(tmp_path / "main").result["test"]

    async def in_loop() -> list[RunFolder]:
        return [_fit(tmp_path / "loop"), await asyncio.to_thread(_fit, tmp_path / "thread")]

    for run in asyncio.run(in_loop()):
        assert run.result["test"] == expected


def test_two_fits_in_threads_do_not_change_each_other(tmp_path: Path) -> None:
    threads = torch.get_num_threads()
    alone = [_fit(tmp_path / f"alone-{seed}", seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        together = [*pool.map(lambda seed: _fit(tmp_path / f"together-{seed}", seed), range(4))]
    assert torch.get_num_threads() == threads
    for one, other in zip(alone, together, strict=True):
        assert one.path != other.path and one.result["test"] == other.result["test"]
        weights = "model.safetensors"
        assert (one.path / weights).read_bytes() == (other.path / weights).read_bytes()


def test_two_fits_in_threads_take_folders_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        runs = [*pool.map(lambda seed: graphkit.fit("gcn", "karate", epochs=1, seed=seed), range(2))]
    assert {run.path.name for run in runs} == {"gcn-karate-001", "gcn-karate-002"}


def test_random_states_and_threads_are_those_of_before(tmp_path: Path) -> None:
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = random.random(), np.random.rand(), torch.rand(3).tolist()
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    threads = torch.get_num_threads()
    run = _fit(tmp_path / "run")
    assert (random.random(), np.random.rand(), torch.rand(3).tolist()) == expected
    assert torch.get_num_threads() == threads
    torch.manual_seed(2)
    assert _fit(tmp_path / "again").result["test"] == run.result["test"]


def test_package_lists_its_functions() -> None:
    assert {"__version__", "fit", "load", "open_run"} <= set(dir(graphkit))
    with pytest.raises(AttributeError, match="module 'graphkit' has no attribute 'fitt'"):
        graphkit.fitt  # noqa: B018


def test_data_are_none_by_mistake_only(tmp_path: Path) -> None:
    with pytest.raises(InputTypeError, match="`data` must be the name or path .*got NoneType"):
        graphkit.fit("gcn", None, output=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_run_has_a_short_description(tmp_path: Path) -> None:
    assert repr(_fit(tmp_path / "run")) == f"RunFolder('{tmp_path / 'run'}', train on karate)"


def test_doctest() -> None:
    assert doctest.testmod(fit_model) == (0, 3)


def test_names_are_imported_for_type_checkers() -> None:
    source = Path(graphkit.__file__)
    (branch,) = (node for node in ast.parse(source.read_text()).body if isinstance(node, ast.If))
    imports = {
        alias.name: node.module for node in branch.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert ast.unparse(branch.test) == "TYPE_CHECKING" and {*imports, "__version__"} == set(graphkit.__all__)
    for name, module in imports.items():
        assert getattr(graphkit, name) is getattr(importlib.import_module(module), name)
    assert source.with_name("py.typed").is_file()
    hints = get_type_hints(graphkit.fit)
    assert hints["return"] is RunFolder and set(hints) == {*inspect.signature(graphkit.fit).parameters, "return"}
