"""A run: all seeds and folds of a configuration, in one folder, with one result."""

from contextlib import nullcontext
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import torch

from graphkit import data
from graphkit.config.schema import check_command, resolve, settings
from graphkit.data import GraphDataset
from graphkit.distributed.communicator import get_communicator, init_distributed
from graphkit.errors import InputError
from graphkit.experiments.create_folder import (
    NewFolder,
    describe,
    folder_config,
    read_train_result,
    start_folder,
    write_result,
)
from graphkit.experiments.load_dataset import data_key, load_dataset
from graphkit.experiments.load_teacher import distillation_of
from graphkit.experiments.run_result import combine
from graphkit.experiments.shards import FOLDER, Shard, open_folder, parse_shard, refuse_processes
from graphkit.files import is_number, write_json
from graphkit.tasks import make_task
from graphkit.training.build_model import check_graphs, make_model
from graphkit.training.checkpoint import read_fit
from graphkit.training.environment import environment, peak_memory_mb, pick_device
from graphkit.training.fingerprint import check_data, fingerprint
from graphkit.training.gradient_stepper import GradientStepper
from graphkit.training.interrupt import Interrupted, InterruptFlag
from graphkit.training.node_batches import drawing, node_loader
from graphkit.training.optimizer import Schedule, make_optimizer
from graphkit.training.progress import Progress
from graphkit.training.trainer import Trainer

#: What ``fit.json`` has, apart from the curve.
_FIT: dict[str, Any] = {
    "epoch": 0, "validation": None, "test": None, "parameters": 0, "seconds": 0.0, "seed": 0, "fold": None, "extras": {}
}  # fmt: skip


def fit(
    config: dict[str, Any], output: str | Path | None = None, progress: Progress | None = None, shard: str | None = None
) -> dict[str, Any]:
    """Trains what a configuration describes and writes a run folder.

    Args:
        config: Layers of settings, see :func:`~graphkit.experiments.resolve`; what is not set has its default.
        output: The run folder, which must be empty or not exist; by default a new one under ``runs/``.
        progress: What a person sees; nothing by default.
        shard: Such as ``"0/2"``: this process does the first half of the seeds and folds, and others, which share the
            folder, the rest.

    Returns:
        The content of ``result.json``. Scores are fractions; ``validation`` is ``None`` where there is none. While
        other shards have something left, what is done so far, with the keys ``did``, ``done`` and ``left``.

    Raises:
        ValueError: For settings or data that cannot be used; nothing has been written then.
        Interrupted: After Ctrl-C; :func:`resume` goes on.
    """
    config, progress = resolve(config), progress or Progress()
    if shard is not None:
        parse_shard(shard)
        refuse_processes()
    if data.is_path(config["data"]["name"]):  # so that the run can be opened from any folder
        config["data"]["name"] = str(Path(config["data"]["name"]).expanduser().resolve())
    if "distill" in config:
        config["distill"]["teacher"] = str(Path(config["distill"]["teacher"]).expanduser().resolve())
    with init_distributed() as communicator:
        device = pick_device(config["device"])
        dataset = communicator.rank_zero_first(
            lambda: load_dataset(config)
        )  # before the folder: a mistake leaves none behind
        dry_run(config, dataset)
        name = f"{config['model']['name']}-{Path(config['data']['name']).stem}"
        with open_folder(output) if shard is not None else start_folder(output, name, config) as new:
            if shard is not None:
                work = Shard(new.path, "train", config, [*members(config, dataset)], shard, progress)
                with work:
                    return _run(config, new.path, device, progress, dataset, work)
            communicator.broadcast_from_rank0(lambda: describe(new.path, config))
            return _run(config, new.path, device, progress, dataset, new=new)


