"""Callbacks: functions of the user that a training calls at its events."""

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphkit.distributed.communicator import Communicator
from graphkit.errors import InputError
from graphkit.training.progress import EpochRow
from graphkit.training.run_result import FitResult
from graphkit.training.seeds import exclusive_random_state


class TrainRow(EpochRow):
    """Row of ``metrics.csv``: one epoch."""

    phase: int
    validation_loss: float | None
    lr: float
    seconds: float


@dataclass(frozen=True)
class FitInfo:
    """Description of a fit for its callbacks.

    Args:
        folder (Path): Folder of the fit: the run folder, or its subfolder ``unit``.
        unit (str): Name of the fit in a run of several, such as ``"seed-1"``; ``""`` for a single fit.
        seed (int): Seed of the fit.
        fold (int, optional): Split of the fit; ``None`` for the only one.
        metric (str): Metric of the scores.
        config (dict): Configuration, as in ``config.yaml``.
        epoch (int): Number of completed epochs when the fit begins: 0, or that of the checkpoint of a resumed run.
    """

    folder: Path
    unit: str
    seed: int
    fold: int | None
    metric: str
    config: dict[str, Any]
    epoch: int


class Callback:
    """Base class of callbacks; a subclass overrides the events that it needs.

    With several processes, rank 0 alone calls callbacks. They get copies, and the random states of Python, NumPy and
    PyTorch are restored after each call, so that they do not change the numbers of a run. An exception of a callback
    ends the run with its traceback, after a checkpoint of the last epoch: the run can be resumed.
    """

    def on_begin(self, fit: FitInfo) -> None:
        """Called before the first epoch of a fit, or the next one of a resumed fit.

        Args:
            fit (FitInfo): The fit; ``fit.epoch`` epochs are complete.
        """

    def on_epoch(self, fit: FitInfo, row: TrainRow) -> None:
        """Called after an epoch.

        Args:
            fit (FitInfo): The fit.
            row (dict): ``epoch`` (from 1), ``phase``, ``loss``, ``validation``, ``validation_loss``, ``lr`` and
                ``seconds``.
        """

    def on_checkpoint(self, fit: FitInfo, epoch: int) -> None:
        """Called after a checkpoint was written.

        Args:
            fit (FitInfo): The fit; the checkpoint is ``fit.folder / "state.pt"``.
            epoch (int): Number of completed epochs.
        """

    def on_end(self, fit: FitInfo, result: FitResult) -> None:
        """Called after the last epoch, with the scores of the selected one.

        Args:
            fit (FitInfo): The fit; its folder has ``model.safetensors`` and ``metrics.csv``.
            result (dict): Content of ``fit.json``, which is written afterwards.
        """


def check_callbacks(callbacks: Iterable[Callback]) -> tuple[Callback, ...]:
    """Returns the callbacks as a tuple.

    Raises:
        InputError: If they are not a list of objects of type :class:`Callback`.
    """
    given = tuple(callbacks) if isinstance(callbacks, Iterable) else (callbacks,)
    for callback in given:
        if not isinstance(callback, Callback):
            kind = f"the class {callback.__name__}" if isinstance(callback, type) else type(callback).__name__
            remedy = "derive a class from graphkit.Callback and pass objects of it: callbacks=[MyCallback()]"
            raise InputError(f"`callbacks` must be a list of graphkit.Callback objects (got {kind}); {remedy}")
    return given


class CallbackCaller:
    """Calls callbacks on rank 0, without an effect on random numbers.

    Args:
        callbacks: The callbacks; those of rank 0 count.
        communicator: Communicator of the processes.
    """

    def __init__(self, callbacks: Sequence[Callback], communicator: Communicator) -> None:
        self.callbacks, self.communicator = callbacks, communicator
        self._is_used = bool(communicator.all_reduce_max(len(callbacks))[0])

    def __call__(self, event: Callable[..., object], *args: Any) -> None:
        """Calls a method of all callbacks with copies of its arguments.

        Args:
            event: Method of the base class, such as ``Callback.on_epoch``.
            *args: Its arguments.

        Raises:
            Exception: That of a callback, on all ranks.
        """

        def call() -> None:
            for callback in self.callbacks:
                with exclusive_random_state():
                    getattr(callback, event.__name__)(*deepcopy(args))

        if self._is_used:
            self.communicator.broadcast_from_rank0(call)
