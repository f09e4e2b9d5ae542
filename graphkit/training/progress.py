"""Display of the progress of training: a bar, lines, or messages to a logger."""

import logging
import math
import sys
import time
from typing import TypedDict

from tqdm import tqdm

from graphkit.screen import printable


class EpochRow(TypedDict):
    """Scores of an epoch that are shown while a model trains."""

    epoch: int
    loss: float
    validation: float | None


class Progress:
    """Says nothing; the others say something. A fit calls :meth:`start`, :meth:`update` per epoch and :meth:`close`."""

    def start(self, label: str, epochs: int, epoch: int) -> None:
        """Begins a fit that has done ``epoch`` of its ``epochs``."""

    def update(self, row: EpochRow) -> None:
        """Shows the row of an epoch: ``epoch``, ``loss``, ``validation``."""

    def close(self) -> None:
        """Ends the fit."""

    def say(self, message: str) -> None:
        """Shows a line for people."""


class BarProgress(Progress):
    """A bar with the loss and the validation score, for a terminal."""

    def start(self, label: str, epochs: int, epoch: int) -> None:
        """Draws the bar."""
        label = printable(label)
        self.bar = tqdm(total=epochs, initial=epoch, desc=label, unit="epoch", file=sys.stderr, dynamic_ncols=True)

    def update(self, row: EpochRow) -> None:
        """Moves the bar on."""
        self.bar.set_postfix_str(_scores(row), refresh=False)
        self.bar.update()

    def close(self) -> None:
        """Leaves the bar where it stands."""
        self.bar.close()

    def say(self, message: str) -> None:
        """Writes a line above the bar."""
        tqdm.write(printable(message), file=sys.stderr)


class LineProgress(Progress):
    """Plain lines for a file or a pipe: the first and the last epoch, and one in between every few seconds."""

    def __init__(self, seconds: float = 5.0) -> None:
        self.seconds = seconds

    def start(self, label: str, epochs: int, epoch: int) -> None:
        """Notes the name of the fit."""
        self.label, self.epochs, self.last = label, epochs, -math.inf
        self.line = ""

    def update(self, row: EpochRow) -> None:
        """Writes a line if it is time for one."""
        self.line = f"{self.label} epoch {row['epoch']}/{self.epochs} {_scores(row)}"
        if time.monotonic() - self.last >= self.seconds:
            self.last = time.monotonic()
            self._flush()

    def close(self) -> None:
        """Writes the last line if it was not written."""
        self._flush()

    def say(self, message: str) -> None:
        """Writes a line."""
        print(printable(message), file=sys.stderr, flush=True)

    def _flush(self) -> None:
        if self.line:
            self.say(self.line)
        self.line = ""


class LogProgress(Progress):
    """Messages to the logger ``"graphkit"``: notes as ``INFO``, epochs as ``DEBUG``.

    Args:
        display: Progress that is shown as well.
    """

    def __init__(self, display: Progress | None = None) -> None:
        self.logger = logging.getLogger("graphkit")
        self.display = display or Progress()
        self.label = ""

    def start(self, label: str, epochs: int, epoch: int) -> None:
        """Logs the start of a fit."""
        self.label = label
        self.logger.info("%s: epochs %d to %d", label, epoch + 1, epochs)
        self.display.start(label, epochs, epoch)

    def update(self, row: EpochRow) -> None:
        """Logs an epoch."""
        self.logger.debug("%s epoch %d %s", self.label, row["epoch"], _scores(row))
        self.display.update(row)

    def close(self) -> None:
        """Ends the display."""
        self.display.close()

    def say(self, message: str) -> None:
        """Logs a note."""
        self.logger.info("%s", message)
        self.display.say(message)


def make_progress(quiet: bool = False) -> Progress:
    """Returns a bar on a terminal, lines elsewhere, and nothing if it is to be quiet."""
    if quiet:
        return Progress()
    return BarProgress() if sys.stderr.isatty() else LineProgress()


def _scores(row: EpochRow) -> str:
    """Returns the loss and the validation score of an epoch."""
    validation = row["validation"]
    return f"loss {row['loss']:.4f}" + ("" if validation is None else f" validation {validation:.4f}")
