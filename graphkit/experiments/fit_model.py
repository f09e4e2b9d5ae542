"""Training from Python, with the keywords of the command line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphkit.experiments.build_config import build_config
from graphkit.experiments.driver import run
from graphkit.experiments.keywords import train_layer
from graphkit.experiments.run_folder import RunFolder
from graphkit.training.progress import LogProgress, make_progress


def fit(
    model: str | None = None,
    dataset: str | Path | None = None,
    *,
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
    verbose: bool = False,
) -> RunFolder:
    """Trains a model on a data set and writes a run folder, as ``graphkit train`` does with the same settings.

    Args:
        model (str, optional): Registered name of the model. (default: ``"factorgcn"``)
        dataset (str or Path, optional): Registered name of a data set, or the path of a file or folder. (default:
            ``"factor-graphs"``)
        recipe (str, optional): Recipe to start from, or ``"none"``. (default: that of model and data set, if any)
        root (str or Path, optional): Folder of raw files. (default: ``$GRAPHKIT_DATA``, else the cache folder)
        split (str or list, optional): Shares of training, validation and test items. (default: the published split)
        split_seed (int, optional): Seed that the split is drawn with. (default: 0)
        stream (str, optional): Input of a model of skeleton clips: ``"joint"``, ``"bone"``, ``"joint-motion"`` or
            ``"bone-motion"``. (default: ``"joint"``)
        epochs (int, optional): Largest number of epochs.
        lr (float, optional): Learning rate.
        batch_size (int, optional): Graphs, nodes or clips in a batch.
        seed (int, optional): First seed. (default: 0)
        seeds (int, optional): How many seeds. (default: 1)
        device (str, optional): ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``. (default: ``"auto"``)
        config (str or Path, optional): YAML file of settings.
        set (dict, optional): All other settings by key, such as ``{"model.heads": 8}``.
        output (str or Path, optional): Run folder, empty or new. (default: ``runs/MODEL-DATASET-NNN``)
        verbose (bool, optional): Whether progress is shown on standard error; it always goes to the logger
            ``"graphkit"``. (default: ``False``)

    Returns:
        RunFolder: The run folder; its ``result`` is the content of ``result.json``.

    Raises:
        InputError: For settings or data that cannot be used; nothing has been written then.
        Interrupted: After Ctrl-C; :func:`graphkit.experiments.resume` continues the run.

    Example:
        >>> import graphkit, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run = graphkit.fit("gcn", "karate", epochs=5, output=folder)
        >>> run.result["model"], run.result["metric"]
        ('gcn', 'accuracy')
    """
    layer = train_layer(
        model=model,
        dataset=None if dataset is None else str(dataset),
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
    configuration = build_config("train", layer, recipe=recipe, file=config, set=set or {})
    return run(configuration, output, make_progress() if verbose else LogProgress())
