"""A continual run: all strategies and seeds of a configuration, in one folder, with one result."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch

from graphkit import data
from graphkit.config.schema import check_command
from graphkit.continual.continual_trainer import ContinualTrainer, StreamInterrupted, make_stream, make_stream_model
from graphkit.continual.search import FitOne, search_settings, search_trials
from graphkit.continual.settings import resolve_continual
from graphkit.data import GraphDataset
from graphkit.distributed.communicator import Communicator, get_communicator, init_distributed
from graphkit.errors import InputError
from graphkit.experiments.continual.continual_result import SCORES, combine_continual
from graphkit.experiments.create_folder import describe, folder_config, read_result, start_folder, write_result
from graphkit.experiments.load_dataset import data_key
from graphkit.experiments.shards import FOLDER, Shard, open_folder, parse_shard, refuse_processes
from graphkit.files import write_json
from graphkit.registry import get_strategy
from graphkit.training.build_model import check_graphs
from graphkit.training.checkpoint import read_fit
from graphkit.training.environment import environment, peak_memory_mb, pick_device
from graphkit.training.fingerprint import check_data, fingerprint
from graphkit.training.interrupt import Interrupted, InterruptFlag
from graphkit.training.progress import Progress

#: What ``fit.json`` has, apart from how the tasks were made.
_FIT: dict[str, Any] = {
    "strategy": "", "seed": 0, "validation": None, "matrix": [[None]], "seconds": 0.0, "parameters": 0, "protocol": {},
    "tasks": [{"task": 0, "epoch": 0, "seconds": 0.0, "seconds_after_task": 0.0, "memory_mb": 0.0}],
    **dict.fromkeys(SCORES),
}  # fmt: skip


def fit_continual(
    config: dict[str, Any], output: str | Path | None = None, progress: Progress | None = None, shard: str | None = None
) -> dict[str, Any]:
    """Learns the stream of a configuration by each of its strategies and writes a run folder.

    Args:
        config: Layers of settings, see :func:`resolve_continual`; what is not set has its default.
        output: The run folder, which must be empty or not exist; by default a new one under ``runs/``.
        progress: What a person sees; nothing by default.
        shard: Such as ``"0/2"``: this process does the first half of the strategies' seeds and of the settings that
            are searched, and others, which share the folder, the rest.

    Returns:
        The content of ``result.json``; while other shards have something left, what is done so far.

    Raises:
        ValueError: For settings or data that cannot be used; nothing has been written then.
        StreamInterrupted: After Ctrl-C; :func:`resume_continual` goes on.
    """
    config, progress = resolve_continual(config), progress or Progress()
    if shard is not None:
        parse_shard(shard)
        refuse_processes()
    if data.is_path(config["data"]["name"]):  # so that the run can be opened from any folder
        config["data"]["name"] = str(Path(config["data"]["name"]).expanduser().resolve())
    with init_distributed() as communicator:
        device = pick_device(config["device"])
        dataset = communicator.rank_zero_first(
            lambda: load_stream_data(config)
        )  # before the folder: a mistake leaves none behind
        dry_run(config, dataset)
        name = f"continual-{Path(config['data']['name']).stem}"
        with open_folder(output) if shard is not None else start_folder(output, name, config) as new:
            work, folder = _part(config, new.path, progress, shard), new.path
            with work or nullcontext():
                communicator.broadcast_from_rank0(lambda: _begin(folder, config))
                return _together(lambda: _run(config, folder, device, progress, dataset, work), folder, communicator)


def resume_continual(
    folder: str | Path, progress: Progress | None = None, device: str | None = None, shard: str | None = None
) -> dict[str, Any]:
    """Continues a run that was interrupted, after its last whole task, to the same numbers as without interruption.

    Args:
        folder: A run folder.
        progress: What a person sees; nothing by default.
        device: Another device than that of the run.
        shard: The part of what is left that this process does, such as ``"0/2"``; by default all of it.

    Raises:
        FileNotFoundError: If the folder is not a run.
        ValueError: If its configuration or a state cannot be used, or another process works on it as a shard.
    """
    folder, progress = Path(folder), progress or Progress()
    content = folder_config(folder)
    check_command(content, folder, "continual")
    config = resolve_continual(content)
    if shard is not None:
        refuse_processes()
    with init_distributed() as communicator:
        work = _part(config, folder, progress, shard)
        with work or nullcontext():
            torch_device = pick_device(device or config["device"])
            return _together(lambda: _run(config, folder, torch_device, progress, None, work), folder, communicator)


def _begin(folder: Path, config: dict[str, Any]) -> None:
    """Writes what a run is about, unless another shard has."""
    if not (folder / "config.yaml").is_file():
        describe(folder, config)


def _begin_on(folder: Path, dataset: GraphDataset, mark: dict[str, str], device: torch.device) -> None:
    """Writes on which data and where a run is trained; of a run that has begun, checks the data.

    Raises:
        InputError: If the data have changed.
    """
    if (folder / "env.json").is_file():
        check_data(folder, dataset, mark)
    else:
        write_json(folder / "env.json", {**environment(device), "data": mark})


def _part(config: dict[str, Any], folder: Path, progress: Progress, shard: str | None) -> Shard | None:
    """Returns the part of the work that this process does; nothing if that is all of it, in a folder without shards.

    Fits of different strategies and seeds have nothing to do with each other: several processes share them out.
    """
    communicator = get_communicator()
    within = communicator.rank, communicator.world_size
    begun = communicator.broadcast_from_rank0((folder / FOLDER).is_dir)
    if communicator.world_size > 1 and not begun:
        shard = f"{communicator.rank}/{communicator.world_size}"
    elif shard is None and not begun:
        return None
    progress = Progress() if communicator.rank else progress
    return Shard(folder, "continual", config, _units(config), shard, progress, within=within)


def _together(run: Callable[[], dict[str, Any]], folder: Path, communicator: Communicator) -> dict[str, Any]:
    """Does the own part of the work, and returns the result once all processes have done theirs.

    Raises:
        StreamInterrupted: In all of them if one was interrupted.
    """
    stop: Interrupted | None = None
    try:
        result = run()
    except Interrupted as error:
        stop = error
    if communicator.all_reduce_max(stop is not None)[0]:
        raise stop or StreamInterrupted("another process was stopped", folder)
    if communicator.world_size == 1:
        return result
    return communicator.broadcast_from_rank0(lambda: read_result(folder))


def load_stream_data(config: dict[str, Any]) -> GraphDataset:
    """Returns the data set of a resolved configuration; generated data are drawn with the run's seed."""
    options = {key: value for key, value in config["data"].items() if key != "name"}
    if "seed" in data.options(config["data"]["name"]) and options.get("seed") is None:
        options["seed"] = config["seed"]
    return data.load(config["data"]["name"], **options)


