"""Trainer of a model with one seed on one split."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphkit.data import GraphDataset
from graphkit.data.schema import SCHEMA, Schema
from graphkit.distributed.communicator import get_communicator
from graphkit.errors import InputError
from graphkit.metrics.extra_metrics import extra_metrics
from graphkit.nn import GraphModel
from graphkit.training.batches import Batches
from graphkit.training.build_model import direction_note, init_model, unused_weights
from graphkit.training.callbacks import Callback, CallbackCaller, FitInfo, TrainRow
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
from graphkit.training.early_stopping import EarlyStopping
from graphkit.training.final_scores import final_scores, floor_scores
from graphkit.training.fingerprint import check_origin, fingerprint
from graphkit.training.fit_task import fit_task
from graphkit.training.gradient_stepper import GradientStepper
from graphkit.training.interrupt import GRACE, Interrupted, InterruptFlag
from graphkit.training.loop import collect_all, evaluate, run_epoch, train_epoch, undefined_parts
from graphkit.training.loss import ExtraLosses, TrainingLoss, parallel
from graphkit.training.node_batches import drawing, node_loader
from graphkit.training.optimizer import Schedule, make_optimizer
from graphkit.training.phases import phase_dataset
from graphkit.training.progress import Progress
from graphkit.training.run_result import FitResult, last_epoch_note
from graphkit.training.seeds import random_state, restore_random_state, seed_everything
from graphkit.training.train_config import TrainConfig

COLUMNS = ("epoch", "phase", "loss", "validation", "validation_loss", "lr", "seconds")

#: Maximum number of seconds of training between two checkpoints.
CHECKPOINT_SECONDS = 15.0
#: Minimum ratio of the time between two checkpoints to the time of writing one.
CHECKPOINT_RATIO = 50.0

#: Difference of the seeds of two ranks that draw separate random numbers.
APART = 1_000_003


class Trainer:
    """Trainer of a model on one split, in one process or in several.

    Several processes have the same initial weights and the same order of batches, and each computes a slice of every
    batch; see :class:`~graphkit.training.loss.TrainingLoss`. All decisions are synchronized, and only rank 0 writes
    files.

    Args:
        config: The configuration, with the seed and the ``fold`` of this fit.
        dataset: Data set of the configuration.
        folder: The run folder, which exists.
        device: Device of the training.
        progress: Progress display.
        label: Label of the fit in the display.
        data: Fingerprint of the data set; computed if ``None``.
        make_extra: Function that returns the extra losses of the model; ``None`` for none.
        callbacks: Callbacks of the user.
        unit: Name of the fit in a run of several.
    """

    def __init__(
        self,
        config: TrainConfig,
        dataset: GraphDataset,
        folder: Path,
        device: torch.device,
        progress: Progress,
        label: str,
        data: dict[str, str] | None = None,
        make_extra: Callable[[GraphModel], ExtraLosses] | None = None,
        callbacks: Sequence[Callback] = (),
        unit: str = "",
    ) -> None:
        self.data = data or fingerprint(dataset)
        self.config, self.dataset, self.folder, self.progress, self.label = config, dataset, folder, progress, label
        self.settings = config.train
        self.precision = GradientStepper(self.settings.precision, self.settings.accumulate, device)
        self.communicator = get_communicator()
        self.call, self.unit = CallbackCaller(callbacks, self.communicator), unit
        self.split = dataset.split_of(config.data.fold, config.seed)
        self.task = fit_task(dataset, self.split, self.settings)
        self.train_task = fit_task(dataset, self.split, self.settings, training=True)
        generator = seed_everything(config.seed)
        self.generator = generator
        self.model = init_model(config.model, dataset, self.split).to(device)
        self.device = device
        self.extra = None if make_extra is None else make_extra(self.model)
        self.rows: list[TrainRow] = []
        self.epoch, self.seconds = 0, 0.0
        self._saved, self._saved_at, self._pause = 0, 0.0, 0.0
        self.phase, self.before = 1, 0
        self._begin_phase(dataset)
        if self.shared and self.communicator.rank:  # different dropout masks for the slices of a batch
            torch.manual_seed(config.seed + APART * self.communicator.rank)

    def _begin_phase(self, dataset: GraphDataset) -> None:
        """Creates optimizer, schedule, early stopping and batches of a phase."""
        self.optimizer = make_optimizer(self.model, self.settings)
        extra_parameters = list(self.extra.module.parameters()) if self.extra is not None else []
        if extra_parameters:
            self.optimizer.add_param_group({"params": extra_parameters})
        self.schedule = Schedule(self.optimizer, self.settings)
        options = self.settings
        self.selection = EarlyStopping(self.task, options.select, options.patience, options.min_epochs)

        batch_size, workers = options.batch_size, options.workers
        # extra losses compare the nodes of the entire graph
        self.nodes = nodes = None if self.extra is not None else node_loader(self.model, dataset, batch_size, workers)
        drawn = drawing(nodes, options.num_neighbors)

        #: Whether the ranks have different items, instead of the whole graph each.
        self.shared = nodes is not None or not dataset.is_single_graph
        objective = TrainingLoss(self.model, self.train_task, self.precision, self.extra, self.communicator)
        self.objective = parallel(objective, self.shared and options.sync_batchnorm)

        def batches(ids: torch.Tensor, **training: Any) -> Batches:
            cut = drawn if training else nodes  # evaluation without sampling
            share = self.communicator.rank_slice if self.shared or training else None
            return Batches(dataset, ids, options.batch_size, self.device, nodes=cut, share=share, **training)

        augment = dataset.augmentation(options.augment)
        training = {"generator": self.generator, "augment": augment, "workers": options.workers}
        self.train_batches = batches(self.split.train, **training)
        self.test_batches = batches(self.split.test) if self.split.test.numel() else None
        # Under the ten-fold protocol, the held-out fold has the validation curve.
        held_out = self.split.test if dataset.protocol == "fold" else self.split.val
        held_out = dataset.selection_items(held_out, self.task.metric)
        self.val_batches = batches(held_out) if held_out.numel() else None

    @property
    def selects(self) -> bool:
        """``True`` if the epoch is selected by validation within this fit."""
        return self.val_batches is not None and self.dataset.protocol != "fold"

    def run(self, interrupt: InterruptFlag) -> FitResult:
        """Trains, from the last checkpoint if any, and returns the scores.

        Raises:
            Interrupted: If Ctrl-C was pressed before the last epoch. The run folder then has a checkpoint of the last
                completed epoch, or of an earlier one if the current epoch was aborted.
        """
        with interrupt.stopping(lambda: Interrupted(self._saved, self.folder)):
            return self._run(interrupt)

    def _run(self, interrupt: InterruptFlag) -> FitResult:
        """Trains and returns the scores of the selected epoch."""
        state = self.communicator.broadcast_from_rank0(self._checkpoint)
        if state is not None:
            self._restore(state)
        unused = unused_weights(self.config.model, self.config.data, self.model, self.dataset)
        for note in filter(None, (unused, direction_note(self.config.model, self.dataset))):
            self.progress.say(note)
        for note in self.dataset.notes:
            self.progress.say(f"note: {note}")
        for name in undefined_parts(self.task, self.dataset, self.split):
            chosen = "; the epoch is chosen by the loss" if name == "validation" and self.selects else ""
            self.progress.say(
                f"note: {self.task.metric} is undefined on the {name} items, {self.task.undefined}{chosen}"
            )
        config = self.config
        where = self.folder, self.unit, config.seed, config.data.fold
        self.info = FitInfo(*where, self.task.metric, config.to_dict(), self.epoch)
        self.call(Callback.on_begin, self.info)
        self._show()
        self._saved_at = time.monotonic()
        try:
            with cpu_settings(self.settings.threads or sensible_threads(self.dataset, self.settings.batch_size)):
                done = self._phase_is_over and not self._next_phase()
                while not done:
                    self._epoch()
                    done = self._phase_is_over and not self._next_phase()
                    due = (
                        self.communicator.rank == 0 and time.monotonic() - self._saved_at > self._pause_after_checkpoint
                    )
                    stop, save = self.communicator.all_reduce_max(interrupt.raised, due)
                    if stop or done or save:
                        self._save()
                        self.call(Callback.on_checkpoint, self.info, self.epoch)
                    if stop and not done:
                        raise Interrupted(self.epoch, self.folder)
                result = self._finish()
                self.call(Callback.on_end, self.info, result)
                return result
        finally:
            self.progress.close()

    @property
    def _pause_after_checkpoint(self) -> float:
        """Seconds between two checkpoints, at least :data:`GRACE`."""
        return min(CHECKPOINT_SECONDS, max(GRACE, self._pause))

    @property
    def _phase_is_over(self) -> bool:
        """``True`` after the last epoch of the phase, or after early stopping."""
        return self.epoch - self.before >= self.settings.epochs or self.selection.exhausted

    def _next_phase(self) -> bool:
        """Begins the next phase with the selected weights; returns whether there is one."""
        if not self.model.has_next_phase:
            return False
        begin = time.perf_counter()
        if self.selects:
            self.model.load_state_dict(self.selection.weights)
        self.model.eval()
        dataset: GraphDataset | None = self.dataset
        if self.nodes is None:
            dataset = phase_dataset(self.dataset, self.model.begin_phase, self.device)
        if dataset is None or (self.nodes is not None and not self.model.begin_sampled_phase(dataset.graphs[0])):
            return False
        self.phase, self.before = self.phase + 1, self.epoch
        self._begin_phase(dataset)
        self.seconds += time.perf_counter() - begin
        self.progress.close()
        self._show()
        return True

    def _show(self) -> None:
        """Starts the progress display of a phase."""
        label = f"{self.label} phase {self.phase}" if self.phase > 1 else self.label
        self.progress.start(label, self.before + self.settings.epochs, self.epoch)

    def _epoch(self) -> None:
        """Trains and validates for one epoch."""
        begin = time.perf_counter()
        batches = self.val_batches
        validate = None if batches is None else partial(self._evaluate, batches)
        selection = self.selection if self.selects else None  # a held-out fold does not decide anything
        result = run_epoch(self.model, self._train_epoch, validate, selection, self.schedule, self.epoch + 1)
        self.epoch += 1
        seconds = time.perf_counter() - begin
        self.seconds += seconds
        row = TrainRow(
            epoch=self.epoch,
            phase=self.phase,
            loss=result.loss,
            validation=result.validation,
            validation_loss=result.validation_loss,
            lr=result.lr,
            seconds=seconds,
        )
        self.rows.append(row)
        self.progress.update(row)
        try:
            self.call(Callback.on_epoch, self.info, row)
        except Exception:
            self._save()
            raise

    def _train_epoch(self) -> float:
        """Trains for one epoch and returns the loss."""
        if self.extra is not None:
            self.extra.epoch = self.epoch
        loss = train_epoch(self.objective, self.train_batches, self.optimizer, self.settings.clip)
        if self.shared and not self.settings.sync_batchnorm:  # all ranks need the same model
            self.communicator.all_reduce_mean_(buffer for buffer in self.model.buffers() if buffer.is_floating_point())
        return loss

    def _evaluate(self, batches: Batches) -> tuple[float, float | None]:
        """Returns loss and score, ``None`` if undefined, the same on all ranks."""
        result = evaluate(self.model, self.task, batches, self.communicator if self.shared else None)
        return self.communicator.broadcast_from_rank0(lambda: result)

    def _finish(self) -> FitResult:
        """Computes the test score of the selected weights, and writes the results."""
        if self.selects:
            self.model.load_state_dict(self.selection.weights)
        test = None
        if self.test_batches is not None:
            test = collect_all(self.model, self.test_batches, self.communicator if self.shared else None)
        return self.communicator.broadcast_from_rank0(lambda: self._result(test))

    def _result(self, test: tuple[Tensor, Tensor] | None) -> FitResult:
        """Writes the weights and the table of epochs, and returns the scores."""
        scores = {} if test is None else final_scores(self.task, *test, self.dataset)
        notes = [last_epoch_note(self.settings.epochs)] if self._ends_at_best else []
        for note in notes:
            self.progress.say(f"note: {note}")
        save_weights(self.folder / "model.safetensors", self.model.state_dict())
        save_table(self.folder / "metrics.csv", COLUMNS, self.rows)
        if self.dataset.holds == "graphs" and self.task.name != "link-prediction":  # which predicts on its own graph
            Schema.of(self.dataset, self.split).write(self.folder / SCHEMA)
        seed_everything(self.config.seed)
        untrained = init_model(self.config.model, self.dataset, self.split).to(next(self.model.parameters()).device)
        return {
            "epoch": self.selection.epoch if self.selects else self.epoch,
            "validation": self.selection.score if self.selects else None,
            "test": scores.get("scores", {}).get(self.task.metric),
            "parameters": sum(p.numel() for p in self.model.parameters()),
            "seconds": self.seconds,
            "seed": self.config.seed,
            "fold": self.config.data.fold,
            "curve": self._curve() if self.dataset.protocol == "fold" else None,
            "extras": extra_metrics(self.model, untrained, self.dataset, self.split),
            "floors": floor_scores(self.task, self.dataset, self.split),
            "notes": notes,
            **scores,
        }

    @property
    def _ends_at_best(self) -> bool:
        """``True`` if the last epoch is the selected one and its score can still improve."""
        last = self.selection.epoch == self.before + self.settings.epochs
        perfect = self.selection.by == "score" and self.task.maximize and self.selection.score == 1.0
        return self.selects and last and not perfect

    def _curve(self) -> list[float | None]:
        """Returns the held-out score after every epoch, ``None`` before the last phase."""
        return [row["validation"] if row["phase"] == self.phase else None for row in self.rows]

    def _save(self) -> None:
        """Writes a checkpoint and the table of epochs."""
        begin = time.monotonic()
        random = self.communicator.all_gather_object(random_state(self.generator))
        self.communicator.broadcast_from_rank0(lambda: self._write(random))
        self._saved, self._saved_at = self.epoch, time.monotonic()
        self._pause = CHECKPOINT_RATIO * (self._saved_at - begin)

    def _write(self, random: list[dict[str, Any]]) -> None:
        """Writes a checkpoint with the random states of all ranks."""
        state = {
            "config": self.config.to_dict(),
            "data": self.data,
            "epoch": self.epoch,
            "phase": self.phase,
            "before": self.before,
            "seconds": self.seconds,
            "rows": self.rows,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "selection": self.selection.state_dict(),
            "random": random[0],
            "random_of_others": random[1:],
        }
        if self.extra is not None:
            state["extra"] = self.extra.module.state_dict()
        save_state(self.folder / "state.pt", state)
        save_table(self.folder / "metrics.csv", COLUMNS, self.rows)

    def _checkpoint(self) -> dict[str, Any] | None:
        """Returns the last checkpoint, if there is one.

        Raises:
            InputError: If it is damaged.
        """
        path = self.folder / "state.pt"
        return load_state(path) if path.exists() else None

    def _restore(self, state: dict[str, Any]) -> None:
        """Restores a checkpoint, which may be of another number of processes.

        Raises:
            InputError: If it belongs to another run.
        """
        with of_this_run(self.folder / "state.pt"):
            check_origin(state, self.config.to_dict(), self.data, self.config.free_settings)
            self._check(state)
            self.model.load_state_dict(state["model"])
            if self.extra is not None:
                self.extra.module.load_state_dict(state["extra"])
            self.phase, self.before = state["phase"], state["before"]
            if self.phase > 1:
                self.model.eval()
                prepared = self.nodes is None and phase_dataset(self.dataset, self.model.prepare, self.device)
                self._begin_phase(prepared or self.dataset)
            check_optimizer(state["optimizer"], self.optimizer)
            self.optimizer.load_state_dict(state["optimizer"])
            self.schedule.load_state_dict(self._schedule(state["schedule"]))
            self.selection.load_state_dict(state["selection"])
            self.epoch, self.seconds, self.rows = state["epoch"], state["seconds"], state["rows"]
            self._saved = self.epoch
            random_states = [state["random"], *state.get("random_of_others", [])]
            has_state = self.communicator.rank < len(random_states)
            restore_random_state(random_states[self.communicator.rank if has_state else 0], self.generator)
            if not has_state and self.shared:  # checkpoint of fewer processes
                torch.manual_seed(self.config.seed + APART * self.communicator.rank + self.epoch)
            elif not has_state and self.device.type == "cuda":  # the same random numbers on every device
                torch.cuda.set_rng_state(random_states[0]["cuda"][0], self.device)

    def _check(self, state: dict[str, Any]) -> None:
        """Checks the types, shapes and lengths of a checkpoint.

        Raises:
            InputError: If a value is missing or invalid; the message names it.
        """
        check_weights(state["model"], self.model, "its weights")
        rows = [dict.fromkeys(COLUMNS)]
        for key, like in {"epoch": 0, "phase": 1, "before": 0, "seconds": 0.0, "rows": rows}.items():
            check_kind(state[key], like, key)
        if len(state["rows"]) != state["epoch"] or state["before"] > state["epoch"] or state["phase"] < 1:
            raise InputError(f"it has {len(state['rows'])} rows for {state['epoch']} epochs")
        chosen = {**state["selection"]}
        weights = chosen.pop("weights")
        check_kind(chosen, {"epoch": None, "score": None, "loss": None, "waited": 0, "seen": 0}, "selection")
        if weights or (self.selects and state["epoch"] > state["before"]):
            check_weights(weights, self.model, "its chosen weights")
        expected = random_state(self.generator)
        for saved in [state["random"], *state.get("random_of_others", [])]:
            for key in ("torch", "order"):
                check_kind(saved[key], expected[key], f"random.{key}")

    def _schedule(self, state: dict[str, Any]) -> dict[str, Any]:
        """Returns the state of the schedule, converted from other versions of PyTorch.

        Raises:
            InputError: If it belongs to another schedule.
        """
        current = self.schedule.state_dict()
        inner = current["scheduler"]
        if inner is None:
            check_kind(state, current, "schedule")
            return state
        given = state["scheduler"]
        state = {**state, "scheduler": {key: given.get(key, value) for key, value in inner.items()}}
        check_kind(state, current, "schedule")
        return state
