"""The driver of every command that trains: lists the units of an experiment, does them, aggregates their results."""

import shutil
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import torch

from graphkit.continual.continual_config import ContinualConfig
from graphkit.continual.continual_experiment import ContinualExperiment
from graphkit.distill.distill_config import DistillConfig, StudentConfig
from graphkit.distill.distill_experiment import DistillExperiment, StudentExperiment
from graphkit.distributed.communicator import Communicator, get_communicator, init_distributed
from graphkit.errors import InputError
from graphkit.experiments.build_config import config_of_folder
from graphkit.experiments.run_folder import RunFolder, open_run
from graphkit.experiments.shards import Shard, open_folder, parse_shard, refuse_processes
from graphkit.training.environment import peak_memory_mb, pick_device
from graphkit.training.experiment import FIT, Experiment, Session, TrainExperiment
from graphkit.training.interrupt import Interrupted, InterruptFlag
from graphkit.training.progress import Progress
from graphkit.training.run_files import GIVEN, SHARDS, read_result, start_folder, write_result
from graphkit.training.seeds import exclusive_random_state
from graphkit.training.train_config import RunConfig, TrainConfig


def make_experiment(config: RunConfig) -> Experiment:
    """Returns the experiment that a configuration describes."""
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
) -> RunFolder:
    """Trains what a configuration describes and writes a run folder.

    Args:
        config: The configuration, see :func:`~graphkit.experiments.build_config`.
        output: The run folder, which must be empty or not exist; by default a new one under ``runs/``.
        progress: Display of the progress; none by default.
        shard: Such as ``"0/2"``: this process does the first half of the units, and others, which share the folder, the
            rest.
        graphs: The data of the configuration, a file or folder that is copied into the run folder first.

    Returns:
        The run folder. While other shards have something left, its ``result`` is empty and ``shard`` says what is done.

    Raises:
        InputError: For settings or data that cannot be used; nothing has been written then.
        Interrupted: After Ctrl-C; :func:`resume` goes on.
    """
    progress = progress or Progress()
    if shard is not None:
        parse_shard(shard)
        refuse_processes()
    config = replace(config, data=config.data.absolute())
    with exclusive_random_state(), init_distributed():
        device = pick_device(config.device)
        experiment = make_experiment(config)
        experiment.dry_run()  # before the folder: a mistake leaves none behind
        with open_folder(output) if shard is not None else start_folder(output, experiment.name, config) as new:
            if graphs is not None:
                experiment = make_experiment(_keep_graphs(config, graphs, new.path))
            return _run(experiment, new.path, device, progress, shard, new.keep)


def _keep_graphs(config: RunConfig, graphs: Path, folder: Path) -> RunConfig:
    """Copies the data of a run into its folder; returns the configuration that names the copy."""

    def copy() -> None:
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
) -> RunFolder:
    """Continues a run that was interrupted, to the same numbers as without the interruption.

    Args:
        folder: A run folder.
        progress: Display of the progress; none by default.
        device: Another device than that of the run.
        shard: The part of what is left that this process does, such as ``"0/2"``; by default all of it, also of a run
            that was begun in shards.
        command: The command that the run must be of, such as ``"train"``; by default any.

    Raises:
        FileNotFoundError: If the folder is not a run.
        InputError: If its configuration or checkpoint cannot be used, or another process works on it as a shard.
    """
    folder, progress = Path(folder), progress or Progress()
    config = config_of_folder(folder)
    if command not in (None, config.command):
        other = config.command
        raise InputError(
            f"'{folder}' is a run of graphkit {other}; continue it with: graphkit {other} --resume {folder}"
        )
    if shard is not None:
        refuse_processes()
    with exclusive_random_state(), init_distributed():
        return _run(make_experiment(config), folder, pick_device(device or config.device), progress, shard)


def _run(
    experiment: Experiment,
    folder: Path,
    device: torch.device,
    progress: Progress,
    shard: str | None,
    keep: Callable[[], None] = lambda: None,
) -> RunFolder:
    """Does the units that are not done yet, or a shard of them, and aggregates their results once all are done."""
    config = cast(TrainConfig, experiment.config)  # what other commands write has no models to open
    communicator = get_communicator()
    progress = Progress() if communicator.rank else progress
    with _shard_of(experiment, folder, progress, shard, communicator) or nullcontext() as work:
        experiment.begin(folder, device)
        together = Communicator() if experiment.shares_units else communicator
        stop: Interrupted | None = None
        with InterruptFlag(progress, waits=together.world_size > 1) as interrupt:
            session = Session(device, progress, interrupt, keep)
            try:
                with interrupt.stopping(lambda: Interrupted(0, folder, "interrupted between two fits")):
                    _do_units(experiment, folder, session, together, work)
            except Interrupted as error:
                stop, error.folder = error, folder  # what is continued is the whole run
        if communicator.all_reduce_max(stop is not None)[0]:
            raise stop or Interrupted(0, folder, "interrupted; another process was stopped")
        if work is not None and communicator.world_size == 1:
            if work.left():
                return RunFolder(folder, config, shard=work.so_far())
            if not work.did and read_result(folder):
                return RunFolder(folder, config)
    (peak,) = communicator.all_reduce_max(peak_memory_mb(device))
    communicator.broadcast_from_rank0(lambda: write_result(folder, experiment.combine(folder, peak)))
    return RunFolder(folder, config)


def _shard_of(
    experiment: Experiment, folder: Path, progress: Progress, shard: str | None, communicator: Communicator
) -> Shard | None:
    """Returns the part of the units that this process does; nothing if that is all of them, in a folder without shards.

    Several processes share out units that have nothing to do with each other, as shards of one folder.
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
    """Does all units, or those of a shard; those that a unit needs come first."""

    def is_done(unit: str) -> bool:
        done = (folder / unit / FIT).is_file()
        if done:
            experiment.read_fit(unit, folder)  # a damaged file is named before anything else is trained
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
