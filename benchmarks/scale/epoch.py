"""Time and memory of an epoch in batches of nodes, against nodes, edges, width of the features and size of a batch.

    python benchmarks/scale/epoch.py --json scale.json            # 10,000 to 2,000,000 nodes; needs 4 GB of disk
    python benchmarks/scale/epoch.py --cells small                # up to 100,000 nodes
    python benchmarks/scale/epoch.py --fit scale.json             # the model of docs/cost.md, from earlier figures

Every row is a process of its own that opens a generated graph, which stays on disk (``sbm-2m`` with other sizes,
written to the cache folder where it is not there yet, ``GRAPHKIT_CACHE`` says where that is), and trains one epoch.
What is written is not removed. An epoch has as many seeds whatever the graph, unless the graph has fewer nodes.
Times to prepare, to cut out a batch and to take a step on it are seconds of a processor, the latter two medians; those
of an epoch are seconds of a clock, which say more about other users of the machine, if there are any. Memory is in
MB: "own" is the peak of what cannot be dropped, "all" that with the pages of mapped files, see memory.py.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from graphkit.data import load
from graphkit.data.dataset import GraphDataset
from graphkit.nn import GraphModel
from graphkit.registry import get_model
from graphkit.sampling import NodeLoader
from graphkit.training.node_batches import drawing, node_loader

sys.path.insert(0, str(Path(__file__).parent))
from cost_model import report  # noqa: E402
from memory import watch  # noqa: E402

#: One row: what differs from this.
USUAL = {
    "model": "gcn", "nodes": 100_000, "edges": 500_000, "features": 128, "batch_size": 1024, "neighbors": -1,
    "seeds": 8192,
}  # fmt: skip
#: Classes of the graphs.
CLASSES = 20
COLUMNS = (
    "model", "nodes", "edges", "features", "batch_size", "neighbors", "batch_nodes", "batch_edges", "prepare", "cut",
    "step", "epoch", "own", "all",
)  # fmt: skip


def cells(which: str) -> list[dict[str, Any]]:
    """Returns the rows: one graph and what differs in a row, then graphs of other sizes."""
    rows: list[dict[str, Any]] = [{}]
    rows += [{"features": width} for width in (32, 512)]
    rows += [{"batch_size": size} for size in (256, 4096)]
    rows += [{"edges": 2_000_000}, {"neighbors": 5}, {"edges": 2_000_000, "neighbors": 5}]
    rows += [{"model": name} for name in ("mlp", "gat", "factorgcn", "spagan")]
    for nodes in (10_000, 2_000_000, 500_000) if which == "all" else (10_000,):
        for change in ({}, {"neighbors": 5}, {"model": "spagan"}):
            rows.append({"nodes": nodes, "edges": 5 * nodes, **change})
    return [{**USUAL, **row} for row in rows]


def measure(cell: dict[str, Any]) -> dict[str, Any]:
    """Trains one epoch, of the path phase where there is one, and returns how long its parts took, in seconds."""
    torch.manual_seed(0)
    sizes = {"num_nodes": cell["nodes"], "num_edges": cell["edges"], "num_features": cell["features"]}
    begin = time.process_time()
    dataset = load("sbm-2m", **sizes)
    opened = time.process_time() - begin
    model = get_model(cell["model"]).from_data(dataset)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    if model.has_next_phase:  # what the phase before learned does not matter for what this one costs
        model.begin_sampled_phase(dataset.graphs[0])
    begin = time.process_time()
    loader = _loader(model, dataset, cell)
    loader.subgraphs.keep(loader.input_nodes)
    prepared = time.process_time() - begin
    figures: dict[str, list[float]] = {name: [] for name in ("cut", "step", "batch_nodes", "batch_edges")}
    model.train()
    epoch_begin, begin = time.perf_counter(), time.process_time()
    for batch in loader:
        cut = time.process_time()
        inputs = model.inputs(batch)
        output, penalty = model(**inputs, return_penalty=True) if model.has_penalty else (model(**inputs), 0.0)
        loss = F.cross_entropy(output[: batch.batch_size], batch.y[: batch.batch_size]) + penalty
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        end = time.process_time()
        for name, value in (("cut", cut - begin), ("step", end - cut)):
            figures[name].append(value)
        figures["batch_nodes"].append(batch.num_nodes)
        figures["batch_edges"].append(batch.num_edges)
        begin = time.process_time()
    epoch = time.perf_counter() - epoch_begin
    means = {name: statistics.median(values) for name, values in figures.items()}
    return {**cell, **means, "open": opened, "prepare": prepared, "epoch": epoch, "steps": len(figures["cut"])}


def _loader(model: GraphModel, dataset: GraphDataset, cell: dict[str, Any]) -> NodeLoader:
    """Returns the loader over the seeds of an epoch."""
    loader = node_loader(model, dataset, cell["batch_size"])
    if cell["neighbors"] != -1:
        loader = drawing(loader, [cell["neighbors"]])
    assert loader is not None
    generator = torch.Generator().manual_seed(0)
    seeds = torch.randperm(cell["nodes"], generator=generator)[: cell["seeds"]]
    return loader.over(seeds, shuffle=True, generator=generator)


def line(row: dict[str, Any]) -> str:
    """Returns one row of the table."""
    texts = []
    for name in COLUMNS:
        value = row[name]
        text = value if isinstance(value, str) else f"{value:.3f}" if name in ("cut", "step") else f"{value:.1f}"
        texts.append(f"{text.removesuffix('.0'):>11}")
    return " ".join(texts)


def main() -> None:
    """Prints the table and writes the figures after every row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", choices=("small", "all"), default="all")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--fit", type=Path, help="print the model of earlier figures, and measure nothing")
    parser.add_argument("--cell", type=json.loads, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cell:
        print(json.dumps(measure(arguments.cell)))
        return
    if arguments.fit:
        print(report(json.loads(arguments.fit.read_text())))
        return
    print(" ".join(f"{name:>11}" for name in COLUMNS), flush=True)
    rows: list[dict[str, Any]] = []
    for cell in cells(arguments.cells):
        sizes = {"num_nodes": cell["nodes"], "num_edges": cell["edges"], "num_features": cell["features"]}
        write = f"from graphkit.data import load; load('sbm-2m', **{sizes})"
        watch([sys.executable, "-c", write])  # so that writing the graph does not count
        output, peak = watch([sys.executable, __file__, "--cell", json.dumps(cell)])
        row = json.loads(output.splitlines()[-1])
        rows.append({**row, "own": peak["anonymous"], "all": peak["resident_peak"]})
        print(line(rows[-1]), flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
