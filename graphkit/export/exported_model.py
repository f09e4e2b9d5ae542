"""Inference with exported models."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphkit.data.clip_preprocessing import ClipForm
from graphkit.errors import InputError
from graphkit.export.formats import FORMATS, Runner, run_onnx, run_pt2
from graphkit.skeleton.clip import MOST_FRAMES


@dataclass(frozen=True)
class Exported:
    """Exported model, loaded for inference.

    Args:
        path (Path): The file.
        run (callable): Maps clips ``[batch, C, T, V, P]`` float32 to scores ``[batch, classes]``.
        form (ClipForm): Preprocessing of the clips.
        metadata (dict): Metadata of the file.
    """

    path: Path
    run: Runner
    form: ClipForm
    metadata: dict[str, Any]

    @property
    def least_frames(self) -> int:
        """Smallest number of frames of a clip."""
        return int(self.metadata["least_frames"])

    def __call__(self, x: Tensor) -> Tensor:
        """Computes the scores of clips ``[batch, C, T, V, P]``.

        Raises:
            InputError: If the model cannot be evaluated on the clips.
        """
        try:
            scores = self.run(x)
        except Exception as error:  # onnxruntime's errors have no other common base class
            what = f"clips of shape {list(x.shape)} ({' '.join(str(error).split())[:150]})"
            raise InputError(f"'{self.path}' cannot be run on {what}; export it again") from None
        wanted = (x.size(0), len(self.form.classes))
        if scores.shape != wanted or not scores.is_floating_point():
            raise InputError(
                f"'{self.path}' must give scores of shape {list(wanted)} (got {list(scores.shape)} of {scores.dtype}); "
                "export it again"
            )
        return scores


def open_exported(path: str | Path, threads: int | None = None) -> Exported:
    """Loads a ``.onnx`` file with onnxruntime, or a ``.pt2`` file with PyTorch.

    Files are validated first, without executing code, see :mod:`graphkit.export.pt2_check`. The shortest possible clip
    of zeros must result in one score per class.

    Args:
        path (str or Path): The file.
        threads (int, optional): Number of threads of onnxruntime. (default: ``None``, the number of cores)

    Returns:
        The exported model.

    Raises:
        FileNotFoundError: If the file does not exist.
        InputError: If the file was not written by ``graphkit export``, or is damaged.
        MissingPackageError: If onnxruntime is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file '{path}'; write one with graphkit export")
    if path.suffix.lower() not in {f".{name}" for name in FORMATS}:
        raise InputError(f"'{path}' must end in .onnx or .pt2 (got '{path.suffix}')")
    runner, metadata = run_onnx(path, threads) if path.suffix.lower() == ".onnx" else run_pt2(path)
    try:
        form = ClipForm.from_dict(metadata.get("form", {}))
    except InputError as error:
        raise InputError(f"'{path}': {error}") from None
    least = metadata.get("least_frames")
    if type(least) is not int or not 1 <= least <= MOST_FRAMES:
        raise InputError(f"'{path}' is damaged (`least_frames` is {least!r:.40}); export it again")
    exported = Exported(path, runner, form, metadata)
    exported(torch.zeros(1, form.channels, max(least, form.frames), form.layout.num_joints, form.persons))
    return exported
