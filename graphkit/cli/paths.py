"""Command ``graphkit paths``."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from graphkit.errors import InputError
from graphkit.screen import echo, printable

if TYPE_CHECKING:
    from graphkit.data import GraphDataset
    from graphkit.nn.attended_paths import NodePath

#: Options of the path search, which are invalid with --run.
_SEARCH = ("root", "max_hops", "ratio", "weight")


#: Options that require --all.
_OF_ALL = ("output", "block", "jobs", "on")


@click.command(short_help="Print the shortest paths and the path attention of a node.")
@click.option("--dataset", help="Data set (see `graphkit datasets`), or path of your data.")
@click.option("--node", help="Node id, or node name in your data.")
@click.option("--graph", type=int, default=0, help="Index of the graph in a set of graphs. [default: 0]")
@click.option(
    "--run", type=click.Path(), metavar="RUN", help="Run folder of a spagan, for its data, paths and attention."
)
@click.option("--root", type=click.Path(), help="Folder of raw files. [default: $GRAPHKIT_DATA, else the cache folder]")
@click.option("--max-hops", type=int, default=2, help="Maximum number of hops. [default: 2]")
@click.option(
    "--ratio", type=float, help="Paths kept per length above one hop, as a fraction of the degree. [default: all]"
)
@click.option("--weight", help="Edge attribute with edge lengths, such as edge_weight. [default: length 1]")
@click.option("--all", "all_nodes", is_flag=True, help="Write the paths of all nodes to --output, for mini-batches.")
@click.option(
    "--output", type=click.Path(), help="With --all: output folder, new or empty, or of an interrupted command."
)
@click.option("--block", type=int, help="With --all: number of nodes per file. [default: 65536]")
@click.option("--jobs", type=int, help="With --all: number of local processes. [default: 1]")
@click.option("--on", metavar="ENGINE", help="With --all: run on Ray, ray or ray://HOST:PORT; see docs/cluster.md.")
@click.option("--json", "as_json", is_flag=True, help="Print the paths as JSON.")
@click.pass_context
def paths(ctx: click.Context, **options: Any) -> None:
    """Print the shortest paths that end at a node, with their costs.

    With --run, print the paths that a trained spagan attends to, under its learned edge costs, with their attention
    weights among paths of equal length and in total (mean over the heads of the first layer).

    With --all, write the paths of all nodes to files for mini-batches (graphkit.sampling.PathIndex); run an interrupted
    command again to continue it.

    \b
    Examples:
      graphkit paths --dataset cora --node 12
      graphkit paths --dataset karate --node 33 --max-hops 3 --ratio 0.5
      graphkit paths --run runs/spagan-cora-001 --node 12
      graphkit paths --dataset sbm-200k --all --ratio 1 --output sbm-paths --jobs 2
    """
    if options["all_nodes"]:
        _write_all(ctx, options)
        return
    for name in _OF_ALL:
        if options[name] is not None:
            raise InputError(f"--{name} requires --all; give both, or leave it out")
    if options["node"] is None:
        raise InputError("`graphkit paths` needs --node, or --all with --output (got neither)")
    from graphkit.experiments import open_run
    from graphkit.nn.attended_paths import attended_paths
    from graphkit.training.node_batches import attended

    if options["run"] is None:
        if options["dataset"] is None:
            raise InputError("`graphkit paths` needs --dataset or --run (got neither)")
        dataset, find = _searched(options)
    else:
        for name in _SEARCH:
            if ctx.get_parameter_source(name) == click.core.ParameterSource.COMMANDLINE:
                raise InputError(f"--{name.replace('_', '-')} cannot be given with --run: a run has its own data")
        run = open_run(options["run"]).best
        dataset_name = run.config.data.name
        if options["dataset"] not in (None, dataset_name):
            raise InputError(
                f"the run has the data set '{dataset_name}' (got '{options['dataset']}'); leave --dataset out"
            )
        dataset, model = run.dataset, run.model
        if not model.uses_paths:
            raise InputError(f"only spagan attends to paths (got a run of {run.config.model.name})")

        def find(data: Any, node: int) -> "list[NodePath]":
            if dataset.is_single_graph:
                return attended(model, dataset, [node], run.config.train.batch_size)[node]  # type: ignore[arg-type]
            return attended_paths(model, data, [node])[node]  # type: ignore[arg-type]

    data = _graph(dataset, options["graph"])
    node = _number(dataset, options["node"], int(data.num_nodes or 0))
    rows = find(data, node)
    if options["as_json"]:
        listed = [{**row._asdict(), "hops": row.hops} for row in rows]
        echo(json.dumps({"command": "paths", "dataset": dataset.name, "node": node, "paths": listed}))
    else:
        echo("\n".join(_lines(dataset, node, rows)))


def _write_all(ctx: click.Context, options: dict[str, Any]) -> None:
    """Writes the paths of all nodes to files."""
    from graphkit import data as room
    from graphkit.cli.running import engine_of
    from graphkit.experiments import Interrupted, make_progress
    from graphkit.experiments.write_paths import write_paths
    from graphkit.sampling.path_index import BLOCK

    for name in ("run", "node"):
        if options[name] is not None:
            raise InputError(f"--{name} cannot be given with --all, which uses all nodes of --dataset")
    for name in ("dataset", "output"):
        if options[name] is None:
            raise InputError(f"`graphkit paths --all` needs --{name} (got none)")
    dataset = room.load(options["dataset"], root=options["root"])
    search = {name: options[name] for name in ("max_hops", "ratio", "weight", "output")}
    search["engine"] = engine_of({**options, "unit_cpus": None, "unit_gpus": None})
    block = BLOCK if options["block"] is None else options["block"]
    origin = {"dataset": dataset.name, "of": options["graph"]}
    data = _graph(dataset, options["graph"])
    try:
        result = write_paths(data, **search, block=block, progress=make_progress(options["as_json"]), origin=origin)
    except Interrupted as stop:
        echo(f"stopped; run the same command again to continue: graphkit paths --all --output {stop.folder}", err=True)
        ctx.exit(130)
    if options["as_json"]:
        echo(json.dumps(result))
    else:
        counts = ", ".join(f"{count:,} of {hops}" for hops, count in enumerate(result["paths"], start=1))
        echo(f"{printable(dataset.name)}: {result['nodes']:,} nodes, paths by hops, with self paths: {counts}")
        blocks = "1 block" if result["blocks"] == 1 else f"{result['blocks']} blocks"
        echo(f"path set: {options['output']}, {blocks}, for ShortestPathLoader(paths=...)")


def _graph(dataset: "GraphDataset", number: int) -> Any:
    """Returns a graph of a data set by its index."""
    if not 0 <= number < len(dataset.graphs):
        raise InputError(f"--graph must be from 0 to {len(dataset.graphs) - 1} (got {number})")
    return dataset.graphs[number]


def _searched(options: dict[str, Any]) -> "tuple[GraphDataset, Callable[[Any, int], list[NodePath]]]":
    """Returns the data set of the options, and a function that finds a node's paths."""
    from graphkit import data as room
    from graphkit.nn.attended_paths import node_paths
    from graphkit.ops import shortest_paths
    from graphkit.transforms import ShortestPaths

    transform = ShortestPaths(options["max_hops"], options["ratio"], options["weight"])  # validates the options

    def find(data: Any, node: int) -> "list[NodePath]":
        import torch

        path_indices, costs = shortest_paths(
            data.edge_index,
            transform.lengths(data),
            transform.max_hops,
            num_nodes=int(data.num_nodes),
            sources=torch.tensor([node]),
            ratio=transform.ratio,
            self_paths=True,
        )
        return node_paths(path_indices, [node], costs)[node]

    return room.load(options["dataset"], root=options["root"]), find