def resume(
    folder: str | Path, progress: Progress | None = None, device: str | None = None, shard: str | None = None
) -> dict[str, Any]:
    """Continues a run that was interrupted, to the same numbers as without the interruption.

    Args:
        folder: A run folder.
        progress: What a person sees; nothing by default.
        device: Another device than that of the run.
        shard: The part of what is left that this process does, such as ``"0/2"``; by default all of it, also of a run
            that was begun in shards.

    Raises:
        FileNotFoundError: If the folder is not a run.
        ValueError: If its configuration or checkpoint cannot be used, or another process works on it as a shard.
    """
    folder, progress, work = Path(folder), progress or Progress(), None
    content = folder_config(folder)
    check_command(content, folder, "train")
    config = resolve(content)
    with init_distributed() as communicator:
        dataset = communicator.rank_zero_first(lambda: load_dataset(config))
        if shard is not None or (folder / FOLDER).is_dir():
            refuse_processes()
            work = Shard(folder, "train", config, [*members(config, dataset)], shard, progress)
        with work or nullcontext():
            return _run(config, folder, pick_device(device or config["device"]), progress, dataset, work)


def share(config: dict[str, Any], folder: Path, progress: Progress, shard: Shard) -> dict[str, Any]:
    """Does a shard's part of a run that lies within a larger one; returns as :func:`fit` does."""
    config = resolve(config)
    if not (folder / "config.yaml").is_file():
        describe(folder, config)
    return _run(config, folder, pick_device(config["device"]), progress, None, shard)


def dry_run(config: dict[str, Any], dataset: GraphDataset) -> None:
    """Makes what a run needs once and throws it away; raises what would go wrong later."""
    split = dataset.splits[0]
    if not split.train.numel():
        raise InputError("a split must have at least one training item (got none)")
    model, options = make_model(config, dataset), settings(config)
    check_graphs(model, dataset)
    Schedule(make_optimizer(model, options), options)
    make_task(dataset.task, dataset.metric, options.label_smoothing)
    dataset.augmentation(options.augment)
    GradientStepper(options.precision, options.accumulate, pick_device(config["device"]))
    if options.num_neighbors:
        drawing(node_loader(model, dataset, options.batch_size), options.num_neighbors)
    first = next(iter(members(config, dataset).values()))
    if make_extra := distillation_of(first, dataset, split, torch.device("cpu")):
        make_extra(model)


def members(config: dict[str, Any], dataset: GraphDataset) -> dict[str, dict[str, Any]]:
    """Returns the names and configurations of the fits of a run; a single fit has the name ``""``.

    Seed ``s + i`` and split ``i`` belong to run ``i``; where the protocol is by folds, every run does all of them.
    """
    if config["seeds"] == 1 and (dataset.protocol != "fold" or config["data"]["fold"] is not None):
        return {"": config}
    fits: dict[str, dict[str, Any]] = {}
    for index in range(config["seeds"]):
        child = deepcopy(config)
        child["seeds"], child["seed"] = 1, config["seed"] + index
        if dataset.protocol == "fold" and config["data"]["fold"] is None:
            for fold in range(len(dataset.splits)):
                prefix = f"seed-{child['seed']}-" if config["seeds"] > 1 else ""
                fits[f"{prefix}fold-{fold}"] = {**child, "data": {**child["data"], "fold": fold}}
        else:
            if config["data"]["fold"] is None and len(dataset.splits) > 1:
                child["data"]["fold"] = index % len(dataset.splits)
            fits[f"seed-{child['seed']}"] = child
    return fits


