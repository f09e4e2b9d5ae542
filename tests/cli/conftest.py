"""Calls the command line as a shell would, in this process."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from graphkit.cli.main import main


@pytest.fixture
def graphkit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Returns a function that runs ``graphkit ARGUMENTS`` in an empty folder without raw data."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GRAPHKIT_DATA", raising=False)
    monkeypatch.setenv("GRAPHKIT_CACHE", str(tmp_path / "cache"))
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the folder of a small finished run."""
    folder = tmp_path_factory.mktemp("cli") / "run"
    arguments = ["train", "--model", "gcn", "--dataset", "karate", "--epochs", "3", "--quiet", "--output", str(folder)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return folder
