"""What new clips show, by a run or by an exported file."""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphkit.data import SkeletonDataset
from graphkit.data.clip_form import ClipForm
from graphkit.data.own.clips import LAYOUT
from graphkit.deploy.exported import open_exported
from graphkit.deploy.exporting import data_options
from graphkit.errors import InputError
from graphkit.files import write_json, write_text
from graphkit.skeleton import Clip
from graphkit.skeleton.readers.clip_file import SUFFIXES
from graphkit.skeleton.readers.folder import TABLE
from graphkit.train import Run
from graphkit.train.environment import pick_device

#: Clips that are read, prepared and run together.
_TOGETHER = 32

#: Takes prepared clips, ``x`` ``[F, P, V, C]`` with their lengths, and returns scores ``[clips, classes]``.
Scores = Callable[[Tensor, Tensor], Tensor]


class ClipPrediction(NamedTuple):
    """What one clip shows.

    Args:
        file: The file.
        probabilities: ``[classes]``; ``None`` where the clip could not be read.
        problem: Why not, in one line; empty otherwise.
    """

    file: Path
    probabilities: Tensor | None
    problem: str = ""


class Predictor(NamedTuple):
    """A trained model and the form that clips must be brought into for it."""

    form: ClipForm
    scores: Scores
    least_frames: int = 1


def open_predictor(source: Run | str | Path, device: str = "auto") -> Predictor:
    """Returns the model of a run (of several seeds, the best one on validation), or of an exported file.

    Raises:
        ValueError: If the run has not ended or its model does not read clips, or the file cannot be used.
        FileNotFoundError: If there is no such file.
    """
    if not isinstance(source, Run):
        exported = open_exported(source)
        return Predictor(exported.form, _one_by_one(exported.run), exported.least_frames)
    if not source.result:
        where = source.path
        raise InputError(f"the run '{where}' has not ended; continue it with: graphkit train --resume {where}")
    fit = source.best
    if not isinstance(fit.dataset, SkeletonDataset):
        name = source.config["model"]["name"]
        raise InputError(f"only models of skeleton clips predict for new clips (got '{name}'); leave the folder out")
    place = pick_device(device)
    model = fit.model.to(place)

    @torch.inference_mode()
    def scores(x: Tensor, lengths: Tensor) -> Tensor:
        return model(x.to(place), lengths.to(place)).cpu()

    return Predictor(ClipForm.of_dataset(fit.dataset, fit.config["data"]["name"], data_options(fit)), scores)


def find_clips(paths: Sequence[str | Path]) -> list[Path]:
    """Returns the files of clips among files and in folders, by name; ``labels.csv`` and ``skeleton.json`` are none.

    Raises:
        FileNotFoundError: If there is no such file or folder, or no clip.
    """
    found: list[Path] = []
    for path in map(Path, paths):
        if path.is_dir():
            inside = (file for file in path.iterdir() if file.is_file() and file.suffix.lower() in SUFFIXES)
            found += sorted(file for file in inside if file.name not in (TABLE, LAYOUT))
        elif path.is_file():
            found.append(path)
        else:
            raise FileNotFoundError(f"there is no file or folder '{path}'; check the path")
    if not found:
        where, kinds = ", ".join(f"'{path}'" for path in paths), ", ".join(SUFFIXES)
        raise FileNotFoundError(f"there is no clip in {where}; files of clips end in {kinds}")
    return found


def predict_clips(predictor: Predictor, files: Sequence[Path]) -> Iterator[ClipPrediction]:
    """Yields the prediction for each file, in order, or what is wrong with it; one bad clip does not stop the others.

    Clips are prepared as those of the training were: centred, turned, brought to a number of frames, and made into
    the stream that the model sees.
    """
    form = predictor.form
    for start in range(0, len(files), _TOGETHER):
        group: list[Clip | str] = []
        for file in files[start : start + _TOGETHER]:
            try:
                clip = form.read(file)
                if not form.frames and len(clip.x) < predictor.least_frames:
                    least = predictor.least_frames
                    raise InputError(f"'{file}' must have at least {least} frames for this model (got {len(clip.x)})")
                group.append(clip)
            except (ValueError, OSError) as error:
                group.append(" ".join(str(error).split()))
        clips = [clip for clip in group if isinstance(clip, Clip)]
        probabilities = iter(torch.empty(0))
        if clips:
            batch = form.collect(clips).batch(range(len(clips)))
            probabilities = iter(predictor.scores(batch.x, batch.lengths).double().softmax(dim=-1))
        for file, read in zip(files[start : start + _TOGETHER], group, strict=True):
            good = isinstance(read, Clip)
            yield ClipPrediction(file, next(probabilities) if good else None, "" if good else str(read))


def write_predictions(found: Sequence[ClipPrediction], classes: Sequence[str], output: str | Path) -> None:
    """Writes predictions as JSON, if the name ends so, or else as CSV; clips that could not be read are left out.

    Raises:
        ValueError: If the file cannot be written.
    """
    rows = [prediction_row(one, classes) for one in found if one.probabilities is not None]
    try:
        if str(output).lower().endswith(".json"):
            write_json(output, rows)
            return
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["file", "prediction", *(f"probability_{name}" for name in classes)])
        for row in rows:
            values = (f"{value:.6g}" for value in row["probabilities"].values())
            writer.writerow([row["file"], row["prediction"], *values])
        write_text(output, table.getvalue())
    except OSError as error:
        raise InputError(f"the predictions cannot be written to '{output}' ({error.strerror})") from None


def prediction_row(one: ClipPrediction, classes: Sequence[str]) -> dict[str, Any]:
    """Returns one prediction as plain values."""
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
    """Lets a model whose batches have clips of one length take clips of any length."""

    def scores(x: Tensor, lengths: Tensor) -> Tensor:
        clips = x.split(lengths.tolist())
        if int(lengths.min()) == int(lengths.max()):
            return run(torch.stack(clips).permute(0, 4, 1, 3, 2).contiguous())
        return torch.cat([run(clip.permute(3, 0, 2, 1)[None].contiguous()) for clip in clips])

    return scores
