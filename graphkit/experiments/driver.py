"""Driver of all commands that train: runs and aggregates units."""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from graphkit.continual.continual_config import ContinualConfig
from graphkit.distributed.communicator import get_communicator, init_distributed
from graphkit.errors import InputError
from graphkit.experiments.build_config import config_of_folder, with_model
from graphkit.experiments.run_folder import ResultFolder, folder_of
from graphkit.experiments.scheduler import run_units
from graphkit.experiments.unit import FitJob, make_experiment
from graphkit.experiments.workers import Engine
from graphkit.settings import UNSET
from graphkit.training.callbacks import Callback, check_callbacks
from graphkit.training.environment import peak_memory_mb, pick_device
from graphkit.training.experiment import FIT, Experiment, Session
from graphkit.training.interrupt import Interrupted, InterruptFlag
from graphkit.training.progress import Progress
from graphkit.training.run_files import GIVEN, start_folder, write_result
from graphkit.training.seeds import exclusive_random_state
from graphkit.training.train_config import RunConfig

#: Engine of a run in this process.
INLINE = Engine()


def run(
    config: RunConfig,
    output: str | Path | None = None,
    progress: Progress | None = None,
    graphs: Path | None = None,
    callbacks: Iterable[Callback] = (),
    engine: Engine = INLINE,
) -> ResultFolder:
    """Runs the experiment of a configuration and writes a run folder.

    Args:
        config (RunConfig): The configuration, see :func:`~graphkit.experiments.build_config`.
        output (str or Path, optional): Run folder, empty or new; if ``None``, a new one under ``runs/``.
            (default: ``None``)
        progress (Progress, optional): Progress display. (default: ``None``)
        graphs (Path, optional): File or folder with the data, which is copied into the run folder.
            (default: ``None``)
        callbacks (list[Callback], optional): Callbacks of all fits, not for ``continual``; in other processes, each
            has a copy. (default: ``()``)
        engine (Engine, optional): Processes that run the units. (default: this one)

    Returns:
        ResultFolder: The run folder, a :class:`RunFolder` for a run with models.

    Raises:
        InputError: If settings or data are invalid; nothing is written then.
        Interrupted: If Ctrl-C was pressed; :func:`resume` continues the run.
    """
    progress, callbacks = progress or Progress(), _check_callbacks(callbacks, config)
    config = replace(config, data=config.data.absolute())
    with exclusive_random_state(), init_distributed():
        experiment = make_experiment(config)
        _check_processes(experiment, engine)
        pick_device(config.device if engine.on is None else "auto")
        experiment.dry_run()  # errors are raised before the folder is created
        with start_folder(output, experiment.name, config) as new:
            if graphs is not None:
                experiment = make_experiment(_keep_graphs(config, graphs, new.path))
            return _run(experiment, new.path, config.device, progress, callbacks, engine, new.keep)


def _keep_graphs(config: RunConfig, graphs: Path, folder: Path) -> RunConfig:
    """Copies the data of a run into its folder and returns the new configuration."""

    def copy() -> None:
        if (folder / GIVEN).is_dir():  # a restart of the same job
            return
        (folder / GIVEN).mkdir()
        if graphs.is_dir():
            shutil.copytree(graphs, folder / GIVEN / graphs.name)
        else:
            shutil.copyfile(graphs, folder / GIVEN / graphs.name)

    get_communicator().broadcast_from_rank0(copy)
    return replace(config, data=replace(config.data, name=str(folder.resolve() / GIVEN / graphs.name)))


def resume(
    folder: str | Path,
    progress: Progress | None = None,
    device: str | None = None,
    command: str | None = None,
    callbacks: Iterable[Callback] = (),
    model: Any = None,
    engine: Engine = INLINE,
) -> ResultFolder:
    """Continues an interrupted run, with the same results as without interruption.

    Args:
        folder (str or Path): The run folder.
        progress (Progress, optional): Progress display. (default: ``None``)
        device (str, optional): Device, if it differs from that of the run. (default: ``None``)
        command (str, optional): Expected command of the run, such as ``"train"``; any if ``None``. (default: ``None``)
        callbacks (list[Callback], optional): Callbacks of the fits that remain, as of :func:`run`. (default: ``()``)
        model (torch.nn.Module or Callable, optional): For a run of :func:`graphkit.fit` with a model of your own, the
            module or function that was given there. (default: ``None``)
        engine (Engine, optional): Processes that run the units. (default: this one)

    Returns:
        ResultFolder: The run folder, as of :func:`run`.

    Raises:
        FileNotFoundError: If the folder is not a run.
        InputError: If its configuration or checkpoint is invalid.
        Interrupted: If Ctrl-C was pressed.
    """
    folder, progress = Path(folder), progress or Progress()
    config = config_of_folder(folder)
    if command not in (None, config.command):
        other = config.command
        raise InputError(
            f"'{folder}' is a run of graphkit {other}; continue it with: graphkit {other} --resume {folder}"
        )
    if model is not None:
        config = with_model(config, model)
    callbacks = _check_callbacks(callbacks, config)
    with exclusive_random_state(), init_distributed():
        experiment = make_experiment(config)
        _check_processes(experiment, engine)
        return _run(experiment, folder, device or config.device, progress, callbacks, engine)


