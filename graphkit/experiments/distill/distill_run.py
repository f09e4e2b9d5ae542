"""A comparison of distilled students: the teacher, the student alone and one student per loss, in one folder."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from graphkit import data
from graphkit.config.schema import check_command, resolve
from graphkit.distributed.communicator import get_communicator, init_distributed
from graphkit.errors import InputError
from graphkit.experiments.create_folder import describe, folder_config, read_result, start_folder, write_result
from graphkit.experiments.distill.distill_result import combine_distill
from graphkit.experiments.distill.distill_settings import TEACHER, experiment_runs, resolve_experiment
from graphkit.experiments.driver import dry_run, fit, resume, share
from graphkit.experiments.driver import members as members_of
from graphkit.experiments.load_dataset import load_dataset
from graphkit.experiments.load_teacher import distillation_of, load_teacher
from graphkit.experiments.run_folder import RunFolder, open_run
from graphkit.experiments.shards import FOLDER, Shard, open_folder, parse_shard, refuse_processes
from graphkit.files import write_json
from graphkit.tasks import make_task
from graphkit.training.build_model import make_model
from graphkit.training.environment import environment, peak_memory_mb, pick_device
from graphkit.training.interrupt import Interrupted
from graphkit.training.loop import undefined_parts
from graphkit.training.progress import Progress


class DistillInterrupted(Interrupted):
    """A comparison was interrupted; what was done is in the folder and can be continued.

    Args:
        name: The run that was stopped.
        epoch: Its last whole epoch.
        folder: The folder, to be given to :func:`resume_distill`.
    """

    def __init__(self, name: str, epoch: int, folder: Path) -> None:
        super().__init__(epoch, folder)
        self.args = (f"interrupted in '{name}' after epoch {epoch}",)


def fit_distill(
    config: dict[str, Any], output: str | Path | None = None, progress: Progress | None = None, shard: str | None = None
) -> dict[str, Any]:
    """Trains the teacher if there is none, the student alone, and a student for each loss, and compares them.

    All students have the same seeds, splits, first weights and selection of the epoch.

    Args:
        config: Layers of settings, see :func:`resolve_experiment`; what is not set has its default.
        output: The folder, which must be empty or not exist; by default a new one under ``runs/``.
        progress: What a person sees; nothing by default.
        shard: Such as ``"0/2"``: this process does the first half of the networks' seeds and folds, and others, which
            share the folder, the rest.

    Returns:
        The content of ``result.json``; while other shards have something left, what is done so far.

    Raises:
        FileNotFoundError: If the teacher's folder is not a run.
        ValueError: For settings or data that cannot be used; nothing has been written then.
        DistillInterrupted: After Ctrl-C; :func:`resume_distill` goes on.
    """
    config, progress = resolve_experiment(config), progress or Progress()
    if shard is not None:
        parse_shard(shard)
        refuse_processes()
    if data.is_path(config["data"]["name"]):  # so that the runs can be opened from any folder
        config["data"]["name"] = str(Path(config["data"]["name"]).expanduser().resolve())
    with init_distributed() as communicator:
        pick_device(config["device"])
        communicator.rank_zero_first(lambda: _dry_run(config))
        name = f"distill-{Path(config['data']['name']).stem}"
        with open_folder(output) if shard is not None else start_folder(output, name, config) as new:
            work = None
            if shard is not None:
                work = Shard(new.path, "distill", config, _units(config), shard, progress)
            with work or nullcontext():
                return _run(config, new.path, progress, work)


def resume_distill(
    folder: str | Path, progress: Progress | None = None, device: str | None = None, shard: str | None = None
) -> dict[str, Any]:
    """Continues a comparison that was interrupted, to the same numbers as without the interruption.

    Args:
        folder: The folder of the comparison.
        progress: What a person sees; nothing by default.
        device: Another device.
        shard: The part of what is left that this process does, such as ``"0/2"``; by default all of it.

    Raises:
        FileNotFoundError: If the folder is not a run.
        ValueError: If its configuration or a checkpoint cannot be used, or another process works on it as a shard.
    """
    folder, progress, work = Path(folder), progress or Progress(), None
    content = folder_config(folder)
    check_command(content, folder, "distill")
    config = resolve_experiment(content)
    if shard is not None or (folder / FOLDER).is_dir():
        refuse_processes()
        work = Shard(folder, "distill", config, _units(config), shard, progress)
    with init_distributed(), work or nullcontext():
        return _run({**config, "device": device or config["device"]}, folder, progress, work)


def _begin(folder: Path, config: dict[str, Any]) -> None:
    """Writes what a comparison is about, unless it has begun."""
    if not (folder / "config.yaml").is_file():
        describe(folder, config)
    if not (folder / "env.json").is_file():
        write_json(folder / "env.json", environment(pick_device(config["device"])))


def _dry_run(config: dict[str, Any]) -> None:
    """Makes what the runs need once and throws it away; raises what would go wrong later."""
    runs = {name: resolve(run_config) for name, run_config in experiment_runs(config, Path("nowhere")).items()}
    dataset = load_dataset(runs["alone"])
    for run_config in runs.values():
        dry_run({key: value for key, value in run_config.items() if key != "distill"}, dataset)
    task = make_task(dataset.task, dataset.metric)
    for split in dataset.splits:
        if "test" in undefined_parts(task, dataset, split):
            raise InputError(
                f"test items must have labels of both classes for {task.metric} (got one class); draw another split"
            )
    teacher = None
    if "run" in config["teacher"]:
        run = open_run(config["teacher"]["run"])
        for child in members_of(runs["alone"], dataset).values():
            load_teacher(run, child, dataset)
    else:  # one that has learned nothing has layers and widths, too
        teacher = RunFolder(Path("teacher"), next(iter(members_of(runs["teacher"], dataset).values())))
        teacher.dataset, teacher.model = dataset, make_model(teacher.config, dataset)
    for name in config["losses"]:
        child = next(iter(members_of(runs[name], dataset).values()))
        student = make_model(child, dataset)
        make_extra = distillation_of(child, dataset, dataset.splits[0], torch.device("cpu"), teacher)
        assert make_extra is not None
        make_extra(student)


def _units(config: dict[str, Any]) -> list[str]:
    """Returns the folders of the fits of all networks, the teacher's first."""
    runs = {name: resolve(run_config) for name, run_config in experiment_runs(config, Path("nowhere")).items()}
    dataset = load_dataset(runs["alone"])
    return [f"{name}/{fit}".strip("/") for name, run_config in runs.items() for fit in members_of(run_config, dataset)]


