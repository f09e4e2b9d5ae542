"""Evaluation of a run from its weights."""

import time
from typing import Any

import torch

from graphkit.experiments.run_folder import RunFolder
from graphkit.metrics.extra_metrics import extra_metrics
from graphkit.training.batches import Batches
from graphkit.training.build_model import init_model
from graphkit.training.cpu_settings import cpu_settings, sensible_threads
from graphkit.training.environment import peak_memory_mb, pick_device
from graphkit.training.final_scores import final_scores, floor_scores
from graphkit.training.fit_task import fit_task
from graphkit.training.loop import collect, evaluate
from graphkit.training.node_batches import node_loader
from graphkit.training.run_result import FitResult, TaskScores, combine
from graphkit.training.seeds import seed_everything


def evaluate_run(run: RunFolder, device: str = "auto") -> dict[str, Any]:
    """Computes the validation and test scores of the weights in a run folder.

    Under the ten-fold protocol, the weights are those of the last epoch of each fold, and ``selected_on`` is
    ``"last epoch"``. The score may then differ from that of the run, at the epoch with the best mean over the folds.

    Args:
        run (RunFolder): The run.
        device (str, optional): Device, such as ``"cpu"`` or ``"cuda:0"``. (default: ``"auto"``)

    Returns:
        dict: Scores as in ``result.json``.
    """
    torch_device = pick_device(device)
    fits = [_evaluate_fit(fit, torch_device) for fit in run.fits]
    return {
        **combine(run.config, run.fits[0].dataset, fits, run.path, peak_memory_mb(torch_device)),
        "command": "evaluate",
    }


def _evaluate_fit(fit: RunFolder, device: torch.device) -> FitResult:
    """Returns the result of a fit, with scores of its weights."""
    begin = time.perf_counter()
    dataset, split, batch_size = fit.dataset, fit.split, fit.config.train.batch_size
    task = fit_task(dataset, split, fit.config.train)
    seed_everything(fit.config.seed)
    untrained = init_model(fit.config.model, dataset, split).to(device)
    model = fit.model.to(device)
    validation, scores = None, TaskScores()
    with cpu_settings(fit.config.train.threads or sensible_threads(dataset, batch_size)):
        nodes = node_loader(model, dataset, batch_size)
        if split.test.numel():
            batches = Batches(dataset, split.test, batch_size, device, nodes=nodes)
            scores = final_scores(task, *collect(model, batches), dataset)
        if split.val.numel():
            held_out = dataset.selection_items(split.val, task.metric)
            validation = evaluate(model, task, Batches(dataset, held_out, batch_size, device, nodes=nodes))[1]
        extras = extra_metrics(model, untrained, dataset, split)
    return {
        **scores,
        "test": scores.get("scores", {}).get(task.metric),
        "validation": validation,
        "epoch": fit.result["epochs"][0] if fit.result else None,
        "curve": None,
        "extras": extras,
        "floors": floor_scores(task, dataset, split),
        "seed": fit.config.seed,
        "fold": fit.config.data.fold,
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds": time.perf_counter() - begin,
    }
