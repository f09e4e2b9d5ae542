"""Predictions for new clips with a run or an exported file."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor

from graphkit.data import SkeletonDataset
from graphkit.data.clip_preprocessing import ClipForm
from graphkit.data.labels import is_no_label
from graphkit.data.user.clips import LAYOUT
from graphkit.errors import InputError, InputTypeError
from graphkit.experiments import RunFolder
from graphkit.experiments.predict import check_complete
from graphkit.experiments.predictions import Predictions
from graphkit.export.exported_model import open_exported
from graphkit.export.exporter import data_options
from graphkit.registry import unknown_name
from graphkit.skeleton import Clip
from graphkit.skeleton.readers.clip_file import SUFFIXES
from graphkit.skeleton.readers.folder import TABLE, read_table
from graphkit.training.environment import pick_device

#: Largest number of clips and of frames in a batch; a longer clip is a batch of one.
_TOGETHER, _FRAMES = 32, 20_000

#: Maps preprocessed clips, ``x`` ``[F, P, V, C]`` and lengths, to scores ``[clips, classes]``.
Scores = Callable[[Tensor, Tensor], Tensor]


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
    check_complete(source)
    fit = source.best
    if fit.dataset.holds != "skeleton clips":
        name = source.config.model.name
        raise InputError(f"only models of skeleton clips can predict for new clips (got '{name}'); give graphs")
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
    if not paths:
        raise FileNotFoundError("expected files or folders of clips, got none; name at least one")
    if not files:
        where, kinds = ", ".join(f"'{path}'" for path in paths), ", ".join(SUFFIXES)
        raise FileNotFoundError(f"there is no clip in {where}; files of clips end in {kinds}")
    return files


def predict_clips(
    source: RunFolder | str | Path, clips: str | Path | Sequence[str | Path], device: str = "auto"
) -> Predictions:
    """Returns the predictions of a run or of an exported file for new clips.

    Clips are preprocessed as in training. The ids are the names of the files, or their paths where a name occurs twice.
    Files that are not clips of this form are ``problems``.

    Args:
        source (RunFolder or str or Path): Completed run or exported file, see :func:`open_predictor`.
        clips (str or Path, or a list of them): Files and folders of clips, see :func:`find_clips`.
        device (str, optional): Device of the model of a run. (default: ``"auto"``)

    Raises:
        InputError: If the run is incomplete, its model is not for clips, or the file is invalid.
        FileNotFoundError: If a path does not exist, or there are no clips.
    """
    if not isinstance(clips, str | Path | Sequence):
        what = type(clips).__name__
        raise InputTypeError(f"expected the paths of files or folders of clips, got {what}; save clips as .npy files")
    paths = [clips] if isinstance(clips, str | Path) else clips
    files = list(dict.fromkeys(find_clips(paths)))
    predictor = open_predictor(source, device)
    classes = predictor.form.classes
    labels = _labels(paths, classes)
    names = [file.name for file in files]
    ids = names if len(set(names)) == len(names) else list(map(str, files))
    scores = list(_scores(predictor, files))
    good = [index for index, one in enumerate(scores) if isinstance(one, Tensor)]
    probability = torch.stack([scores[index] for index in good]) if good else torch.empty(0, len(classes))  # type: ignore[misc]
    target = np.array([labels.get(files[index], "") for index in good])
    return Predictions(
        ids=tuple(ids[index] for index in good),
        prediction=np.array(classes)[probability.argmax(dim=-1).numpy()],
        probability=probability.numpy(),
        target=target if any(target) else None,
        names=classes,
        problems={item: one for item, one in zip(ids, scores, strict=True) if isinstance(one, str)},
    )


def _labels(paths: Sequence[str | Path], classes: Sequence[str]) -> dict[Path, str]:
    """Returns the label of each file in the tables ``labels.csv`` of some folders.

    Raises:
        InputError: If a table is invalid, or a label is not a class of the model.
    """
    labels: dict[Path, str] = {}
    for folder in map(Path, paths):
        for row in read_table(folder) if (folder / TABLE).is_file() else ():
            if is_no_label(row["label"]):
                continue
            if row["label"] not in classes:
                where = f"'{folder / TABLE}': the label of '{row['file']}'"
                raise InputError(f"{where}: {unknown_name('class', row['label'], classes)}")
            labels[folder / row["file"]] = row["label"]
    return labels


def _scores(predictor: Predictor, files: Sequence[Path]) -> Iterator[Tensor | str]:
    """Yields the probabilities ``[classes]`` or the error message of each file."""
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


def _predicted(predictor: Predictor, group: Sequence[tuple[Path, Clip | str]]) -> Iterator[Tensor | str]:
    """Yields the probabilities, or the error messages, of a batch of clips."""
    clips = [read for _, read in group if isinstance(read, Clip)]
    probabilities: Iterator[Tensor] = iter(())
    if clips:
        batch = predictor.form.collect(clips).batch(range(len(clips)))
        probabilities = iter(predictor.scores(batch.x, batch.lengths).softmax(dim=-1))
    for file, read in group:
        scores = read if isinstance(read, str) else next(probabilities)
        if isinstance(scores, Tensor) and not bool(scores.isfinite().all()):
            scores = f"'{file}': the scores of the model are not finite; check the coordinates"
        yield scores


def _one_by_one(run: Callable[[Tensor], Tensor]) -> Scores:
    """Splits batches by clip length, for models of clips of equal length."""

    def scores(x: Tensor, lengths: Tensor) -> Tensor:
        clips = x.split(lengths.tolist())
        if int(lengths.min()) == int(lengths.max()):
            return run(torch.stack(clips).permute(0, 4, 1, 3, 2).contiguous())
        return torch.cat([run(clip.permute(3, 0, 2, 1)[None].contiguous()) for clip in clips])

    return scores
