"""Units of work: independent fits, and other tasks with a result file."""

import secrets
import traceback
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

import torch

from graphkit.continual.continual_config import ContinualConfig
from graphkit.continual.continual_experiment import ContinualExperiment
from graphkit.distill.distill_config import DistillConfig, StudentConfig
from graphkit.distill.distill_experiment import DistillExperiment, StudentExperiment
from graphkit.errors import InputError
from graphkit.experiments.build_config import config_of_folder, with_model
from graphkit.experiments.run_folder import open_run
from graphkit.experiments.search import SearchConfig, SearchExperiment
from graphkit.settings import UNSET
from graphkit.training.callbacks import Callback
from graphkit.training.environment import peak_memory_mb, pick_device
from graphkit.training.experiment import FIT, Experiment, Plan, Session, TrainExperiment
from graphkit.training.interrupt import Interrupted, InterruptFlag
from graphkit.training.progress import Progress
from graphkit.training.train_config import RunConfig, TrainConfig


class Outcome(NamedTuple):
    """Outcome of a unit in another process.

    Args:
        state: ``"done"``, ``"interrupted"``, ``"failed"``, or ``"unshared"`` on a machine without the run folder.
        message: Message of the error or the interruption.
        kind: Class of the error: ``"input"`` for a mistake of the user, ``"system"`` for one of files, processes and
            machines, ``"bug"`` for any other.
        trace: Traceback of a bug.
        notes: Messages of the unit to the user.
        peak_memory: Peak memory in MiB.
        files: New files of a machine without the run folder: contents by path in the run folder.
    """

    state: Literal["done", "interrupted", "failed", "unshared"]
    message: str = ""
    kind: Literal["", "input", "system", "bug"] = ""
    trace: str = ""
    notes: tuple[str, ...] = ()
    peak_memory: float = 0.0
    files: dict[str, bytes] | None = None


@dataclass(frozen=True)
class Job(Plan, ABC):
    """Job of independent units, which is sent to other processes.

    Args:
        folder: Folder of the results.
        token: Identifier of the job.
    """

    #: Name of the file in the folder of a unit that is written last.
    done_file: ClassVar[str] = FIT
    folder: Path
    token: str = field(default_factory=lambda: secrets.token_hex(8), kw_only=True)

    @abstractmethod
    def run(self, unit: str, folder: Path, progress: Progress, interrupt: InterruptFlag) -> float:
        """Runs a unit from its last checkpoint, and returns the peak memory in MiB."""

    def is_done(self, unit: str) -> bool:
        """Returns whether a unit is complete."""
        return (self.folder / unit / self.done_file).is_file()


@dataclass(frozen=True)
class FitJob(Job):
    """Fits of a run folder, whose configuration is in the folder.

    Args:
        device: Device of the training.
        callbacks: Callbacks of all fits.
        model: Object of the user that makes the model, if any.
    """

    device: str = "auto"
    callbacks: tuple[Callback, ...] = ()
    model: Any = UNSET

    def run(self, unit: str, folder: Path, progress: Progress, interrupt: InterruptFlag) -> float:
        """Trains a unit."""
        config = config_of_folder(folder)
        if self.model is not UNSET:
            config = with_model(config, self.model)
        experiment = _experiment_of(self.token, config)
        device = pick_device(self.device)
        experiment.fit(unit, folder, Session(device, progress, interrupt, callbacks=self.callbacks))
        return peak_memory_mb(device)


def make_experiment(config: RunConfig) -> Experiment:
    """Returns the experiment of a configuration."""
    if isinstance(config, ContinualConfig):
        return ContinualExperiment(config)
    if isinstance(config, SearchConfig):
        return SearchExperiment(config)
    if isinstance(config, DistillConfig):
        return DistillExperiment(config, open_run)
    if isinstance(config, StudentConfig):
        return StudentExperiment(config, open_run)
    assert isinstance(config, TrainConfig)
    return TrainExperiment(config)


#: Experiment of the latest unit of this process, whose data are loaded.
_latest: list[tuple[str, RunConfig, Experiment]] = []


def _experiment_of(token: str, config: RunConfig) -> Experiment:
    """Returns the experiment of a configuration, cached for the latest unit."""
    if not _latest or _latest[0][:2] != (token, config):
        _latest[:] = [(token, config, make_experiment(config))]
    return _latest[0][2]


class _Notes(Progress):
    """Messages of a unit, for the process that started it."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, message: str) -> None:
        """Keeps a message."""
        self.lines.append(message)


def run_unit(job: Job, unit: str, threads: int | None = None, folder: Path | None = None) -> Outcome:
    """Runs a unit in this process, and returns its outcome instead of raising errors.

    Args:
        job: The job.
        unit: Name of the unit.
        threads: CPU threads; those of PyTorch if ``None``.
        folder: Copy of the run folder on this machine; the folder of the job if ``None``.
    """
    if threads is not None:
        torch.set_num_threads(threads)
    notes = _Notes()
    try:
        with InterruptFlag(notes) as interrupt:
            stopped = Interrupted(0, job.folder, f"interrupted in '{unit}'")
            with interrupt.stopping(lambda: stopped):
                peak = job.run(unit, folder or job.folder, notes, interrupt)
    except (Interrupted, KeyboardInterrupt) as stop:
        return Outcome("interrupted", str(stop))
    except Exception as error:
        line = str(error) or type(error).__name__
        if isinstance(error, InputError):
            return Outcome("failed", line, "input", notes=tuple(notes.lines))
        if isinstance(error, OSError):
            return Outcome("failed", line, "system", notes=tuple(notes.lines))
        trace = "".join(traceback.format_exception(error))
        return Outcome("failed", f"{type(error).__name__}: {line}", "bug", trace, tuple(notes.lines))
    return Outcome("done", notes=tuple(notes.lines), peak_memory=peak)
