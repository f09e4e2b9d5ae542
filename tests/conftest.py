"""What holds for every test: no downloads, one thread, the same random numbers."""

import os

import numpy as np
import pytest
import torch

if os.environ.get("GRAPHKIT_DATA"):  # some tests work elsewhere, from where a relative path leads nowhere
    os.environ["GRAPHKIT_DATA"] = os.path.abspath(os.environ["GRAPHKIT_DATA"])


def pytest_collectstart(collector: pytest.Collector) -> None:
    """The parameters of the tests of a module are the same in each process."""
    if isinstance(collector, pytest.Module):
        torch.manual_seed(0)
        np.random.seed(0)


@pytest.fixture(autouse=True)
def seeded() -> None:
    """The random numbers of a test depend neither on the run nor on the tests before it."""
    torch.manual_seed(0)
    np.random.seed(0)


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing raw files are an error at once, whether or not there is a network."""
    monkeypatch.setenv("GRAPHKIT_OFFLINE", "1")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Small graphs are slower on two threads, and several workers share the cores."""
    torch.set_num_threads(1)
