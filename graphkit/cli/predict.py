"""Command ``graphkit predict``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphkit.errors import InputError
from graphkit.screen import echo, printable

if TYPE_CHECKING:
    from graphkit.export import ClipPrediction

#: Number of clips that are printed.
_SHOWN = 40


@click.command(short_help="Write predictions for the data set of a run, or for new clips.")
@click.argument("run", type=click.Path())
@click.argument("clips", nargs=-1, type=click.Path())
@click.option("--output", default="preds.csv", show_default=True, type=click.Path(), help="Output file, .csv or .json.")
@click.option("--device", default="auto", help="Device: auto, cpu, cuda or cuda:N. [default: auto]")
@click.option("--json", "as_json", is_flag=True, help="Print the predictions for clips as JSON.")
@click.pass_context
def predict(ctx: click.Context, run: str, clips: tuple[str, ...], output: str, device: str, as_json: bool) -> None:
    """Write predictions of the run folder RUN for its data set, or for new CLIPS.

    There is one row per node or graph, with its id, split subset, prediction and probabilities. With several seeds, the
    best one on validation is used; with ten folds, each graph is predicted by the fold that held it out.

    CLIPS are folders or files of skeleton clips: .npy, .csv, .skeleton (NTU RGB+D) or .json (NW-UCLA, Kinetics). RUN
    may then also be a file of `graphkit export`. Unreadable clips are reported on standard error and in the output
    file; the others are predicted, and the exit code is 1.

    In CSV files, text that begins like a spreadsheet formula (= + - @) is prefixed with an apostrophe.

    \b
    Examples:
      graphkit predict runs/factorgcn-cora-001 --output preds.csv
      graphkit predict runs/stigcn-nw-ucla-001 clips/
      graphkit predict model.onnx clips/ --output preds.json
    """
    if clips:
        ctx.exit(_clips(run, clips, output, device, as_json))
    if as_json:
        raise InputError("--json is for clips; name files or folders of them after the run")
    from graphkit.experiments import open_run, predict_run
    from graphkit.experiments.predict import check_output

    check_output(output)
    rows = predict_run(open_run(run), output, device)
    echo(f"{rows} predictions written to {output}")


def _clips(run: str, paths: tuple[str, ...], output: str, device: str, as_json: bool) -> int:
    """Predicts new clips, and returns the exit code."""
    from graphkit.experiments import open_run
    from graphkit.experiments.predict import check_output
    from graphkit.export import find_clips, open_predictor, predict_clips, write_predictions
    from graphkit.export.predict_clips import prediction_row

    check_output(output)
    files = find_clips(paths)
    is_file = Path(run).is_file() or Path(run).suffix.lower() in (".onnx", ".pt2")
    predictor = open_predictor(Path(run) if is_file else open_run(run), device)
    classes = predictor.form.classes
    predictions, bad = [], 0
    for one in predict_clips(predictor, files):
        predictions.append(one)
        if one.problem:
            bad += 1
            echo(f"Error: {printable(one.problem)}", err=True)
    good = [one for one in predictions if not one.problem]
    write_predictions(predictions, classes, output)
    if as_json:
        rows = [prediction_row(one, classes) for one in good]
        problems = {str(one.file): one.problem for one in predictions if one.problem}
        echo(json.dumps({"command": "predict", "run": run, "predictions": rows, "problems": problems}))
    else:
        if good:
            echo("\n".join(_table(good, classes)))
        echo(f"{len(good)} predictions written to {output}")
    return 1 if bad else 0


def _table(predictions: "list[ClipPrediction]", classes: tuple[str, ...]) -> list[str]:
    """Returns the lines of the printed table: file, prediction and runner-up."""
    rows: list[tuple[str, ...]] = []
    for one in predictions[:_SHOWN]:
        probabilities: Any = one.probabilities
        values, places = probabilities.topk(min(2, len(classes)))
        best = zip(values.tolist(), places.tolist(), strict=True)
        cells = [f"{printable(classes[index])} {value:.1%}" for value, index in best]
        rows.append((printable(one.file.name), *cells, *[""] * (2 - len(cells))))
    head = ("clip", "prediction", "next")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(3)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
             for row in (head, *rows)]  # fmt: skip
    if len(predictions) > _SHOWN:
        lines.append(f"... and {len(predictions) - _SHOWN} more")
    return lines
