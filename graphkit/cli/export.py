"""``graphkit export``."""

import json

import click

from graphkit.screen import echo, printable


@click.command(short_help="Write a run's model as one ONNX or .pt2 file.")
@click.argument("run", type=click.Path())
@click.option("--format", "kind", default="onnx", show_default=True, type=click.Choice(["onnx", "pt2"]))
@click.option("--output", "out", type=click.Path(), help="The file to write. [RUN/model.FORMAT]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON object.")
def export(run: str, kind: str, out: str | None, as_json: bool) -> None:
    """Write the model of the run folder RUN as one file that runs without graphkit, for models of skeleton clips.

    Batch norms are folded; any number of clips and of frames may be given to it. The file is compared with the model
    before it is kept. Classes, joints, stream and number of frames travel inside.

    \b
    Example:
      graphkit export runs/stigcn-nw-ucla-001 --format onnx --output model.onnx
    """
    from graphkit.experiments import open_run
    from graphkit.export import export_run

    result = export_run(open_run(run), kind, out)
    if as_json:
        echo(json.dumps({"command": "export", **result}))
        return
    real = "no test clip is long enough" if result["real"] is None else f"{result['real']:.1e} for test clips"
    echo(f"{printable(result['file'])}: {result['bytes'] / 1e6:.1f} MB")
    echo(
        f"largest difference from the model: {result['random']:.1e} for random clips, {real} "
        f"(scores up to {result['scale']:.1f}; batches of {' and '.join(map(str, result['batch_sizes']))})"
    )
