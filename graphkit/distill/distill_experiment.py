"""Experiments of distillation: a student, and a comparison of several students."""

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
from graphkit.training.build_model import make_model
from graphkit.training.environment import environment, peak_memory_mb
from graphkit.training.experiment import Experiment, Session, TrainExperiment
from graphkit.training.fit_task import fit_task
from graphkit.training.interrupt import Interrupted
from graphkit.training.loop import undefined_parts
from graphkit.training.node_batches import node_loader
from graphkit.training.run_files import describe, read_train_result, write_result
from graphkit.training.run_result import FitResult
from graphkit.training.train_config import TrainConfig

#: Function that opens a run folder.
OpenRun = Callable[[str | Path], TrainedRun]


class StudentExperiment(TrainExperiment):
    """Training of a student with distillation losses.

    Args:
        config: The configuration.
        open_run: Function that opens the run folder of the teacher.
    """

    config: StudentConfig

    def __init__(self, config: StudentConfig, open_run: OpenRun) -> None:
        teacher = str(Path(config.distill.teacher).expanduser().resolve())
        super().__init__(replace(config, distill=replace(config.distill, teacher=teacher)))
        self.open_run = open_run

    def extra_losses(
        self, config: TrainConfig, dataset: GraphDataset, split: Split, device: torch.device
    ) -> Callable[[GraphModel], Distillation]:
        """Returns the function that builds the distillation losses of a student.

        It does not advance the random state of the training: a student has the same initial weights and the same
        dropout masks as without a teacher.

        Raises:
            FileNotFoundError: If the folder of the teacher is not a run.
            InputError: If the teacher has not ended or was trained on other data, a layer does not exist, or the
                student is set to train in batches of nodes.
        """

        def make(student: GraphModel) -> Distillation:
            _check_batches(student, dataset, config.train.batch_size)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(config.seed)
                fit = load_teacher(self.open_run(self.config.distill.teacher), config, dataset)
                losses = self.config.distill.losses
                return Distillation(losses, dataset, split, student, device, fit.model, fit.dataset)

        return make


class DistillExperiment(Experiment):
    """Comparison of a teacher, a student without a teacher, and one student per loss.

    All networks have the same seeds and splits; all students have the same initial weights.

    Args:
        config: The configuration.
        open_run: Function that opens a run folder.
    """

    config: DistillConfig

    def __init__(self, config: DistillConfig, open_run: OpenRun) -> None:
        super().__init__(config)
        self.open_run = open_run
        self._networks: dict[Path, dict[str, TrainExperiment]] = {}

    @property
    def name(self) -> str:
        """Name of the run: ``distill`` and the data set."""
        return f"distill-{Path(self.config.data.name).stem}"

    def networks(self, folder: Path) -> dict[str, TrainExperiment]:
        """Returns the experiments of the networks to be trained, the teacher's first."""
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
        """Experiment of the student without a teacher, whose data all networks use."""
        return TrainExperiment(self.config.networks(Path())[ALONE])

    def dry_run(self) -> None:
        """Builds all networks and distillation losses once."""
        dataset = self._alone.dataset
        configs = self.config.networks(Path("nowhere"))
        for config in configs.values():
            plain = TrainConfig(**{key: value for key, value in config.given().items() if key != "distill"})
            network = TrainExperiment(plain)
            network.share_data(self._alone)
            network.dry_run()
        for split in dataset.splits:
            task = fit_task(dataset, split, self.config.student.train)
            if "test" in undefined_parts(task, dataset, split):
                raise InputError(f"{task.metric} is undefined on test items {task.undefined}; draw another split")
        children = self._alone.members.values()
        trained = self.config.teacher.is_trained
        of_teacher = self.open_run(self.config.teacher.run).config.train if trained else self.config.teacher.train
        metrics = [settings.metric or dataset.metric for settings in (of_teacher, self.config.student.train)]
        if metrics[0] != metrics[1]:
            raise InputError(
                f"teacher and student must have the same metric (got {metrics[0]} and {metrics[1]}); change "
                "`student.train.metric`"
            )
        if trained:
            run = self.open_run(self.config.teacher.run)
            teachers = [load_teacher(run, child, dataset) for child in children]
            teacher, teacher_dataset = teachers[0].model, teachers[0].dataset
        else:  # layers and widths do not depend on the training
            teacher, teacher_dataset = make_model(self.config.teacher.model, dataset), dataset
        for loss in self.config.losses.values():
            with torch.random.fork_rng(devices=[]):
                student = make_model(self.config.student.model, dataset)
                _check_batches(student, dataset, self.config.student.train.batch_size)
                device = torch.device("cpu")
                Distillation((loss,), dataset, dataset.splits[0], student, device, teacher, teacher_dataset)

    def units(self) -> list[str]:
        """Returns the units of all networks, the teacher's first."""
        networks = self.config.networks(Path())
        return [f"{name}/{unit}".strip("/") for name in networks for unit in self._alone.members]

    def needs(self, unit: str) -> list[str]:
        """Returns the units that must end before a unit.

        For a student with a distillation loss these are all units of a teacher that is trained in this run.
        """
        network = unit.partition("/")[0]
        if network in (TEACHER, ALONE) or self.config.teacher.is_trained:
            return []
        return [other for other in self.units() if other.partition("/")[0] == TEACHER]

    def begin(self, folder: Path, device: torch.device) -> None:
        """Writes the configuration and the environment, unless they exist."""

        def write() -> None:
            if not (folder / "config.yaml").is_file():
                describe(folder, self.config)
            if not (folder / "env.json").is_file():
                write_json(folder / "env.json", environment(device))

        get_communicator().broadcast_from_rank0(write)

    def fit(self, unit: str, folder: Path, session: Session) -> None:
        """Trains one network with one seed and fold."""
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
        """Writes the result of a completed network; all ranks call it."""
        communicator = get_communicator()
        (peak,) = communicator.all_reduce_max(peak_memory_mb(device))
        communicator.broadcast_from_rank0(lambda: self._write_result(network, folder, peak))

    def _write_result(self, network: str, folder: Path, peak_memory: float) -> None:
        """Writes the result of a network, unless it exists."""
        path = folder / network
        if not read_train_result(path):
            write_result(path, self.networks(folder)[network].combine(path, peak_memory))

    def _title(self, network: str) -> str:
        """Returns the title of a network for progress messages."""
        if network == TEACHER:
            return f"the teacher, {self.config.teacher.model.name}"
        student = f"the student, {self.config.student.model.name}, "
        return student + ("without a teacher" if network == ALONE else f"with the loss {network}")


def _check_batches(student: GraphModel, dataset: GraphDataset, batch_size: int | None) -> None:
    """Raises an error if the student is to train in batches of nodes.

    The layers of teacher and student are compared on the whole graph.

    Raises:
        InputError: If the student is to train in batches of nodes.
    """
    if batch_size is not None and node_loader(student, dataset, batch_size) is not None:
        raise InputError(
            f"a student must train on the whole graph, not in batches of nodes (got `train.batch_size` {batch_size} "
            f"for {dataset.name}); remove it, or choose another student"
        )
