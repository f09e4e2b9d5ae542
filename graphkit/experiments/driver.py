"""Driver of all commands that train: runs and aggregates units."""

import shutil
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from graphkit.continual.continual_config import ContinualConfig
from graphkit.continual.continual_experiment import ContinualExperiment
from graphkit.distill.distill_config import DistillConfig, StudentConfig
from graphkit.distill.distill_experiment import DistillExperiment, StudentExperiment
from graphkit.distributed.communicator import Communicator, get_communicator, init_distributed
from graphkit.errors import InputError
from graphkit.experiments.build_config import config_of_folder, with_model
from graphkit.experiments.run_folder import ResultFolder, folder_of, open_run
from graphkit.experiments.shards import Shard, open_folder, parse_shard, refuse_processes
from graphkit.training.callbacks import Callback, check_callbacks
from graphkit.training.environment import peak_memory_mb, pick_device
from graphkit.training.experiment import FIT, Experiment, Session, TrainExperiment
from graphkit.training.interrupt import Interrupted, InterruptFlag
from graphkit.training.progress import Progress
from graphkit.training.run_files import GIVEN, SHARDS, read_result, start_folder, write_result
from graphkit.training.seeds import exclusive_random_state
from graphkit.training.train_config import RunConfig, TrainConfig


def make_experiment(config: RunConfig) -> Experiment:
    """Returns the experiment of a configuration."""
    if isinstance(config, ContinualConfig):
        return ContinualExperiment(config)
    if isinstance(config, DistillConfig):
        return DistillExperiment(config, open_run)
    if isinstance(config, StudentConfig):
        return StudentExperiment(config, open_run)
    assert isinstance(config, TrainConfig)
    return TrainExperiment(config)


