"""Your own experiment tracker: a callback that sends each epoch to it, here to a file of JSON lines.

Run it with ``python examples/own_tracker.py``; it takes a few seconds. The comments show the same calls of MLflow. The
events and their arguments are described in docs/callbacks.md.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import graphkit


class JsonLines(graphkit.Callback):
    """Writes one line per event; replace ``_send`` by the calls of your tracker."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def on_begin(self, fit: Any) -> None:
        """Sends the settings: ``mlflow.start_run(run_name=fit.unit)``, ``mlflow.log_params(fit.config["train"])``."""
        self._send(event="begin", unit=fit.unit, epoch=fit.epoch, model=fit.config["model"]["name"])

    def on_epoch(self, fit: Any, row: Any) -> None:
        """Sends an epoch: ``mlflow.log_metrics({"loss": row["loss"]}, step=row["epoch"])``."""
        self._send(event="epoch", unit=fit.unit, epoch=row["epoch"], loss=row["loss"], validation=row["validation"])

    def on_end(self, fit: Any, result: Any) -> None:
        """Sends the test score: ``mlflow.log_metric(fit.metric, result["test"])``, ``mlflow.end_run()``."""
        self._send(event="end", unit=fit.unit, epoch=result["epoch"], **{fit.metric: result["test"]})

    def _send(self, **values: Any) -> None:
        with self.path.open("a") as file:
            file.write(json.dumps(values) + "\n")


def main(output: str | None = None, epochs: int = 20) -> list[dict[str, Any]]:
    """Trains with two seeds and returns the events that the tracker has received."""
    folder = Path(output or tempfile.mkdtemp())
    tracker = JsonLines(folder / "tracker.jsonl")
    graphkit.fit("gcn", "karate", epochs=epochs, seeds=2, output=folder / "run", callbacks=[tracker])
    events = [json.loads(line) for line in tracker.path.read_text().splitlines()]
    print(f"{len(events)} events in {tracker.path}; the last one: {events[-1]}")
    return events


if __name__ == "__main__":
    main(*sys.argv[1:2])
