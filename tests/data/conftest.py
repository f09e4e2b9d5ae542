"""A cache folder of the test run's own, no network, and the folder with real raw files where there is one."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch, session_cache: Path) -> None:
    monkeypatch.setenv("GRAPHKIT_CACHE", str(session_cache))
    monkeypatch.setenv("GRAPHKIT_OFFLINE", "1")
    monkeypatch.delenv("GRAPHKIT_DATA", raising=False)


_ROOT = os.environ.get("GRAPHKIT_DATA", "")


@pytest.fixture
def real(request: pytest.FixtureRequest) -> Path:
    if not _ROOT:
        pytest.skip("needs raw files of real data sets; set GRAPHKIT_DATA to their folder")
    return Path(_ROOT)
