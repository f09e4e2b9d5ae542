"""Training from Python, with the keywords of the command line."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from graphkit.data.user.memory import naming, save_object
from graphkit.experiments.build_config import build_config, with_model
from graphkit.experiments.driver import run
from graphkit.experiments.keywords import train_layer
from graphkit.experiments.run_folder import RunFolder
from graphkit.experiments.workers import Engine
from graphkit.nn.model_settings import CUSTOM
from graphkit.screen import showing_notes
from graphkit.settings import UNSET
from graphkit.training.callbacks import Callback
from graphkit.training.progress import LogProgress, make_progress


def fit(
    model: Any = None,
    data: Any = UNSET,
    *,
    task: str | None = None,
    target: str | Sequence[str] | None = None,
    smiles: str | None = None,
    metric: str | None = None,
    callbacks: Sequence[Callback] = (),
    recipe: str | None = None,
    root: str | Path | None = None,
    split: str | Sequence[float] | None = None,
    split_seed: int | None = None,
    stream: str | None = None,
    epochs: int | None = None,
    lr: float | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    seeds: int | None = None,
    device: str | None = None,
    config: str | Path | None = None,
    set: Mapping[str, Any] | None = None,  # noqa: A002 (the name of the option)
    output: str | Path | None = None,
    jobs: int = 1,
    on: str | None = None,
    unit_cpus: int | None = None,
    unit_gpus: float | None = None,
    verbose: bool = False,
) -> RunFolder:
    """Trains a model on a data set and writes a run folder, as ``graphkit train``.

    Calls in several threads of a process run one at a time. The global random states are restored at the end.

    Args:
        model (str or torch.nn.Module or Callable, optional): Registered name of the model; or a module, which is
            copied; or a function ``(in_channels, out_channels) -> Module``. (default: ``"factorgcn"``)
        data (str or Path or Data or list or tuple or networkx.Graph, optional): Registered name of a data set, the
            path of a file or folder, or graphs in memory in one of the forms of :func:`graphkit.load`, which are
            copied into the run folder. (default: ``"factor-graphs"``)
        task (str, optional): Task of own data, such as ``"regression"``; or ``"link-prediction"`` for any graph.
            (default: that of the data, inferred from the targets of own data)
        target (str or list[str], optional): Names of the columns or attributes of own data to predict.
            (default: ``"label"`` or ``"y"``)
        smiles (str, optional): Name of the column of SMILES strings in a table of own molecules.
        metric (str, optional): Metric that selects the epoch and is reported. (default: that of the data set)
        callbacks (list[Callback], optional): Callbacks of the training, see :class:`graphkit.Callback`.
            (default: ``()``)
        recipe (str, optional): Name of a recipe, or ``"none"``. (default: that of model and data set, if any)
        root (str or Path, optional): Folder of raw files. (default: ``$GRAPHKIT_DATA``, else the cache folder)
        split (str or list, optional): Fractions of training, validation and test items; or ``"random"`` or
            ``"scaffold"`` (molecules), with or without fractions, for one split per seed; or ``"folds"``, ten folds
            with validation items, one per seed. (default: the published split)
        split_seed (int, optional): Seed of a random split. (default: ``0``)
        stream (str, optional): Input of a model of skeleton clips: ``"joint"``, ``"bone"``, ``"joint-motion"`` or
            ``"bone-motion"``. (default: ``"joint"``)
        epochs (int, optional): Maximum number of epochs.
        lr (float, optional): Learning rate.
        batch_size (int, optional): Graphs, nodes or clips in a batch.
        seed (int, optional): First seed. (default: ``0``)
        seeds (int, optional): Number of seeds. (default: ``1``)
        device (str, optional): ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``. (default: ``"auto"``)
        config (str or Path, optional): YAML file of settings.
        set (dict, optional): All other settings by key, such as ``{"model.heads": 8}``.
        output (str or Path, optional): Run folder, empty or new. (default: ``runs/MODEL-DATASET-NNN``)
        jobs (int, optional): Number of local processes for independent fits: seeds and folds. (default: ``1``)
        on (str, optional): ``"ray"`` or ``"ray://HOST:PORT"``, to run independent fits on Ray; see
            :class:`graphkit.experiments.Engine`. (default: ``None``)
        unit_cpus (int, optional): CPUs of a fit. (default: ``1`` on Ray, else all divided by ``jobs``)
        unit_gpus (float, optional): GPUs of a fit on Ray. (default: ``1`` if the device is CUDA, else ``0``)
        verbose (bool, optional): If ``True``, shows progress on standard error; the logger ``"graphkit"`` always
            receives it. (default: ``False``)

    Returns:
        RunFolder: The run folder; its ``result`` is the content of ``result.json``.

    Raises:
        InputError: If settings or data are invalid; nothing is written then.
        Interrupted: If Ctrl-C was pressed; :func:`graphkit.experiments.resume` continues the run.

    Example:
        >>> import graphkit, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     result = graphkit.fit("gcn", "karate", epochs=5, output=folder).result
        >>> result["model"], result["metric"]
        ('gcn', 'accuracy')
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # Windows keeps memory-mapped files
        is_own = model is not None and not isinstance(model, str)
        in_memory = data is not UNSET and not isinstance(data, str | os.PathLike)
        graphs = save_object(data, Path(folder)) if in_memory else None
        layer = train_layer(
            model=CUSTOM if is_own else model,
            dataset=None if data is UNSET else str(graphs or data),
            task=task,
            target=target,
            smiles=smiles,
            metric=metric,
            root=root,
            split=split,
            split_seed=split_seed,
            stream=stream,
            epochs=epochs,
            lr=lr,
            batch_size=batch_size,
            seed=seed,
            seeds=seeds,
            device=device,
        )
        named = nullcontext() if graphs is None else naming(graphs, folder, "data")
        with named, showing_notes() if verbose else nullcontext():
            configuration = build_config("train", layer, recipe=recipe, file=config, set=set or {})
            configuration = with_model(configuration, model) if is_own else configuration
            progress = LogProgress(make_progress(quiet=not verbose))
            engine = Engine(jobs, on, unit_cpus, unit_gpus)
            done = run(configuration, output, progress, graphs, callbacks, engine)
    assert isinstance(done, RunFolder)  # the configuration has a model
    return done