def _run(
    config: dict[str, Any],
    folder: Path,
    device: torch.device,
    progress: Progress,
    dataset: GraphDataset | None = None,
    shard: Shard | None = None,
    new: NewFolder | None = None,
) -> dict[str, Any]:
    """Does the fits that are not done yet, or a shard's part of them, and combines their results once all are done.

    Raises:
        InputError: If the data are not those that the run began with.
    """
    communicator = get_communicator()
    if communicator.rank:
        progress = Progress()
    dataset = dataset or communicator.rank_zero_first(lambda: load_dataset(config))
    fits = members(config, dataset)
    loaded, mark = data_key(config), fingerprint(dataset)
    communicator.broadcast_from_rank0(partial(_begin, folder, config, device, dataset, mark))
    results: list[dict[str, Any]] = []

    def stopped() -> Interrupted:
        return Interrupted(int(results[-1]["epoch"]) if results else 0, folder)

    with InterruptFlag(progress, waits=communicator.world_size > 1) as interrupt, interrupt.stopping(stopped):
        for name, child in shard.turns(fits, interrupt) if shard is not None else fits.items():
            path = folder / name
            done = communicator.broadcast_from_rank0(lambda path=path: _fitted(path))  # type: ignore[misc]
            if done is not None:
                results.append(done)
                continue
            if communicator.all_reduce_max(interrupt.raised)[
                0
            ]:  # in the last epoch of a fit, or while its scores were computed
                raise stopped()
            if data_key(child) != loaded:
                dataset = communicator.rank_zero_first(lambda child=child: load_dataset(child))  # type: ignore[misc]
                loaded, mark = data_key(child), fingerprint(dataset)
            label = f"{config['model']['name']} {name}".strip()
            split = dataset.splits[(child["data"]["fold"] or 0) % len(dataset.splits)]
            make_extra = distillation_of(child, dataset, split, device)
            single = Trainer(child, dataset, path, device, progress, label, mark, make_extra)
            if new is not None:
                new.keep()
            if name:
                communicator.broadcast_from_rank0(partial(describe, path, child))
                communicator.broadcast_from_rank0(partial(_begin, path, child, device, dataset, mark))
            try:
                fitted = single.run(interrupt)
            except Interrupted as stop:
                raise Interrupted(stop.epoch, folder) from None  # what is continued is the whole run
            results.append({**fitted, "seed": child["seed"], "fold": child["data"]["fold"]})
            (peak,) = communicator.all_reduce_max(peak_memory_mb(device))
            scores = combine(child, dataset, results[-1:], path, peak) if name else None
            communicator.broadcast_from_rank0(lambda path=path, scores=scores: _write(path, scores, results[-1]))  # type: ignore[misc]
    if shard is not None:
        if shard.left():
            return shard.so_far()
        if not shard.did and (result := read_train_result(folder)):
            return result
        results = [_read_fit(folder / name / "fit.json") for name in fits]
    (peak,) = communicator.all_reduce_max(peak_memory_mb(device))
    result = combine(config, dataset, results, folder, peak)
    return communicator.broadcast_from_rank0(lambda: write_result(folder, result))


def _fitted(path: Path) -> dict[str, Any] | None:
    """Returns the scores of a fit that is done."""
    return _read_fit(path / "fit.json") if (path / "fit.json").is_file() else None


def _read_fit(path: Path) -> dict[str, Any]:
    """Reads the scores of a fit.

    Raises:
        InputError: If the file is damaged; the key is named.
    """
    fitted = read_fit(path, _FIT)
    curve = fitted.get("curve", 0)
    for key, value in (("curve", [] if curve is None else curve), ("extras", [*fitted["extras"].values()])):
        if not isinstance(value, list) or not all(item is None or is_number(item) for item in value):
            raise InputError(f"'{path}' is damaged (`{key}` does not hold numbers); delete it; --resume makes it again")
    return fitted


def _write(path: Path, result: dict[str, Any] | None, fitted: dict[str, Any]) -> None:
    """Writes the scores of a fit, last those that say it is done."""
    if result is not None:
        write_result(path, result)
    write_json(path / "fit.json", fitted)


def _begin(
    folder: Path, config: dict[str, Any], device: torch.device, dataset: GraphDataset, mark: dict[str, str]
) -> None:
    """Writes what a run is about, and on which data, before it starts; of a run that has begun, checks the data.

    Raises:
        InputError: If the data have changed.
    """
    if not (folder / "config.yaml").is_file():
        describe(folder, config)
    if (folder / "env.json").is_file():
        check_data(folder, dataset, mark)
    else:
        write_json(folder / "env.json", {**environment(device), "data": mark})
