"""Search from Python, with the keywords of the command line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphkit.experiments.build_config import build_config
from graphkit.experiments.driver import run
from graphkit.experiments.keywords import search_layer
from graphkit.experiments.run_folder import ResultFolder
from graphkit.experiments.workers import Engine
from graphkit.training.progress import LogProgress, make_progress


def search(
    models: str | Sequence[str] | None = None,
    data: str | Path | None = None,
    *,
    trials: int | None = None,
    seeds: int | None = None,
    space: str | Path | Mapping[str, Any] | None = None,
    task: str | None = None,
    target: str | Sequence[str] | None = None,
    root: str | Path | None = None,
    split: str | Sequence[float] | None = None,
    epochs: int | None = None,
    lr: float | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    config: str | Path | None = None,
    set: Mapping[str, Any] | None = None,  # noqa: A002 (the name of the option)
    output: str | Path | None = None,
    jobs: int = 1,
    on: str | None = None,
    unit_cpus: int | None = None,
    unit_gpus: float | None = None,
    verbose: bool = False,
) -> ResultFolder:
    """Searches the settings of models, with the same number of trials each.

    The command ``graphkit search`` does the same with the same arguments.

    Args:
        models (str or list[str], optional): Names of the models. (default: ``"gcn"``)
        data (str or Path, optional): Name of a data set, or path of own data. (default: ``"cora"``)
        trials (int, optional): Number of trials of each model. (default: ``20``)
        seeds (int, optional): Number of seeds of the chosen settings. (default: ``1``)
        space (str or Path or dict, optional): Domains of settings by model, or a YAML file of them. (default: the
            ``search_space`` of each model)
        task (str, optional): As for :func:`graphkit.fit`, with all arguments that are not described here.
        target (str or list[str], optional): As for :func:`graphkit.fit`.
        root (str or Path, optional): As for :func:`graphkit.fit`.
        split (str or list, optional): As for :func:`graphkit.fit`.
        epochs (int, optional): As for :func:`graphkit.fit`.
        lr (float, optional): Learning rate of all trials; leave it out to search it.
        batch_size (int, optional): As for :func:`graphkit.fit`.
        seed (int, optional): First seed of the chosen settings, and seed of the proposals. (default: ``0``)
        device (str, optional): As for :func:`graphkit.fit`.
        config (str or Path, optional): As for :func:`graphkit.fit`.
        set (dict, optional): As for :func:`graphkit.fit`.
        output (str or Path, optional): Run folder, empty or new. (default: ``runs/search-DATASET-NNN``)
        jobs (int, optional): As for :func:`graphkit.fit`.
        on (str, optional): As for :func:`graphkit.fit`.
        unit_cpus (int, optional): As for :func:`graphkit.fit`.
        unit_gpus (float, optional): As for :func:`graphkit.fit`.
        verbose (bool, optional): As for :func:`graphkit.fit`.

    Returns:
        ResultFolder: The run folder; its ``result`` is the content of ``result.json``.

    Raises:
        InputError: If settings or data are invalid; nothing is written then.
        MissingPackageError: If Optuna is not installed.
        Interrupted: If Ctrl-C was pressed; :func:`graphkit.experiments.resume` continues the search.
    """
    layer = search_layer(
        models=models if models is None or isinstance(models, str) else ",".join(models),
        dataset=None if data is None else str(data),
        trials=trials,
        space=space,
        task=task,
        target=target,
        root=root,
        split=split,
        epochs=epochs,
        lr=lr,
        batch_size=batch_size,
        seed=seed,
        seeds=seeds,
        device=device,
    )
    configuration = build_config("search", layer, file=config, set=set or {})
    progress = LogProgress(make_progress(quiet=not verbose))
    return run(configuration, output, progress, engine=Engine(jobs, on, unit_cpus, unit_gpus))
