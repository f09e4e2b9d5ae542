"""``graphkit predict``."""

import click


@click.command(short_help="Write the predictions of a run to a CSV file.")
@click.argument("run", type=click.Path())
@click.option("--output", default="preds.csv", show_default=True, type=click.Path(), help="The CSV file to write.")
@click.option("--device", default="auto", help="auto, cpu, cuda or cuda:N. [auto]")
def predict(run: str, output: str, device: str) -> None:
    """Write the predictions of the run folder RUN for every node or graph of its data set.

    Each row has the id, the part of the split it belongs to, the prediction and the probabilities. Of several seeds,
    the one with the best validation score predicts; of ten folds, each graph is predicted by the fold that held it out.

    \b
    Example:
      graphkit predict runs/factorgcn-cora-001 --output preds.csv
    """
    from graphkit.train import open_run, predict_run

    rows = predict_run(open_run(run), output, device)
    click.echo(f"{rows} predictions written to {output}")
