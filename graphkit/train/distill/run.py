"""A comparison of distilled students: the teacher, the student alone and one student per loss, in one folder."""

from pathlib import Path
from typing import Any

import torch
import yaml

from graphkit import data
from graphkit.files import write_json, write_text
from graphkit.train.config import resolve
from graphkit.train.distill.config import experiment_runs, resolve_experiment
from graphkit.train.distill.result import combine_distill
from graphkit.train.environment import environment, peak_memory_mb, pick_device
from graphkit.train.folder import folder_config, make_folder
from graphkit.train.interrupt import Interrupted
from graphkit.train.model import make_model
from graphkit.train.opened_run import Run, open_run
from graphkit.train.progress import Progress
from graphkit.train.run import children as children_of
from graphkit.train.run import fit, load_dataset, rehearse, resume
from graphkit.train.teaching import Teaching, find_teacher


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
    config: dict[str, Any], output: str | Path | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Trains the teacher if there is none, the student alone, and a student for each loss, and compares them.

    All students have the same seeds, splits, first weights and selection of the epoch.

    Args:
        config: Layers of settings, see :func:`resolve_experiment`; what is not set has its default.
        output: The folder, which must be empty or not exist; by default a new one under ``runs/``.
        progress: What a person sees; nothing by default.

    Returns:
        The content of ``result.json``.

    Raises:
        FileNotFoundError: If the teacher's folder is not a run.
        ValueError: For settings or data that cannot be used; nothing has been written then.
        DistillInterrupted: After Ctrl-C; :func:`resume_distill` goes on.
    """
    config = resolve_experiment(config)
    if data.is_path(config["data"]["name"]):  # so that the runs can be opened from any folder
        config["data"]["name"] = str(Path(config["data"]["name"]).expanduser().resolve())
    device = pick_device(config["device"])
    _rehearse(config)
    folder = make_folder(output, f"distill-{Path(config['data']['name']).stem}")
    write_text(folder / "config.yaml", yaml.safe_dump(config, sort_keys=False))
    write_json(folder / "env.json", environment(device))
    return _run(config, folder, progress or Progress())


def resume_distill(
    folder: str | Path, progress: Progress | None = None, device: str | None = None
) -> dict[str, Any]:
    """Continues a comparison that was interrupted, to the same numbers as without the interruption.

    Args:
        folder: The folder of the comparison.
        progress: What a person sees; nothing by default.
        device: Another device.

    Raises:
        FileNotFoundError: If the folder is not a run.
        ValueError: If its configuration or a checkpoint cannot be used.
    """
    folder = Path(folder)
    content = folder_config(folder)
    if "student" not in content:
        raise ValueError(f"'{folder}' does not compare students; continue it with: graphkit train --resume {folder}")
    config = resolve_experiment(content)
    return _run({**config, "device": device or config["device"]}, folder, progress or Progress())


def _rehearse(config: dict[str, Any]) -> None:
    """Makes what the runs need once and throws it away; raises what would go wrong later."""
    runs = {name: resolve(each) for name, each in experiment_runs(config, Path("nowhere")).items()}
    dataset = load_dataset(runs["alone"])
    for each in runs.values():
        rehearse({key: value for key, value in each.items() if key != "distill"}, dataset)
    teacher = None
    if "run" in config["teacher"]:
        run = open_run(config["teacher"]["run"])
        for child in children_of(runs["alone"], dataset).values():
            find_teacher(run, child, dataset)
    else:  # one that has learnt nothing has layers and widths, too
        teacher = Run(Path("teacher"), next(iter(children_of(runs["teacher"], dataset).values())))
        teacher.dataset, teacher.model = dataset, make_model(teacher.config, dataset)
    for name in config["losses"]:
        child = next(iter(children_of(runs[name], dataset).values()))
        student = make_model(child, dataset)
        Teaching(child, dataset, dataset.splits[0], student, torch.device("cpu"), teacher)


def _run(config: dict[str, Any], folder: Path, progress: Progress) -> dict[str, Any]:
    """Does the runs that are not done yet and compares their results."""
    runs = experiment_runs(config, folder)
    for name, each in runs.items():
        place = folder / name
        try:
            if (place / "result.json").is_file():
                continue
            if (place / "config.yaml").is_file():
                resume(place, progress, config["device"])
            else:
                progress.say(f"{name}: {_what(name, config)}")
                fit(each, place, progress)
        except Interrupted as stop:
            raise DistillInterrupted(name, stop.epoch, folder) from None
    opened = {name: open_run(folder / name) for name in runs}
    if "run" in config["teacher"]:
        opened = {"teacher": open_run(config["teacher"]["run"]), **opened}
    device = pick_device(config["device"])
    result = combine_distill(config, opened, folder, device, peak_memory_mb(device))
    write_json(folder / "result.json", result)
    return result


def _what(name: str, config: dict[str, Any]) -> str:
    """Returns what a run is, for a person who waits for it."""
    if name == "teacher":
        return f"the teacher, {config['teacher']['model']['name']}"
    student = config["student"]["model"]["name"]
    return f"the student, {student}, " + ("without a teacher" if name == "alone" else f"taught by {name}")
