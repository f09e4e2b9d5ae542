"""What holds for every test: nothing is downloaded, and PyTorch keeps to one thread."""

import os

import pytest
import torch

if os.environ.get("GRAPHKIT_DATA"):  # some tests work elsewhere, from where a relative path leads nowhere
    os.environ["GRAPHKIT_DATA"] = os.path.abspath(os.environ["GRAPHKIT_DATA"])


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing raw files are an error at once, whether or not there is a network."""
    monkeypatch.setenv("GRAPHKIT_OFFLINE", "1")


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Small graphs are slower on two threads, and several workers share the cores."""
    torch.set_num_threads(1)
