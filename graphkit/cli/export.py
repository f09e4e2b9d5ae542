"""Command ``graphkit export``."""

import json

import click

from graphkit.screen import echo, printable


@click.command(short_help="Export the model of a run to ONNX or .pt2.")
@click.argument("run", type=click.Path())
@click.option(
    "--format", "kind", default="onnx", show_default=True, type=click.Choice(["onnx", "pt2"]), help="File format."
)
@click.option("--output", "out", type=click.Path(), help="Output file. [default: RUN/model.FORMAT]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def export(run: str, kind: str, out: str | None, as_json: bool) -> None:
    """Export the model of the run folder RUN to one file that does not need graphkit.

    Only models of skeleton clips are supported. Batch norms are folded; the numbers of clips and frames are dynamic.
    The file is verified against the model. Its metadata contain classes, joints, stream and number of frames.

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
