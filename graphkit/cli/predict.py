"""Command ``graphkit predict``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphkit.errors import InputError
from graphkit.screen import aligned, echo, printable

if TYPE_CHECKING:
    from graphkit.experiments import Predictions

#: Largest numbers of rows, of numbers by name and of problems that are printed.
_ROWS, _NAMES, _PROBLEMS = 10, 4, 20


@click.command(short_help="Write predictions for the data set of a run, or for new data.")
@click.argument("run", type=click.Path())
@click.argument("new", nargs=-1, type=click.Path())
@click.option("--output", default="preds.csv", show_default=True, type=click.Path(), help="Output file, .csv or .json.")
@click.option("--top", type=int, help="For link prediction: number of new links of each node.")
@click.option("--device", default="auto", help="Device: auto, cpu, cuda or cuda:N. [default: auto]")
@click.option("--json", "as_json", is_flag=True, help="Print the predictions as JSON.")
@click.pass_context
def predict(
    ctx: click.Context, run: str, new: tuple[str, ...], output: str, top: int | None, device: str, as_json: bool
) -> None:
    """Write predictions of the run folder RUN for its data set, or for NEW data.

    There is one row per node, graph or clip, with its id, prediction, probabilities and true value where there is one,
    and the split subset for the data of the run. With several seeds, the best one on validation is used; with ten
    folds, each graph is predicted by the fold that held it out, and new graphs by the mean over the folds.

    NEW is a file or folder of graphs in a format of training data, or several graph files; targets may be absent. It is
    read and transformed as the training data. For a model of clips, NEW are folders or files of skeleton clips: .npy,
    .csv, .skeleton (NTU RGB+D) or .json (NW-UCLA, Kinetics); RUN may then also be a file of `graphkit export`.

    For link prediction, NEW is a table of pairs with the columns source and target, and --top gives the new links of
    each node with the largest scores.

    Clips and molecules that cannot be read are reported on standard error and in the output file; the others are
    predicted, and the exit code is 1.

    In CSV files, text that begins like a spreadsheet formula (= + - @) is prefixed with an apostrophe.

    \b
    Examples:
      graphkit predict runs/factorgcn-cora-001 --output preds.csv
      graphkit predict runs/gin-molecules-001 new.csv --output preds.json
      graphkit predict runs/stigcn-nw-ucla-001 clips/
      graphkit predict model.onnx clips/
      graphkit predict runs/gcn-cora-001 pairs.csv
      graphkit predict runs/gcn-cora-001 --top 5
    """
    from graphkit.experiments import open_run
    from graphkit.experiments.predictions import check_output, finite

    check_output(output)
    if Path(run).is_file() or Path(run).suffix.lower() in (".onnx", ".pt2"):
        from graphkit.export import predict_clips

        if not new:
            raise InputError(f"expected clips for the exported model '{run}', got none; name their files or folders")
        predictions = predict_clips(run, new, device)
    else:
        opened = open_run(run)
        paths: Any = new[0] if len(new) == 1 else list(map(Path, new)) or None
        predictions = opened.predict(paths, device, top)
    problems = {str(item): problem for item, problem in predictions.problems.items()} if new else {}
    for item, problem in list(problems.items())[:_PROBLEMS]:
        text = problem if f"{item}'" in problem else f"{item}: {problem}"
        echo(f"Error: {printable(text)}", err=True)
    if len(problems) > _PROBLEMS:
        echo(f"Error: {len(problems) - _PROBLEMS} more without a prediction; see '{output}'", err=True)
    for note in predictions.notes:
        echo(f"note: {note}", err=True)
    predictions.save(output)
    if as_json:
        rows = [finite(row) for row in predictions.rows()][: len(predictions)]
        echo(json.dumps({"command": "predict", "run": run, "predictions": rows, "problems": problems}))
    else:
        if len(predictions):
            echo("\n".join(_table(predictions)))
        count = len(predictions.problems)
        others = f" and {count} row{'s' * (count > 1)} without a prediction" if count else ""
        echo(f"{len(predictions)} predictions{others} written to {output}")
    ctx.exit(1 if problems else 0)


def _table(predictions: "Predictions") -> list[str]:
    """Returns the lines of the printed table."""
    if predictions.of_pairs:
        columns = predictions.columns()
        first = zip(*(values[:_ROWS] for values in columns.values()), strict=True)
        pairs = [[f"{cell:.4f}" if isinstance(cell, float) else cell for cell in row] for row in first]
        return _aligned([[*columns], *pairs], len(predictions))
    head = [*(["graph"] if predictions.graph else []), "id"]
    several = predictions.prediction.ndim > 1
    head += [*predictions.names[:_NAMES]] if several else ["prediction", "next"]
    has_target = predictions.target is not None and (not several or len(predictions.names) == 1)
    head += ["target"] if has_target else []
    rows: list[list[Any]] = [head]
    for index in range(min(len(predictions), _ROWS)):
        cells: list[Any] = [*predictions.graph[index : index + 1], predictions.ids[index]]
        values = (predictions.prediction if predictions.probability is None else predictions.probability)[index]
        if several:
            cells += [f"{value:.4g}" for value in values[:_NAMES].tolist()]
        else:
            best = (-values).argsort(kind="stable")[:2].tolist()
            cells += [f"{predictions.names[column]} {values[column]:.1%}" for column in best]
            cells += [""] * (2 - len(best))
        if has_target:
            target: Any = predictions.target[index]  # type: ignore[index]
            cells.append(f"{target[0]:.4g}".replace("nan", "") if several else str(target))
        rows.append(cells)
    return _aligned(rows, len(predictions))


def _aligned(table: list[list[Any]], count: int) -> list[str]:
    """Returns the lines of a table, with the number of rows that are left out."""
    lines = aligned([[printable(cell) for cell in row] for row in table])
    if count > _ROWS:
        lines.append(f"... and {count - _ROWS} more")
    return lines
