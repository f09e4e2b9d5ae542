"""An exported file, opened again."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from graphkit.data.clip_form import ClipForm
from graphkit.deploy.formats import FORMATS, Runner, run_onnx, run_pt2
from graphkit.errors import InputError


@dataclass(frozen=True)
class Exported:
    """A file that ``graphkit export`` wrote, ready to be run.

    Args:
        path: The file.
        run: Takes clips ``[batch, C, T, V, P]`` float32 and returns scores ``[batch, classes]``.
        form: What its clips must look like.
        metadata: All that the file says of itself.
    """

    path: Path
    run: Runner
    form: ClipForm
    metadata: dict[str, Any]

    @property
    def least_frames(self) -> int:
        """Fewest frames that a clip must have."""
        return int(self.metadata["least_frames"])

    def __call__(self, x: Tensor) -> Tensor:
        """Returns the scores of clips ``[batch, C, T, V, P]``."""
        return self.run(x)


def open_exported(path: str | Path, threads: int | None = None) -> Exported:
    """Opens a ``.onnx`` file in onnxruntime or a ``.pt2`` file in PyTorch; neither its run nor its data are needed.

    Args:
        path: The file.
        threads: Number of onnxruntime's threads; by default one for each core.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it was not written by ``graphkit export`` or is damaged.
        ImportError: If onnxruntime is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file '{path}'; write one with graphkit export")
    if path.suffix.lower() not in {f".{name}" for name in FORMATS}:
        raise InputError(f"'{path}' must end in .onnx or .pt2 (got '{path.suffix}')")
    runner, metadata = run_onnx(path, threads) if path.suffix.lower() == ".onnx" else run_pt2(path)
    return Exported(path, runner, ClipForm.from_dict(metadata.get("form", {})), metadata)
