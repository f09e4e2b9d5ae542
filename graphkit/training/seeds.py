"""Random states: seeding, saving and restoring."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

#: Lock of the run in progress in this process.
_RUN = threading.RLock()


@contextmanager
def exclusive_random_state() -> Iterator[None]:
    """Context of a run that restores the global random states at exit.

    Python, NumPy and PyTorch have one random state for all threads. Runs in several threads of a process therefore run
    one at a time.
    """
    with _RUN:
        states = random.getstate(), np.random.get_state(), torch.get_rng_state()
        cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
            torch.set_rng_state(states[2])
            if cuda:
                torch.cuda.set_rng_state_all(cuda)


def seed_everything(seed: int) -> torch.Generator:
    """Seeds Python, NumPy and PyTorch; returns a generator for the order of batches."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


def random_state(generator: torch.Generator) -> dict[str, Any]:
    """Returns the random states of training."""
    state: dict[str, Any] = {"torch": torch.get_rng_state(), "order": generator.get_state()}
    if torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def restore_random_state(state: dict[str, Any], generator: torch.Generator) -> None:
    """Restores the result of :func:`random_state`."""
    torch.set_rng_state(state["torch"])
    generator.set_state(state["order"])
    if "cuda" in state and torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