def run(
    config: RunConfig,
    output: str | Path | None = None,
    progress: Progress | None = None,
    shard: str | None = None,
    graphs: Path | None = None,
    callbacks: Iterable[Callback] = (),
) -> ResultFolder:
    """Runs the experiment of a configuration and writes a run folder.

    Args:
        config (RunConfig): The configuration, see :func:`~graphkit.experiments.build_config`.
        output (str or Path, optional): Run folder, empty or new; if ``None``, a new one under ``runs/``.
            (default: ``None``)
        progress (Progress, optional): Progress display. (default: ``None``)
        shard (str, optional): Shard of this process, such as ``"0/2"`` for the first half of the units; other processes
            run the others in the same folder. (default: ``None``)
        graphs (Path, optional): File or folder with the data, which is copied into the run folder.
            (default: ``None``)
        callbacks (list[Callback], optional): Callbacks of all fits, not for ``continual``. (default: ``()``)

    Returns:
        ResultFolder: The run folder, a :class:`RunFolder` for a run with models. Until all shards are complete, its
            ``result`` is empty and ``shard`` is their state.

    Raises:
        InputError: If settings or data are invalid; nothing is written then.
        Interrupted: If Ctrl-C was pressed; :func:`resume` continues the run.
    """
    progress, callbacks = progress or Progress(), _check_callbacks(callbacks, config)
    if shard is not None:
        parse_shard(shard)
        refuse_processes()
    config = replace(config, data=config.data.absolute())
    with exclusive_random_state(), init_distributed():
        device = pick_device(config.device)
        experiment = make_experiment(config)
        experiment.dry_run()  # errors are raised before the folder is created
        with open_folder(output) if shard is not None else start_folder(output, experiment.name, config) as new:
            if graphs is not None:
                experiment = make_experiment(_keep_graphs(config, graphs, new.path))
            return _run(experiment, new.path, device, progress, shard, callbacks, new.keep)


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
    shard: str | None = None,
    command: str | None = None,
    callbacks: Iterable[Callback] = (),
    model: Any = None,
) -> ResultFolder:
    """Continues an interrupted run, with the same results as without interruption.

    Args:
        folder (str or Path): The run folder.
        progress (Progress, optional): Progress display. (default: ``None``)
        device (str, optional): Device, if it differs from that of the run. (default: ``None``)
        shard (str, optional): Shard of this process, such as ``"0/2"``; all units if ``None``. (default: ``None``)
        command (str, optional): Expected command of the run, such as ``"train"``; any if ``None``. (default: ``None``)
        callbacks (list[Callback], optional): Callbacks of the fits that remain, as of :func:`run`. (default: ``()``)
        model (torch.nn.Module or Callable, optional): For a run of :func:`graphkit.fit` with a model of your own, the
            module or function that was given there. (default: ``None``)

    Returns:
        ResultFolder: The run folder, as of :func:`run`.

    Raises:
        FileNotFoundError: If the folder is not a run.
        InputError: If its configuration or checkpoint is invalid, or another process runs the shard.
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
    if shard is not None:
        refuse_processes()
    with exclusive_random_state(), init_distributed():
        torch_device = pick_device(device or config.device)
        return _run(make_experiment(config), folder, torch_device, progress, shard, callbacks)


def _check_callbacks(callbacks: Iterable[Callback], config: RunConfig) -> tuple[Callback, ...]:
    """Returns the callbacks of a run as a tuple.

    Raises:
        InputError: If they are not a list of callbacks, or the command does not call any.
    """
    given = check_callbacks(callbacks)
    if given and isinstance(config, ContinualConfig):
        raise InputError("`callbacks` are for runs of train and distill (got a run of continual); leave them out")
    return given


def _run(
    experiment: Experiment,
    folder: Path,
    device: torch.device,
    progress: Progress,
    shard: str | None,
    callbacks: tuple[Callback, ...],
    keep: Callable[[], None] = lambda: None,
) -> ResultFolder:
    """Runs the incomplete units, or a shard of them, and aggregates completed results."""
    config = experiment.config
    communicator = get_communicator()
    progress = Progress() if communicator.rank else progress
    with _shard_of(experiment, folder, progress, shard, communicator) or nullcontext() as work:
        experiment.begin(folder, device)
        together = Communicator() if experiment.shares_units else communicator
        stop: Interrupted | None = None
        with InterruptFlag(progress, waits=together.world_size > 1) as interrupt:
            session = Session(device, progress, interrupt, keep, callbacks)
            try:
                with interrupt.stopping(lambda: Interrupted(0, folder, "interrupted between two fits")):
                    _do_units(experiment, folder, session, together, work)
            except Interrupted as error:
                stop, error.folder = error, folder  # what is continued is the whole run
        if communicator.all_reduce_max(stop is not None)[0]:
            raise stop or Interrupted(0, folder, "interrupted; another process was stopped")
        if work is not None and communicator.world_size == 1:
            if work.left():
                return folder_of(folder, config, work.so_far())
            if not work.did and read_result(folder):
                return folder_of(folder, config)
    (peak,) = communicator.all_reduce_max(peak_memory_mb(device))
    communicator.broadcast_from_rank0(lambda: write_result(folder, experiment.combine(folder, peak)))
    return folder_of(folder, config)


def _shard_of(
    experiment: Experiment, folder: Path, progress: Progress, shard: str | None, communicator: Communicator
) -> Shard | None:
    """Returns the shard of this process, or ``None`` in a folder without shards.

    Several processes distribute independent units as shards of one folder.
    """
    within = (communicator.rank, communicator.world_size) if experiment.shares_units else (0, 1)
    begun = communicator.broadcast_from_rank0((folder / SHARDS).is_dir)
    if within[1] > 1 and not begun:
        shard = f"{within[0]}/{within[1]}"
    elif shard is None and not begun:
        return None
    if within[1] == 1:
        refuse_processes()
    config = experiment.config
    return Shard(folder, config.command, config.to_dict(), experiment.units(), shard, progress, within=within)


def _do_units(
    experiment: Experiment, folder: Path, session: Session, communicator: Communicator, work: Shard | None
) -> None:
    """Runs all units, or those of a shard, after the units that they need."""

    def is_done(unit: str) -> bool:
        done = (folder / unit / FIT).is_file()
        if done:
            experiment.read_fit(unit, folder)  # raises the error of a damaged file before training
        return done

    def do(unit: str) -> None:
        if communicator.broadcast_from_rank0(partial(is_done, unit)):
            return
        if communicator.all_reduce_max(session.interrupt.raised)[0]:
            raise Interrupted(0, folder, "interrupted between two fits")
        experiment.fit(unit, folder, session)

    units = {unit: unit for unit in experiment.units()}
    if work is None:
        for unit in units:
            do(unit)
        return
    for unit in units:
        if not work.remaining([unit]):
            continue
        for needed, _ in work.helping().turns({name: name for name in experiment.needs(unit)}, session.interrupt):
            do(needed)
        for name, _ in work.turns({unit: unit}, session.interrupt):
            do(name)
