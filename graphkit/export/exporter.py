"""Export of a trained model to one file, verified against the model."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor

from graphkit.data import SkeletonDataset
from graphkit.data.clip_preprocessing import ClipForm
from graphkit.errors import InputError
from graphkit.experiments import RunFolder
from graphkit.export.formats import (
    FORMATS,
    INPUT,
    OUTPUT,
    Runner,
    require_export,
    run_onnx,
    run_pt2,
    trace,
    write_onnx,
    write_pt2,
)
from graphkit.export.plain import plain_form
from graphkit.files import write_atomically
from graphkit.nn import SkeletonModel
from graphkit.registry import unknown_name
from graphkit.skeleton import repeat_to
from graphkit.version import __version__

#: Largest accepted difference of a score, relative to the larger of 1 and the largest score.
TOLERANCE = 1e-4
BATCH_SIZES = (1, 8)


def export_run(run: RunFolder, format: str = "onnx", output: str | Path | None = None) -> dict[str, Any]:
    """Exports the model of a run to one file.

    Of several seeds, the best model on validation is exported. Norms are folded, operators of graphkit are replaced,
    and the numbers of clips and frames are dynamic. The written file is loaded again and its scores are compared with
    those of the model on random clips and test clips, for batches of one and eight.

    Args:
        run (RunFolder): A completed run.
        format (str, optional): ``"onnx"`` or ``"pt2"``. (default: ``"onnx"``)
        output (str or Path, optional): Output file. (default: ``model.onnx`` or ``model.pt2`` in the run folder)

    Returns:
        A dictionary with ``file``, ``format``, ``bytes``, ``batch_sizes``, ``random`` and ``real`` (largest differences
        of a score; ``real`` is ``None`` if all test clips are too short), ``scale`` (largest score) and ``metadata``.

    Raises:
        InputError: If the model does not support export, the scores differ, or the file cannot be written.
        MissingPackageError: If packages for ONNX are missing.
    """
    if format not in FORMATS:
        raise unknown_name("format", format, FORMATS)
    path = Path(output) if output is not None else run.path / f"model.{format}"
    _check_output(path, format)
    if run.config.model.model_class.reads != "skeleton clips":  # before packages are asked for
        name = run.config.model.name
        raise InputError(f"only models of skeleton clips can be exported (got '{name}'); keep the run folder instead")
    if format == "onnx":
        require_export()
    if not run.result:
        raise InputError(f"the run '{run.path}' has not ended; continue it with: graphkit train --resume {run.path}")
    fit = run.best
    model, dataset = cast(SkeletonModel, fit.model), cast(SkeletonDataset, fit.dataset)
    plain = plain_form(model)
    form = ClipForm.of_dataset(dataset, fit.config.data.name, data_options(fit))
    least = 2 * int(plain.least_frames)  # type: ignore[arg-type]
    if 0 < form.frames < least:
        raise InputError(f"clips must have at least {least} frames to be exported (trained on {form.frames})")
    frames = max(form.frames, least, 32)
    shape = (2, form.channels, frames, form.layout.num_joints, form.persons)
    metadata = _metadata(run, form, least)
    differences: dict[str, Any] = {}

    def write(temporary: Path) -> None:
        (write_onnx if format == "onnx" else write_pt2)(trace(plain, shape, least), temporary, metadata)
        runner, _ = run_onnx(temporary) if format == "onnx" else run_pt2(temporary)
        differences.update(_compare(runner, model, fit, shape, least))

    try:
        write_atomically(path, write)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"the model cannot be written to '{path}' ({reason}); free space, or choose another") from None
    size = path.stat().st_size
    return {"file": str(path), "format": format, "bytes": size, "batch_sizes": list(BATCH_SIZES), **differences,
            "metadata": metadata}  # fmt: skip


def _check_output(path: Path, format: str) -> None:
    """Checks that the output file can be written, before the model is traced."""
    if path.suffix.lower() != f".{format}":
        raise InputError(f"`output` must end in .{format} for the format {format} (got '{path}'); rename it")
    if path.is_dir() or not path.parent.is_dir():
        what = "it is a folder" if path.is_dir() else "No such file or directory: its folder"
        raise InputError(f"the model cannot be written to '{path}' ({what}); choose another path")


def data_options(fit: RunFolder) -> dict[str, Any]:
    """Returns the options of the data set of a run."""
    return {key: value for key, value in fit.config.data.to_dict().items() if value is not None and key != "name"}


def _metadata(run: RunFolder, form: ClipForm, least: int) -> dict[str, Any]:
    """Returns the metadata of the file."""
    return {
        "version": __version__,
        "model": run.config.model.name,
        "dataset": run.result["dataset"],
        "input": f"{INPUT} [batch, {form.channels} channels, frames, {form.layout.num_joints} joints, "
        f"{form.persons} persons], float32; missing persons are zeros",
        "output": f"{OUTPUT} [batch, {len(form.classes)} classes]; apply softmax for probabilities",
        "least_frames": least,
        "form": form.to_dict(),
    }


def _compare(
    runner: Runner, model: SkeletonModel, fit: RunFolder, shape: tuple[int, ...], least: int
) -> dict[str, Any]:
    """Returns the largest differences of scores; raises an error above the tolerance."""
    generator = torch.Generator().manual_seed(0)
    random = [torch.randn(size, *shape[1:], generator=generator) for size in BATCH_SIZES]
    differences: dict[str, Any] = {"scale": 1.0}
    for kind, batches in (("random", random), ("real", list(_real(fit, least)))):
        differences[kind] = None
        for x in batches:
            with torch.inference_mode():
                expected, got = model(x), runner(x)
            differences["scale"] = max(differences["scale"], float(expected.abs().max()))
            differences[kind] = max(differences[kind] or 0.0, float((got - expected).abs().max()))
        if differences[kind] is not None and not differences[kind] <= TOLERANCE * differences["scale"]:
            raise InputError(
                f"the exported file differs from the model by {differences[kind]:.2g} for {kind} clips, more than "
                f"{TOLERANCE:g} of {differences['scale']:.3g}; it was deleted"
            )
    return differences


def _real(fit: RunFolder, least: int) -> Iterator[Tensor]:
    """Yields eight test clips ``[batch, C, T, V, P]`` one by one, then as a batch."""
    clips = fit.dataset.graphs
    ids = [i for i in (fit.split.test if fit.split.test.numel() else fit.split.train).tolist()]
    chosen = [clip for clip in (clips[i] for i in ids[:: max(1, len(ids) // 32)]) if clip.x.size(0) >= least][:8]
    for clip in chosen:
        yield clip.x.permute(3, 0, 2, 1)[None].contiguous()
    if chosen:
        longest = max(clip.x.size(0) for clip in chosen)
        repeated = [repeat_to(clip.x, clip.lengths, longest).permute(3, 0, 2, 1) for clip in chosen]
        yield torch.stack([repeated[i % len(repeated)] for i in range(BATCH_SIZES[-1])])
