"""Training on a stream of tasks with one strategy and one seed."""

import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from graphkit.continual import StreamTask, TaskHeads, TaskStream, share_trunk_outputs
from graphkit.continual.continual_config import ContinualConfig
from graphkit.continual.continual_result import ContinualFitResult, TaskResult
from graphkit.continual.learn_task import learn_task
from graphkit.data import GraphDataset
from graphkit.errors import InputError
from graphkit.metrics import average_forgetting, average_performance, forward_transfer, learning_accuracy
from graphkit.training.build_model import make_model, unused_weights
from graphkit.training.checkpoint import (
    check_kind,
    check_optimizer,
    check_weights,
    load_state,
    of_this_run,
    save_state,
    save_table,
    save_weights,
)
from graphkit.training.cpu_settings import cpu_settings, sensible_threads
from graphkit.training.fingerprint import check_origin, fingerprint
from graphkit.training.interrupt import Interrupted, InterruptFlag
from graphkit.training.optimizer import make_optimizer
from graphkit.training.progress import EpochRow, Progress
from graphkit.training.seeds import random_state, restore_random_state, seed_everything


class StreamRow(EpochRow):
    """Row of ``metrics.csv``: one epoch of one task."""

    task: int


COLUMNS = ("task", "epoch", "loss", "validation")


class StreamInterrupted(Interrupted):
    """Interruption of a continual run, whose state is saved in the run folder.

    Args:
        done: Description of the completed tasks.
        folder: The run folder.
    """

    def __init__(self, done: str, folder: Path) -> None:
        super().__init__(0, folder)
        self.args = (f"interrupted; {done}",)


