"""Callback that writes the scalars of a training for TensorBoard."""

import importlib.util
from pathlib import Path

from graphkit.errors import MissingPackageError
from graphkit.training.callbacks import Callback, FitInfo, TrainRow
from graphkit.training.run_result import FitResult


class TensorBoardCallback(Callback):
    """Writes loss, scores and learning rate of every epoch for TensorBoard.

    Each fit has its own event files. A resumed run continues its curves; steps after its checkpoint are discarded.

    Args:
        folder (str or Path, optional): Folder of the event files, in which each fit of a run of several has a
            subfolder. (default: the subfolder ``tensorboard`` of the run folder or of the folder of the fit)

    Raises:
        MissingPackageError: If tensorboard is missing.

    Example:
        >>> import graphkit, tempfile
        >>> from graphkit.experiments import TensorBoardCallback
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run = graphkit.fit("gcn", "karate", epochs=2, output=folder, callbacks=[TensorBoardCallback()])
        ...     len(list(run.path.glob("tensorboard/events.*")))
        1
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        if importlib.util.find_spec("tensorboard") is None:
            raise MissingPackageError(
                "TensorBoard logs need tensorboard, which is not installed; pip install tensorboard"
            )
        self.folder = folder

    def on_begin(self, fit: FitInfo) -> None:
        """Opens the event file of the fit."""
        from torch.utils.tensorboard import SummaryWriter

        folder = fit.folder / "tensorboard" if self.folder is None else Path(self.folder) / fit.unit
        self.writer = SummaryWriter(str(folder), purge_step=fit.epoch + 1 if fit.epoch else None)

    def on_epoch(self, fit: FitInfo, row: TrainRow) -> None:
        """Writes the scalars of an epoch."""
        names = {
            "loss/training": row["loss"],
            "loss/validation": row["validation_loss"],
            f"{fit.metric}/validation": row["validation"],
            "lr": row["lr"],
            "seconds": row["seconds"],
        }
        self._write(names, row["epoch"])

    def on_checkpoint(self, fit: FitInfo, epoch: int) -> None:
        """Writes the buffered scalars to the file."""
        self.writer.flush()

    def on_end(self, fit: FitInfo, result: FitResult) -> None:
        """Writes the test score at the selected epoch, and closes the file."""
        self._write({f"{fit.metric}/test": result["test"]}, result["epoch"])
        self.writer.close()

    def _write(self, values: dict[str, float | None], step: int | None) -> None:
        """Writes the defined values of a step."""
        for name, value in values.items():
            if value is not None:
                self.writer.add_scalar(name, value, step)