def _number(dataset: "GraphDataset", text: str, num_nodes: int) -> int:
    """Returns the id of a node from its id or name."""
    if text in dataset.node_names:
        return dataset.node_names.index(text)
    if not text.isdecimal() or int(text) >= num_nodes:
        names = " or a name of a node" if dataset.node_names else ""
        raise InputError(f"--node must be a number from 0 to {num_nodes - 1}{names} (got '{text}')")
    return int(text)


def _count(rows: "list[NodePath]") -> str:
    """Returns the number of paths to other nodes as text."""
    count = sum(not row.is_self for row in rows)
    return f"{count} path{'s' if count != 1 else ''}"


def _lines(dataset: "GraphDataset", node: int, rows: "list[NodePath]") -> list[str]:
    """Returns the paths as text, by length and descending weight."""

    def name(node: int) -> str:
        return printable(dataset.node_names[node]) if dataset.node_names else str(node)

    lengths = sorted({row.hops for row in rows})
    lines = [f"node {name(node)} of {printable(dataset.name)}: {_count(rows)}, and itself"]
    for hops in lengths:
        group = [row for row in rows if row.hops == hops]
        has_weight = group[0].weight is not None
        share = f", {sum(row.weight or 0 for row in group):.1%} of the attention" if has_weight else ""
        lines.append(f"{hops} hop{'s' if hops > 1 else ''}: {_count(group)}{share}")
        lines.append("        cost" + (f"  {'attention':>10} {'in all':>8}" if has_weight else "") + "  path")
        for row in sorted(group, key=lambda row: -(row.weight or 0)) if has_weight else group:
            cost = f"{row.cost:12.4f}" if row.cost is not None else f"{'-':>12}"
            weight = f"  {row.attention:10.2%} {row.weight:8.2%}" if has_weight else ""
            path = f"{name(node)} (itself)" if row.is_self else " -> ".join(name(step) for step in row.nodes)
            lines.append(f"{cost}{weight}  {path}")
    return lines