def _share(runs: dict[str, dict[str, Any]], folder: Path, progress: Progress, shard: Shard) -> None:
    """Does a shard's part of the fits; helps with the teacher where its own students need one."""
    for name, run_config in runs.items():
        if not shard.within(name).remaining():
            continue
        try:
            if "distill" in run_config and TEACHER in runs:
                share(runs[TEACHER], folder / TEACHER, progress, shard.within(TEACHER, helps=True))
            share(run_config, folder / name, progress, shard.within(name))
        except Interrupted as stop:
            raise DistillInterrupted(name, stop.epoch, folder) from None


def _run(config: dict[str, Any], folder: Path, progress: Progress, shard: Shard | None = None) -> dict[str, Any]:
    """Does the runs that are not done yet, or a shard's part of them, and compares their results."""
    communicator = get_communicator()
    communicator.broadcast_from_rank0(lambda: _begin(folder, config))
    runs = experiment_runs(config, folder)
    if shard is not None:
        _share(runs, folder, progress, shard)
        if shard.left():
            return shard.so_far()
        if not shard.did and (result := read_result(folder)):
            return result
    for name, run_config in runs.items():
        path = folder / name
        try:
            ended, begun = communicator.broadcast_from_rank0(lambda path=path: _state(path))  # type: ignore[misc]
            if ended:
                continue
            if begun:
                resume(path, progress, config["device"])
            else:
                progress.say(f"{name}: {_what(name, config)}")
                fit(run_config, path, progress)
        except Interrupted as stop:
            raise DistillInterrupted(name, stop.epoch, folder) from None
    opened = {name: open_run(folder / name) for name in runs}
    if "run" in config["teacher"]:
        opened = {"teacher": open_run(config["teacher"]["run"]), **opened}
    device = pick_device(config["device"])
    (peak,) = communicator.all_reduce_max(peak_memory_mb(device))
    result = communicator.broadcast_from_rank0(lambda: combine_distill(config, opened, folder, device, peak))
    return communicator.broadcast_from_rank0(lambda: write_result(folder, result))


def _state(path: Path) -> tuple[bool, bool]:
    """Returns whether a run has ended, and whether it has begun."""
    return (path / "result.json").is_file(), (path / "config.yaml").is_file()


def _what(name: str, config: dict[str, Any]) -> str:
    """Returns what a run is, for a person who waits for it."""
    if name == "teacher":
        return f"the teacher, {config['teacher']['model']['name']}"
    student = config["student"]["model"]["name"]
    return f"the student, {student}, " + ("without a teacher" if name == "alone" else f"taught by {name}")