def _check_callbacks(callbacks: Iterable[Callback], config: RunConfig) -> tuple[Callback, ...]:
    """Returns the callbacks of a run as a tuple.

    Raises:
        InputError: If they are not a list of callbacks, or the command does not call any.
    """
    given = check_callbacks(callbacks)
    if given and isinstance(config, ContinualConfig):
        raise InputError("`callbacks` are for runs of train and distill (got a run of continual); leave them out")
    return given


def _check_processes(experiment: Experiment, engine: Engine) -> None:
    """Raises an error under ``torchrun`` for units that run in other processes."""
    size = get_communicator().world_size
    if size > 1 and not (engine.is_inline and experiment.distributed):
        raise InputError(
            f"expected one process for the independent fits of graphkit {experiment.config.command}, got {size} of "
            f"torchrun; start it without torchrun, with --jobs {size}"
        )


def _run(
    experiment: Experiment,
    folder: Path,
    device_name: str,
    progress: Progress,
    callbacks: tuple[Callback, ...],
    engine: Engine,
    keep: Callable[[], None] = lambda: None,
) -> ResultFolder:
    """Runs the incomplete units and aggregates the results of all."""
    communicator = get_communicator()
    progress = Progress() if communicator.rank else progress
    device = pick_device(device_name if engine.on is None else "auto")
    experiment.begin(folder, device)
    with InterruptFlag(progress, waits=communicator.world_size > 1 or not engine.is_inline) as interrupt:
        if engine.is_inline:
            _do_units(experiment, folder, Session(device, progress, interrupt, keep, callbacks))
            peak = peak_memory_mb(device)
        else:
            peak = _send_units(experiment, folder, device_name, progress, interrupt, callbacks, engine, keep)
    (peak,) = communicator.all_reduce_max(peak)
    communicator.broadcast_from_rank0(lambda: write_result(folder, experiment.combine(folder, peak)))
    return folder_of(folder, experiment.config)


def _do_units(experiment: Experiment, folder: Path, session: Session) -> None:
    """Runs the incomplete units in this process, or each in all of ``torchrun``."""
    communicator = get_communicator()
    stop: Interrupted | None = None
    try:
        with session.interrupt.stopping(lambda: Interrupted(0, folder, "interrupted between two fits")):
            for unit in experiment.units():
                if communicator.broadcast_from_rank0(partial(_is_done, experiment, unit, folder)):
                    continue
                if communicator.all_reduce_max(session.interrupt.raised)[0]:
                    raise Interrupted(0, folder, "interrupted between two fits")
                experiment.prepare(unit, folder)
                experiment.fit(unit, folder, session)
    except Interrupted as error:
        stop, error.folder = error, folder  # what is continued is the whole run
    if communicator.all_reduce_max(stop is not None)[0]:
        raise stop or Interrupted(0, folder, "interrupted; another process was stopped")


def _is_done(experiment: Experiment, unit: str, folder: Path) -> bool:
    """Returns whether a unit is complete; raises the error of a damaged file."""
    done = (folder / unit / FIT).is_file()
    if done:
        experiment.read_fit(unit, folder)
    return done


def _send_units(
    experiment: Experiment,
    folder: Path,
    device: str,
    progress: Progress,
    interrupt: InterruptFlag,
    callbacks: tuple[Callback, ...],
    engine: Engine,
    keep: Callable[[], None],
) -> float:
    """Runs the incomplete units in other processes; returns the peak memory in MiB."""
    units = experiment.units()
    for unit in units:
        _is_done(experiment, unit, folder)
    if engine.on is not None:
        on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
        gpus = float(on_gpu) if engine.unit_gpus is None else engine.unit_gpus
        engine, device = replace(engine, unit_gpus=gpus), "cuda" if gpus and device != "cpu" else "cpu"
    settings = getattr(experiment.config, "model", None)
    job = FitJob(folder.resolve(), device, callbacks, getattr(settings, "source", UNSET))
    return run_units(job, units, experiment, engine, progress, interrupt, keep)
