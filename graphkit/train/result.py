"""The result of a run: what all its fits say together."""

from collections.abc import Sequence
from math import isfinite, nan
from pathlib import Path
from statistics import fmean, pstdev, stdev
from typing import Any

import torch

from graphkit.data import GraphDataset
from graphkit.metrics import fold_curve


def summary(values: Sequence[float | None], population: bool = False) -> dict[str, Any] | None:
    """Returns ``{"mean", "std", "runs"}`` of the values that are defined; ``None`` if there are none.

    Args:
        values: One value per run.
        population: Whether the deviation is that of the population (of the ten folds) or of a sample (of the seeds).
    """
    runs = [value for value in values if value is not None and isfinite(value)]
    if not runs:
        return None
    spread = 0.0 if len(runs) < 2 else (pstdev(runs) if population else stdev(runs))
    return {"mean": fmean(runs), "std": spread, "runs": runs}


def combine(
    config: dict[str, Any], dataset: GraphDataset, fits: Sequence[dict[str, Any]], folder: Path, peak_memory: float
) -> dict[str, Any]:
    """Returns the content of ``result.json``: the scores over all fits and what they were obtained with.

    Over seeds the deviation is that of a sample. Under the ten-fold protocol the curves of the folds are averaged, the
    epoch with the best mean is chosen, and the mean and the population's deviation over the folds at that epoch are
    given; with several seeds this is done for each, and the deviation is that over the seeds.
    """
    result: dict[str, Any] = {
        "command": "train",
        "model": config["model"]["name"],
        "dataset": dataset.name,
        "task": dataset.task,
        "metric": dataset.metric,
    }
    if fits[0]["curve"] is not None and len(fits) > 1:  # one fold by itself has no mean curve to choose an epoch by
        result |= _by_folds(fits)
    else:
        result["test"] = summary([fit["test"] for fit in fits])
        result["validation"] = summary([fit["validation"] for fit in fits])
        chosen_on = "test" if dataset.protocol == "test" else "validation"
        result["selected_on"] = chosen_on if result["validation"] else "last epoch"
        result["epochs"] = [fit["epoch"] for fit in fits]
    for key in sorted({key for fit in fits for key in fit["extras"]}):
        result[key] = summary([fit["extras"].get(key) for fit in fits])
    return result | {
        "seeds": sorted({fit["seed"] for fit in fits}),
        "parameters": fits[0]["parameters"],
        "seconds": sum(fit["seconds"] for fit in fits),
        "peak_memory_mb": round(peak_memory, 1) if isfinite(peak_memory) else None,
        "run": str(folder),
    }


def _by_folds(fits: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns the scores of the ten-fold protocol."""
    seeds = sorted({fit["seed"] for fit in fits})
    epochs, means, single = [], [], None
    for seed in seeds:
        curves = [[nan if score is None else score for score in fit["curve"]] for fit in fits if fit["seed"] == seed]
        epoch, mean, _ = fold_curve(torch.tensor(curves, dtype=torch.float64))
        epochs.append(int(epoch) + 1)
        means.append(float(mean))
        single = summary([curve[int(epoch)] for curve in curves], population=True)
    test = single if len(seeds) == 1 else summary(means)
    return {"test": test, "validation": None, "selected_on": "fold", "epochs": epochs}
