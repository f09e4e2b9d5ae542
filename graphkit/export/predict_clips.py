"""Predictions for new clips with a run or an exported file."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from graphkit.data import SkeletonDataset
from graphkit.data.clip_preprocessing import ClipForm
from graphkit.data.user.clips import LAYOUT
from graphkit.errors import InputError
from graphkit.experiments import RunFolder
from graphkit.experiments.predict import check_output, write_rows
from graphkit.export.exported_model import open_exported
from graphkit.export.exporter import data_options
from graphkit.skeleton import Clip
from graphkit.skeleton.readers.clip_file import SUFFIXES
from graphkit.skeleton.readers.folder import TABLE
from graphkit.training.environment import pick_device

#: Largest number of clips and of frames in a batch; a longer clip is a batch of one.
_TOGETHER, _FRAMES = 32, 20_000

#: Maps preprocessed clips, ``x`` ``[F, P, V, C]`` and lengths, to scores ``[clips, classes]``.
Scores = Callable[[Tensor, Tensor], Tensor]


class ClipPrediction(NamedTuple):
    """Prediction for one clip.

    Args:
        file (Path): The file.
        probabilities (Tensor, optional): ``[classes]``; ``None`` if the clip could not be read.
        problem (str): Error message, or empty.
    """

    file: Path
    probabilities: Tensor | None
    problem: str = ""


class Predictor(NamedTuple):
    """Trained model and the preprocessing of its clips."""

    form: ClipForm
    scores: Scores
    least_frames: int = 1


def open_predictor(source: RunFolder | str | Path, device: str = "auto") -> Predictor:
    """Loads the model of a run or of an exported file.

    Args:
        source (RunFolder or str or Path): Completed run, of which the best seed on validation is used, or exported
            file.
        device (str, optional): Device of the model of a run. (default: ``"auto"``)

    Raises:
        InputError: If the run is incomplete, its model is not for clips, or the file is invalid.
        FileNotFoundError: If the file does not exist.
    """
    if not isinstance(source, RunFolder):
        exported = open_exported(source)
        return Predictor(exported.form, _one_by_one(exported), exported.least_frames)
    if not source.result:
        where = source.path
        raise InputError(f"the run '{where}' has not ended; continue it with: graphkit train --resume {where}")
    fit = source.best
    if fit.dataset.holds != "skeleton clips":
        name = source.config.model.name
        raise InputError(f"only models of skeleton clips can predict for new clips (got '{name}'); omit the clips")
    torch_device = pick_device(device)
    model = fit.model.to(torch_device)

    @torch.inference_mode()
    def scores(x: Tensor, lengths: Tensor) -> Tensor:
        return model(x.to(torch_device), lengths.to(torch_device)).cpu()

    dataset = cast(SkeletonDataset, fit.dataset)
    return Predictor(ClipForm.of_dataset(dataset, fit.config.data.name, data_options(fit)), scores)


def find_clips(paths: Sequence[str | Path]) -> list[Path]:
    """Returns the files of clips among files and folders, sorted by name.

    ``labels.csv`` and ``skeleton.json`` are ignored.

    Args:
        paths (list[str or Path]): Files and folders.

    Raises:
        FileNotFoundError: If a path does not exist, or there are no clips.
    """
    files: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = (file for file in path.iterdir() if file.is_file() and file.suffix.lower() in SUFFIXES)
            files += sorted(file for file in inside if file.name not in (TABLE, LAYOUT))
        elif path.is_file():
            files.append(path)
        else:
            raise FileNotFoundError(f"there is no file or folder '{path}'; check the path")
    if not files:
        where, kinds = ", ".join(f"'{path}'" for path in paths), ", ".join(SUFFIXES)
        raise FileNotFoundError(f"there is no clip in {where}; files of clips end in {kinds}")
    return files


def predict_clips(predictor: Predictor, files: Sequence[Path]) -> Iterator[ClipPrediction]:
    """Yields the prediction, or the error, for each file in order.

    Clips are preprocessed as in training.

    Args:
        predictor (Predictor): The model, see :func:`open_predictor`.
        files (list[Path]): Files of clips, see :func:`find_clips`.
    """
    waiting: list[tuple[Path, Clip | str]] = []
    frames = 0
    for file in files:
        read = _read(predictor, file)
        length = len(read.x) if isinstance(read, Clip) else 0
        if len(waiting) == _TOGETHER or (waiting and frames + length > _FRAMES):
            yield from _predicted(predictor, waiting)
            waiting, frames = [], 0
        waiting.append((file, read))
        frames += length
    yield from _predicted(predictor, waiting)


def _read(predictor: Predictor, file: Path) -> Clip | str:
    """Returns a clip, or the error message of its file."""
    try:
        clip = predictor.form.read(file)
        least = predictor.least_frames
        if not predictor.form.frames and len(clip.x) < least:
            raise InputError(f"'{file}' must have at least {least} frames for this model (got {len(clip.x)})")
        return clip
    except (InputError, OSError) as error:
        return " ".join(str(error).split())


def _predicted(predictor: Predictor, group: Sequence[tuple[Path, Clip | str]]) -> Iterator[ClipPrediction]:
    """Yields the predictions for a batch of clips."""
    clips = [read for _, read in group if isinstance(read, Clip)]
    probabilities: Iterator[Tensor] = iter(())
    if clips:
        batch = predictor.form.collect(clips).batch(range(len(clips)))
        probabilities = iter(predictor.scores(batch.x, batch.lengths).double().softmax(dim=-1))
    for file, read in group:
        if isinstance(read, str):
            yield ClipPrediction(file, None, read)
            continue
        scores = next(probabilities)
        finite = bool(scores.isfinite().all())
        problem = "" if finite else f"'{file}': the scores of the model are not finite; check the coordinates"
        yield ClipPrediction(file, scores if finite else None, problem)


def write_predictions(predictions: Sequence[ClipPrediction], classes: Sequence[str], output: str | Path) -> None:
    """Writes predictions as JSON or CSV.

    The columns are ``file``, ``prediction`` and one probability per class, see
    :func:`graphkit.experiments.predict.write_rows`. The row of an unreadable clip has only the error message, in the
    last column ``problem``.

    Args:
        predictions (list[ClipPrediction]): The predictions.
        classes (list[str]): Class names.
        output (str or Path): Output file.

    Raises:
        InputError: If the file cannot be written.
    """
    check_output(output)
    rows = [prediction_row(one, classes) if one.probabilities is not None
            else {"file": one.file.name, "problem": one.problem} for one in predictions]  # fmt: skip
    if str(output).lower().endswith(".csv"):
        rows = [{key: value for key, value in row.items() if key != "probability"} for row in rows]
        rows.sort(key=lambda row: "problem" in row)  # sorts valid rows first, which determines the order of columns
    write_rows(output, rows)


def prediction_row(one: ClipPrediction, classes: Sequence[str]) -> dict[str, Any]:
    """Returns a prediction as JSON-serializable values."""
    assert one.probabilities is not None
    values = [round(value, 8) for value in one.probabilities.tolist()]
    best = max(range(len(values)), key=values.__getitem__)
    return {
        "file": one.file.name,
        "prediction": classes[best],
        "probability": values[best],
        "probabilities": dict(zip(classes, values, strict=True)),
    }


def _one_by_one(run: Callable[[Tensor], Tensor]) -> Scores:
    """Splits batches by clip length, for models of clips of equal length."""

    def scores(x: Tensor, lengths: Tensor) -> Tensor:
        clips = x.split(lengths.tolist())
        if int(lengths.min()) == int(lengths.max()):
            return run(torch.stack(clips).permute(0, 4, 1, 3, 2).contiguous())
        return torch.cat([run(clip.permute(3, 0, 2, 1)[None].contiguous()) for clip in clips])

    return scores
