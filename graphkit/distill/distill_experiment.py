"""Experiments of distillation: a student of a teacher, and a comparison of students with and without a teacher."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from graphkit.data import GraphDataset, Split
from graphkit.distill.distill_config import ALONE, TEACHER, DistillConfig, StudentConfig
from graphkit.distill.distill_result import combine_distill
from graphkit.distill.distillation import Distillation
from graphkit.distill.load_teacher import TrainedRun, load_teacher
from graphkit.distributed.communicator import get_communicator
from graphkit.errors import InputError
from graphkit.files import write_json
from graphkit.nn import GraphModel
from graphkit.tasks import make_task
from graphkit.training.build_model import make_model
from graphkit.training.environment import environment, peak_memory_mb
from graphkit.training.experiment import Experiment, Session, TrainExperiment
from graphkit.training.interrupt import Interrupted
from graphkit.training.loop import undefined_parts
from graphkit.training.run_files import describe, read_train_result, write_result
from graphkit.training.run_result import FitResult
from graphkit.training.train_config import TrainConfig

#: Opens a run folder.
OpenRun = Callable[[str | Path], TrainedRun]


class StudentExperiment(TrainExperiment):
    """A student with losses against a teacher.

    Args:
        config: The configuration.
        open_run: Opens the run folder of the teacher.
    """

    config: StudentConfig

    def __init__(self, config: StudentConfig, open_run: OpenRun) -> None:
        teacher = str(Path(config.distill.teacher).expanduser().resolve())
        super().__init__(replace(config, distill=replace(config.distill, teacher=teacher)))
        self.open_run = open_run

    def extra_losses(
        self, config: TrainConfig, dataset: GraphDataset, split: Split, device: torch.device
    ) -> Callable[[GraphModel], Distillation]:
        """Returns the function that makes the losses against the teacher.

        It draws no numbers from the random state of the training: a student has the same first weights and the same
        dropout as if it was trained alone.

        Raises:
            FileNotFoundError: If the folder of the teacher is not a run.
            InputError: If the teacher has not ended, was trained on other data, or a layer does not exist.
        """

        def make(student: GraphModel) -> Distillation:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(config.seed)
                fit = load_teacher(self.open_run(self.config.distill.teacher), config, dataset)
                losses = self.config.distill.losses
                return Distillation(losses, dataset, split, student, device, fit.model, fit.dataset)

        return make


class DistillExperiment(Experiment):
    """A teacher, a student alone and a student for each loss, all with the same seeds, splits and first weights.

    Args:
        config: The configuration.
        open_run: Opens a run folder.
    """

    config: DistillConfig

    def __init__(self, config: DistillConfig, open_run: OpenRun) -> None:
        super().__init__(config)
        self.open_run = open_run
        self._networks: dict[Path, dict[str, TrainExperiment]] = {}

    @property
    def name(self) -> str:
        """``distill`` and the data set."""
        return f"distill-{Path(self.config.data.name).stem}"

    def networks(self, folder: Path) -> dict[str, TrainExperiment]:
        """Returns the experiments of the networks that are trained, the teacher's first."""
        if folder not in self._networks:
            networks: dict[str, TrainExperiment] = {}
            for name, config in self.config.networks(folder).items():
                if isinstance(config, StudentConfig):
                    networks[name] = StudentExperiment(config, self.open_run)
                else:
                    networks[name] = TrainExperiment(config)
                networks[name].share_data(self._alone)
            self._networks[folder] = networks
        return self._networks[folder]

    @cached_property
    def _alone(self) -> TrainExperiment:
        """The student without a teacher, whose data all networks have."""
        return TrainExperiment(self.config.networks(Path())[ALONE])

    def dry_run(self) -> None:
        """Makes all networks, and the losses between teacher and student, once."""
        dataset = self._alone.dataset
        configs = self.config.networks(Path("nowhere"))
        for config in configs.values():
            plain = TrainConfig(**{key: value for key, value in config.given().items() if key != "distill"})
            network = TrainExperiment(plain)
            network.share_data(self._alone)
            network.dry_run()
        task = make_task(dataset.task, dataset.metric)
        if any("test" in undefined_parts(task, dataset, split) for split in dataset.splits):
            raise InputError(
                f"test items must have labels of both classes for {task.metric} (got one class); draw another split"
            )
        children = self._alone.members.values()
        if self.config.teacher.is_trained:
            run = self.open_run(self.config.teacher.run)
            teachers = [load_teacher(run, child, dataset) for child in children]
            teacher, teacher_dataset = teachers[0].model, teachers[0].dataset
        else:  # one that has learned nothing has layers and widths, too
            teacher, teacher_dataset = make_model(self.config.teacher.model, dataset), dataset
        for loss in self.config.losses.values():
            with torch.random.fork_rng(devices=[]):
                student = make_model(self.config.student.model, dataset)
                device = torch.device("cpu")
                Distillation((loss,), dataset, dataset.splits[0], student, device, teacher, teacher_dataset)

    def units(self) -> list[str]:
        """Returns the units of all networks, the teacher's first."""
        networks = self.config.networks(Path())
        return [f"{name}/{unit}".strip("/") for name in networks for unit in self._alone.members]

    def needs(self, unit: str) -> list[str]:
        """Returns all units of the teacher for those of a student with a teacher that is trained here."""
        network = unit.partition("/")[0]
        if network in (TEACHER, ALONE) or self.config.teacher.is_trained:
            return []
        return [other for other in self.units() if other.partition("/")[0] == TEACHER]

    def begin(self, folder: Path, device: torch.device) -> None:
        """Writes the configuration and the environment, unless they are there."""

        def write() -> None:
            if not (folder / "config.yaml").is_file():
                describe(folder, self.config)
            if not (folder / "env.json").is_file():
                write_json(folder / "env.json", environment(device))

        get_communicator().broadcast_from_rank0(write)

    def fit(self, unit: str, folder: Path, session: Session) -> None:
        """Trains one seed and fold of one network."""
        network, _, member = unit.partition("/")
        experiment = self.networks(folder)[network]
        if self.needs(unit):
            self._finish(TEACHER, folder, session.device)
        path = folder / network
        if not get_communicator().broadcast_from_rank0((path / "config.yaml").is_file):
            session.progress.say(f"{network}: {self._title(network)}")

        def keep() -> None:
            experiment.begin(path, session.device)
            session.keep()

        try:
            experiment.fit(member, path, replace(session, keep=keep))
        except Interrupted as stop:
            raise Interrupted(stop.epoch, folder, f"interrupted in '{network}' after epoch {stop.epoch}") from None

    def read_fit(self, unit: str, folder: Path) -> FitResult:
        """Reads the scores of a fit."""
        network, _, member = unit.partition("/")
        return self._alone.read_fit(member, folder / network)

    def combine(self, folder: Path, peak_memory: float) -> dict[str, Any]:
        """Returns the comparison of all networks."""
        names = [*self.config.networks(folder)]
        for name in names:
            self._write_result(name, folder, peak_memory)
        runs = {name: self.open_run(folder / name) for name in names}
        if self.config.teacher.is_trained:
            runs = {TEACHER: self.open_run(self.config.teacher.run), **runs}
        return combine_distill(self.config, runs, folder, peak_memory)

    def _finish(self, network: str, folder: Path, device: torch.device) -> None:
        """Writes the result of a network whose units are done; all processes call it."""
        communicator = get_communicator()
        (peak,) = communicator.all_reduce_max(peak_memory_mb(device))
        communicator.broadcast_from_rank0(lambda: self._write_result(network, folder, peak))

    def _write_result(self, network: str, folder: Path, peak_memory: float) -> None:
        """Writes the result of a network, unless it is there."""
        path = folder / network
        if not read_train_result(path):
            write_result(path, self.networks(folder)[network].combine(path, peak_memory))

    def _title(self, network: str) -> str:
        """Returns what a network is, for a person who waits for it."""
        if network == TEACHER:
            return f"the teacher, {self.config.teacher.model.name}"
        student = f"the student, {self.config.student.model.name}, "
        return student + ("without a teacher" if network == ALONE else f"with the loss {network}")