class ContinualTrainer:
    """Trainer of one strategy on a stream of tasks.

    Args:
        config: The configuration, with the seed of this fit.
        name: Name of the strategy.
        dataset: Data set of the configuration.
        folder: Existing folder for the state and the results.
        device: Device of the training.
        progress: Progress display.
        data: Fingerprint of the data set; computed if ``None``.
    """

    def __init__(
        self,
        config: ContinualConfig,
        name: str,
        dataset: GraphDataset,
        folder: Path,
        device: torch.device,
        progress: Progress,
        data: dict[str, str] | None = None,
    ) -> None:
        self.data = data or fingerprint(dataset)
        self.config, self.name, self.folder, self.device, self.progress = config, name, folder, device, progress
        self.settings = config.train
        self.generator = seed_everything(config.seed)
        self.stream = make_stream(config, dataset)
        self.model = make_stream_model(config, self.stream).to(device)
        note = unused_weights(config.model, config.data, self.model, dataset)
        if note:
            progress.say(note)
        self.strategy = config.strategies[name].make()
        self.optimizer = self._new_optimizer()
        self.done = 0
        self.rows: list[StreamRow] = []
        self.matrices = {split: torch.full((len(self.stream),) * 2, math.nan).double() for split in ("val", "test")}
        self.untrained = torch.full((len(self.stream),), math.nan).double()
        self.tasks: list[TaskResult] = []

    def _new_optimizer(self) -> torch.optim.Optimizer:
        """Returns a new optimizer."""
        decay = 0.0 if self.strategy.without_decay else self.settings.weight_decay
        return make_optimizer(self.model, replace(self.settings, weight_decay=decay))

    def run(self, interrupt: InterruptFlag) -> ContinualFitResult:
        """Trains on all tasks and returns the scores.

        A saved state in the folder is continued after its last completed task.

        Raises:
            StreamInterrupted: If Ctrl-C was pressed; the state after the last completed task is in the folder.
        """
        threads = self.settings.threads or sensible_threads(self.stream.dataset, self.settings.batch_size)
        with interrupt.stopping(self._stopped), cpu_settings(threads):
            if (self.folder / "state.pt").exists():
                self._restore()
            elif self.stream.scenario == "task":
                self.model.eval()
                with share_trunk_outputs():
                    for task in self.stream:
                        self.untrained[task.index] = task.scores(self.model)["test"]
            together = bool(getattr(self.strategy, "together", False))
            while self.done < len(self.stream):
                first, last = self.done, len(self.stream) if together else self.done + 1
                self._learn([self.stream[index] for index in range(first, last)], interrupt)
                self.done = last
                self._save()
                if interrupt.raised and self.done < len(self.stream):
                    raise self._stopped()
        return self._finish()

    def _stopped(self) -> StreamInterrupted:
        return StreamInterrupted(f"{self._label} has learned {self.done} of {len(self.stream)} tasks", self.folder)

    @property
    def _label(self) -> str:
        return f"{self.name} seed {self.config.seed}"

    def _learn(self, tasks: list[StreamTask], interrupt: InterruptFlag) -> None:
        """Trains on one task, or on several together, and fills a row of the matrices."""
        task, begin = tasks[-1], time.perf_counter()
        self.progress.start(f"{self._label} task {task.index + 1}/{len(self.stream)}", self.settings.epochs, 0)

        def report(row: EpochRow) -> None:
            self.rows.append({"task": task.index, **row})
            self.progress.update(row)
            if interrupt.raised and row["epoch"] < self.settings.epochs:
                raise self._stopped()

        try:
            for current in tasks:
                self.strategy.before_task(self.model, current)
            if not self.settings.keep_optimizer or self.done == 0:
                self.optimizer = self._new_optimizer()
            epoch = learn_task(self.model, tasks, self.strategy, self.optimizer, self.settings, self.generator, report)
        finally:
            self.progress.close()
        trained = time.perf_counter() - begin
        for current in tasks:
            self.strategy.after_task(self.model, current)
        elapsed = time.perf_counter() - begin
        self._score(task.index)
        self.tasks.append(
            {
                "task": task.index,
                "epoch": epoch,
                "seconds": elapsed,
                "seconds_after_task": elapsed - trained,
                "memory_mb": round(size_of(self.strategy.state_dict()) / 2**20, 4),
            }
        )

    def _score(self, stage: int) -> None:
        """Fills a row of the matrices: all tasks so far and the next one.

        The score of the next task is that before its training, for the forward transfer.
        """
        self.model.eval()
        last = stage + 1 if self.stream.scenario == "class" else stage + 2
        with share_trunk_outputs():
            for index in range(min(last, len(self.stream))):
                scores = self.stream.at(index, stage).scores(self.model)
                for split, matrix in self.matrices.items():
                    matrix[stage, index] = scores[split]

    def _finish(self) -> ContinualFitResult:
        """Writes the model and the table, and returns the scores."""
        save_weights(self.folder / "model.safetensors", self.model.state_dict())
        save_table(self.folder / "metrics.csv", COLUMNS, self.rows)
        test, validation = self.matrices["test"], self.matrices["val"]
        result: ContinualFitResult = {
            "strategy": self.name,
            "seed": self.config.seed,
            "average_performance": average_performance(test),
            "average_forgetting": average_forgetting(test),
            "forgetting": -average_forgetting(test),
            "learning_accuracy": learning_accuracy(test),
            "forward_transfer": forward_transfer(test, self.untrained),
            "validation": average_performance(validation),
            "matrix": test.tolist(),
            "validation_matrix": validation.tolist(),
            "untrained": self.untrained.tolist(),
            "tasks": self.tasks,
            "seconds": sum(task["seconds"] for task in self.tasks),
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "protocol": self.stream.protocol(),
        }
        return cast(ContinualFitResult, without_nan(result))

    def _save(self) -> None:
        """Writes the state after a task."""
        state = {
            "config": self._origin,
            "data": self.data,
            "done": self.done,
            "rows": self.rows,
            "model": self.model.state_dict(),
            "strategy": self.strategy.state_dict(),
            "optimizer": self.optimizer.state_dict() if self.settings.keep_optimizer else None,
            "matrices": self.matrices,
            "untrained": self.untrained,
            "tasks": self.tasks,
            "random": random_state(self.generator),
        }
        save_state(self.folder / "state.pt", state)
        save_table(self.folder / "metrics.csv", COLUMNS, self.rows)

    def _restore(self) -> None:
        """Restores the state after the last completed task.

        Raises:
            InputError: If the state is damaged or belongs to another run.
        """
        path = self.folder / "state.pt"
        state = load_state(path)
        with of_this_run(path):
            check_origin(state, self._origin, self.data, self.config.free_settings)
            self._check(state)
            self.model.load_state_dict(state["model"])
            self.strategy.load_state_dict(state["strategy"], self.model, list(self.stream))
            if state["optimizer"] is not None:
                self.optimizer.load_state_dict(state["optimizer"])
            self.done, self.rows, self.tasks = state["done"], state["rows"], state["tasks"]
            self.matrices, self.untrained = state["matrices"], state["untrained"]
            restore_random_state(state["random"], self.generator)

    @property
    def _origin(self) -> dict[str, Any]:
        """Settings that this fit depends on."""
        config = self.config
        return replace(config, strategies={self.name: config.strategies[self.name]}).to_dict()

    def _check(self, state: dict[str, Any]) -> None:
        """Checks the types, shapes and lengths of a state.

        Raises:
            InputError: If a value is missing or invalid; the message names it.
        """
        check_weights(state["model"], self.model, "its weights")
        if state["optimizer"] is not None:
            check_optimizer(state["optimizer"], self.optimizer)
        tasks = [{"task": 0, "epoch": 0, "seconds": 0.0, "seconds_after_task": 0.0, "memory_mb": 0.0}]
        random = random_state(self.generator)
        expected = {"done": 0, "rows": [dict.fromkeys(COLUMNS)], "tasks": tasks}
        for key, like in {**expected, "matrices": self.matrices, "untrained": self.untrained}.items():
            check_kind(state[key], like, key)
        for key in ("torch", "order"):
            check_kind(state["random"][key], random[key], f"random.{key}")
        if not 0 < state["done"] <= len(self.stream):
            raise InputError(f"it has learned {state['done']} of {len(self.stream)} tasks")


def make_stream(config: ContinualConfig, dataset: GraphDataset) -> TaskStream:
    """Returns the stream of a configuration, drawn with the seed of the run."""
    return config.stream.make(dataset, config.seed, config.train.batch_size)


def make_stream_model(config: ContinualConfig, stream: TaskStream) -> torch.nn.Module:
    """Returns the model of a configuration, with a head per task or a single one."""

    def make(num_outputs: int) -> torch.nn.Module:
        return make_model(config.model, stream.dataset.replace(num_outputs=num_outputs))

    return TaskHeads(make, stream.sizes) if config.stream.heads == "task" else make(stream.num_outputs)


def size_of(state: Any) -> int:
    """Returns the size of all tensors in a state, in bytes."""
    if isinstance(state, Tensor):
        return state.numel() * state.element_size()
    if isinstance(state, dict):
        return sum(size_of(value) for value in state.values())
    return sum(size_of(value) for value in state) if isinstance(state, list | tuple) else 0


def without_nan(value: Any) -> Any:
    """Returns a value for JSON, with ``None`` for numbers that are not finite."""
    if isinstance(value, dict):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
