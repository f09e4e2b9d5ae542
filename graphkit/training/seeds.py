"""Random states: set from one seed, taken and put back, so that a run can be interrupted and continued."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

#: Held by the run of this process that is in progress.
_RUN = threading.RLock()


@contextmanager
def exclusive_random_state() -> Iterator[None]:
    """Context of a run, which ends with the random states that it began with.

    Python, NumPy and PyTorch have one random state for all threads, and training sets it; so runs in several threads
    of a process take turns, and have the numbers that they have alone.
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
    """Seeds Python, NumPy and PyTorch, and returns a generator of its own for the order of the batches."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    return torch.Generator().manual_seed(seed)


def random_state(generator: torch.Generator) -> dict[str, Any]:
    """Returns the states that training draws from."""
    state: dict[str, Any] = {"torch": torch.get_rng_state(), "order": generator.get_state()}
    if torch.cuda.is_initialized():
        state["cuda"] = torch.cuda.get_rng_state_all()
    return state


def restore_random_state(state: dict[str, Any], generator: torch.Generator) -> None:
    """Puts back what :func:`random_state` returned."""
    torch.set_rng_state(state["torch"])
    generator.set_state(state["order"])
    if "cuda" in state and torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
