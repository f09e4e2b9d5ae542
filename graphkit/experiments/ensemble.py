"""Ensemble of runs: weighted mean of their probabilities or values."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.experiments.run_folder import RunFolder
from graphkit.metrics import mixture_weights
from graphkit.tasks import Classification, Regression, make_task
from graphkit.training.batches import Batches
from graphkit.training.cpu_settings import cpu_settings, sensible_threads
from graphkit.training.environment import pick_device
from graphkit.training.fit_task import fit_task
from graphkit.training.loop import collect
from graphkit.training.node_batches import node_loader
from graphkit.training.run_result import summary


def ensemble_runs(runs: Sequence[RunFolder], device: str = "auto") -> dict[str, Any]:
    """Scores the weighted mean of the predictions of several runs.

    Predictions are probabilities, or the values of a regression. The weights are fitted on the validation items; they
    are equal for a regression, and if there are no validation items apart from the test items. Runs may differ in
    model, settings and stream, but need the same classes and split. If all have the same number of fits, there is an
    ensemble for each index of the fits, else one of the best fits.

    Args:
        runs (list of RunFolder): At least two completed runs.
        device (str, optional): Device, such as ``"cpu"`` or ``"cuda:0"``. (default: ``"auto"``)

    Returns:
        dict: ``command``, ``dataset``, ``task``, ``metric``, ``test``, ``validation``, ``selected_on``, ``weights``,
        ``single`` and ``runs``. ``weights`` and the ``single`` test scores are lists over the runs.

    Raises:
        InputError: If there are fewer than two runs, one is not complete, or their classes or splits differ.
    """
    if len(runs) < 2:
        raise InputError(f"an ensemble needs at least two runs (got {len(runs)})")
    for run in runs:
        if not run.result:
            remedy = f"continue it with: graphkit train --resume {run.path}"
            raise InputError(f"the run '{run.path}' has not ended; {remedy}")
    counts = {len(run.fits) for run in runs}
    groups = list(zip(*(run.fits for run in runs), strict=True)) if len(counts) == 1 else [[run.best for run in runs]]
    torch_device = pick_device(device)
    scores = [_one_ensemble(group, torch_device) for group in groups]
    first = runs[0].fits[0].dataset
    validated = scores[0]["validation"] is not None and not first.task.endswith("regression")
    return {
        "command": "ensemble",
        "dataset": first.name,
        "task": first.task,
        "metric": runs[0].config.train.metric or first.metric,
        "test": summary([score["test"] for score in scores]),
        "validation": summary([score["validation"] for score in scores]),
        "selected_on": "validation" if validated else "equal weights",
        "weights": torch.tensor([score["weights"] for score in scores]).mean(dim=0).tolist(),
        "single": torch.tensor([score["single"] for score in scores]).mean(dim=0).tolist(),
        "runs": [str(run.path) for run in runs],
    }


def _one_ensemble(fits: Sequence[RunFolder], device: torch.device) -> dict[str, Any]:
    """Returns the scores of an ensemble of one fit of each run."""
    first = fits[0]
    task = make_task(first.dataset.task, first.config.train.metric or first.dataset.metric)
    if not isinstance(task, Classification | Regression):
        raise InputError(
            f"ensembles are for tasks with one class per item and for regression (got {first.dataset.task})"
        )
    for fit in fits[1:]:
        same = first.dataset.name == fit.dataset.name and first.dataset.num_outputs == fit.dataset.num_outputs
        if not same or not all(
            torch.equal(getattr(first.split, name), getattr(fit.split, name)) for name in ("val", "test")
        ):
            raise InputError(
                f"the runs '{first.path}' and '{fit.path}' do not have the same data and split; train them with the "
                "same `data` settings but for the stream"
            )
    test, y = _probabilities(fits, "test", device)
    weights = torch.full((len(fits),), 1.0 / len(fits), dtype=torch.float64)
    validation = None
    if first.split.val.numel() and first.dataset.protocol == "validation":
        held_out, labels = _probabilities(fits, "val", device)
        if isinstance(task, Classification):
            weights = mixture_weights(held_out, labels)
        validation = task.score(_mixed(held_out, weights), labels)
    return {
        "test": task.score(_mixed(test, weights), y),
        "validation": validation,
        "weights": weights.tolist(),
        "single": [task.score(probabilities, y) for probabilities in test],
    }


def _mixed(probabilities: Tensor, weights: Tensor) -> Tensor:
    """Returns the weighted mean of the probabilities or values ``[M, B, C]``."""
    mean: Tensor = torch.tensordot(weights.to(probabilities.dtype), probabilities, dims=1)
    return mean


def _probabilities(fits: Sequence[RunFolder], split: str, device: torch.device) -> tuple[Tensor, Tensor]:
    """Returns probabilities or values ``[M, B, C]`` of all fits, and the targets."""
    outputs = []
    for fit in fits:
        batch_size = fit.config.train.batch_size
        with cpu_settings(fit.config.train.threads or sensible_threads(fit.dataset, batch_size)):
            model = fit.model.to(device)
            nodes = node_loader(model, fit.dataset, batch_size)
            batches = Batches(fit.dataset, getattr(fit.split, split), batch_size, device, nodes=nodes)
            output, y = collect(model, batches)
        outputs.append(fit_task(fit.dataset, fit.split, fit.config.train).predict(output)[1].cpu())
    return torch.stack(outputs), y.cpu()