def dry_run(config: dict[str, Any], dataset: GraphDataset) -> None:
    """Makes what a run needs once and throws it away; raises what would go wrong later."""
    stream = make_stream(config, dataset)
    model = make_stream_model(config, stream)
    check_graphs(model, dataset)
    for name, options in config["strategies"].items():
        strategy = get_strategy(name)(**options)
        for task in stream:
            strategy.before_task(model, task)


def _units(config: dict[str, Any]) -> list[str]:
    """Returns the folders of all fits: what the others need first, then the seeds."""
    trials = search_trials(config) if config["search"] else {}
    units = [f"{name}/{subfolder}" for name, children in trials.items() for subfolder in children]
    return units + [f"{name}/{subfolder}" for name in config["strategies"] for subfolder, _ in _seeds(config)]


def _seeds(config: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields the folders and the configurations of the runs of a strategy."""
    for index in range(config["seeds"]):
        yield f"seed-{config['seed'] + index}", {**config, "seed": config["seed"] + index, "seeds": 1}


def _share(config: dict[str, Any], shard: Shard, fit: FitOne, interrupt: InterruptFlag) -> None:
    """Does a shard's part of the fits; helps with a strategy's search where its own seeds need the outcome."""
    trials = search_trials(config) if config["search"] else {}
    for name, children in trials.items():
        for subfolder, child in shard.within(name).turns(children, interrupt):
            fit(child, name, subfolder)
    for name, options in config["strategies"].items():
        chosen = {**config, "strategies": {name: options}}
        if name in trials and shard.within(name).remaining(dict(_seeds(config))):
            for subfolder, child in shard.within(name, helps=True).turns(trials[name], interrupt):
                fit(child, name, subfolder)
            search_settings(chosen, fit)
        for subfolder, child in shard.within(name).turns(dict(_seeds(chosen)), interrupt):
            fit(child, name, subfolder)


def _run(
    config: dict[str, Any],
    folder: Path,
    device: torch.device,
    progress: Progress,
    dataset: GraphDataset | None = None,
    shard: Shard | None = None,
) -> dict[str, Any]:
    """Does the fits that are not done yet, or a shard's part of them, and combines their results once all are done."""
    dataset = dataset or load_stream_data(config)
    loaded: dict[str, Any] = {"key": data_key(config), "dataset": dataset, "mark": fingerprint(dataset)}
    communicator = get_communicator()
    communicator.broadcast_from_rank0(lambda: _begin_on(folder, dataset, loaded["mark"], device))

    def stopped() -> StreamInterrupted:
        return StreamInterrupted("between two fits", folder)

    with InterruptFlag(progress) as interrupt, interrupt.stopping(stopped):

        def fit(child: dict[str, Any], name: str, subfolder: str) -> dict[str, Any]:
            path = folder / name / subfolder
            if (path / "fit.json").is_file():
                return _read_fit(path / "fit.json")
            if interrupt.raised:
                raise StreamInterrupted(f"{name} {subfolder} has not begun", folder)
            if data_key(child) != loaded["key"]:
                other = load_stream_data(child)
                loaded.update(key=data_key(child), dataset=other, mark=fingerprint(other))
            moved = _moved(loaded["dataset"], device)
            single = ContinualTrainer(child, name, moved, path, device, progress, loaded["mark"])
            path.mkdir(parents=True, exist_ok=True)
            try:
                fitted = single.run(interrupt)
            except Interrupted as stop:
                raise StreamInterrupted(str(stop).removeprefix("interrupted; "), folder) from None
            write_json(path / "fit.json", fitted)
            return fitted

        config = deepcopy(config)
        if shard is not None:
            _share(config, shard, fit, interrupt)
            if shard.left():
                return shard.so_far()
            if not shard.did and (result := read_result(folder)):
                return result
        search = search_settings(config, fit) if config["search"] else {}
        fits = []
        for name in config["strategies"]:
            for subfolder, child in _seeds(config):
                fits.append(fit(child, name, subfolder))
    result = combine_continual(config, loaded["dataset"], fits, search, folder, peak_memory_mb(device))
    return write_result(folder, result)


def _read_fit(path: Path) -> dict[str, Any]:
    """Reads the scores of a fit.

    Raises:
        InputError: If the file is damaged; the key is named.
    """
    fitted = read_fit(path, _FIT)
    if any(len(row) != len(fitted["matrix"]) for row in fitted["matrix"]):
        raise InputError(f"'{path}' is damaged (`matrix` is not square); delete it; --resume makes it again")
    return fitted


def _moved(dataset: GraphDataset, device: torch.device) -> GraphDataset:
    """Returns a data set on a device."""
    if device.type == "cpu":
        return dataset
    graphs: Any = dataset.graphs
    moved = graphs.to(device) if hasattr(graphs, "to") else tuple(graph.clone().to(device) for graph in graphs)
    return dataset.replace(graphs=moved)
