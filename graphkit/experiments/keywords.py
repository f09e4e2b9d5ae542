"""Layers of a configuration from the keyword arguments of commands."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphkit.config.layers import read_config
from graphkit.errors import InputError


def given(**values: Any) -> dict[str, Any]:
    """Returns the values that are not ``None``."""
    return {name: value for name, value in values.items() if value is not None}


def train_layer(
    *,
    model: str | None = None,
    dataset: str | None = None,
    task: str | None = None,
    target: str | Sequence[str] | None = None,
    smiles: str | None = None,
    metric: str | None = None,
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
) -> dict[str, Any]:
    """Returns the layer of the keywords of ``graphkit train``."""
    return {
        "model": given(name=model),
        "data": given(
            name=dataset,
            root=root,
            split=split,
            split_seed=split_seed,
            stream=stream,
            smiles=smiles,
            **_targets(task, target),
        ),
        "train": given(epochs=epochs, lr=lr, batch_size=batch_size, metric=metric),
        **given(seed=seed, seeds=seeds, device=device),
    }


def _targets(task: str | None, target: str | Sequence[str] | None) -> dict[str, Any]:
    """Returns the settings of the targets of own data."""
    if isinstance(target, Sequence) and not isinstance(target, str):
        target = ",".join(map(str, target))
    return given(task=task, target=target)


def distill_layer(
    *,
    teacher: str | None = None,
    teacher_model: str | None = None,
    student: str | None = None,
    dataset: str | None = None,
    task: str | None = None,
    target: str | Sequence[str] | None = None,
    root: str | Path | None = None,
    epochs: int | None = None,
    lr: float | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    seeds: int | None = None,
    device: str | None = None,
) -> dict[str, Any]:
    """Returns the layer of the keywords of ``graphkit distill`` except for the losses.

    Raises:
        InputError: If there are both a trained teacher and a model to train.
    """
    is_trained = teacher not in (None, "train")
    if is_trained and teacher_model is not None:
        raise InputError("--teacher-model is for a teacher to train, and --teacher names one that was trained")
    training = given(epochs=epochs, lr=lr, batch_size=batch_size)
    trained = {"run": teacher} if is_trained else {"model": given(name=teacher_model), "train": training}
    return {
        "teacher": trained,
        "student": {"model": given(name=student), "train": training},
        "data": given(name=dataset, root=root, **_targets(task, target)),
        **given(seed=seed, seeds=seeds, device=device),
    }


def loss_layer(
    names: list[str],
    *,
    layers: str | None = None,
    weight: float | None = None,
    kernel: str | None = None,
    active_epochs: int | None = None,
) -> dict[str, Any]:
    """Returns the layer of the keywords of the losses of ``graphkit distill``.

    Args:
        names (list of str): Names of the losses.
        layers (str, optional): Layers to compare; with other losses, not applied to ``kd``, which compares outputs.
            (default: ``None``)
        weight (float, optional): Weight of each loss. (default: ``None``)
        kernel (str, optional): Kernel of ``lsp``. (default: ``None``)
        active_epochs (int, optional): Number of epochs in which each loss is added. (default: ``None``)

    Raises:
        InputError: If there is a kernel without the loss ``lsp``.
    """
    if kernel is not None and "lsp" not in names:
        raise InputError(f"--kernel is for the loss lsp (got {', '.join(names)}); leave it out")
    losses: dict[str, Mapping[str, Any]] = {}
    for name in names:
        has_layers = name != "kd" or len(names) == 1
        losses[name] = given(
            weight=weight,
            active_epochs=active_epochs,
            layers=layers if has_layers else None,
            kernel=kernel if name == "lsp" else None,
        )
    return {"losses": losses}


def continual_layer(
    *,
    model: str | None = None,
    dataset: str | None = None,
    task: str | None = None,
    target: str | Sequence[str] | None = None,
    root: str | Path | None = None,
    protocol: str | None = None,
    classes_per_task: int | None = None,
    tasks: int | None = None,
    scenario: str | None = None,
    visible: str | None = None,
    inter_task_edges: bool | None = None,
    epochs: int | None = None,
    lr: float | None = None,
    batch_size: int | None = None,
    search: bool | None = None,
    seed: int | None = None,
    seeds: int | None = None,
    device: str | None = None,
) -> dict[str, Any]:
    """Returns the layer of the keywords of ``graphkit continual``, without strategies."""
    stream = {"scenario": scenario, "visible": visible, "inter_task_edges": inter_task_edges}
    return {
        "model": given(name=model),
        "data": given(name=dataset, root=root, **_targets(task, target)),
        "stream": given(per_task=classes_per_task, tasks=tasks, **stream),
        "train": given(epochs=epochs, lr=lr, batch_size=batch_size),
        **given(protocol=protocol, search=search, seed=seed, seeds=seeds, device=device),
    }


def search_layer(
    *,
    models: str | None = None,
    dataset: str | None = None,
    trials: int | None = None,
    space: str | Path | Mapping[str, Any] | None = None,
    task: str | None = None,
    target: str | Sequence[str] | None = None,
    root: str | Path | None = None,
    split: str | Sequence[float] | None = None,
    epochs: int | None = None,
    lr: float | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    seeds: int | None = None,
    device: str | None = None,
) -> dict[str, Any]:
    """Returns the layer of the keywords of ``graphkit search``."""
    if isinstance(space, str | Path):
        space = read_config(space)
    names = None if models is None else [name.strip() for name in models.split(",") if name.strip()]
    return {
        "data": given(name=dataset, root=root, split=split, **_targets(task, target)),
        "train": given(epochs=epochs, lr=lr, batch_size=batch_size),
        **given(models=names, trials=trials, space=space, seed=seed, seeds=seeds, device=device),
    }
