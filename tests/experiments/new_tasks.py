"""Small trainings of every new kind of task, also by several processes.

Called as a program with a folder, so that the processes are forked from one that has imported everything, but has not
computed anything yet.
"""

import multiprocessing
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch_geometric.data import Data
from torch_geometric.nn import GCNConv, global_mean_pool

#: Arguments of ``graphkit.fit`` for a task, whose files are written into a folder.
Arguments = Callable[[Path], dict[str, Any]]
SPLIT = "0.55,0.2,0.25"
SMILES = (
    "CCO", "c1ccccc1", "CC(=O)O", "C1CCCCC1", "CCN", "CC(C)O", "CCCl", "c1ccncc1", "CCOC(C)=O", "OCCO", "CC(N)C(=O)O",
    "CCCCCC", "C#N", "c1ccc(O)cc1", "CC(C)(C)O", "O=C=O", "CCBr", "c1ccsc1", "C1CCOC1", "CCS", "CNC", "OC=O", "CC#C",
    "c1ccc2ccccc2c1", "CC=CC", "NCCN", "COC",
)  # fmt: skip


class Pooled(torch.nn.Module):
    """Network of the user for whole graphs, with all kinds of batch norm and dropout."""

    dropout = 0.2

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv, self.norm = GCNConv(in_channels, 8), torch.nn.BatchNorm1d(8)
        self.pairs, self.plain = torch.nn.BatchNorm1d(4), torch.nn.BatchNorm1d(8, affine=False)
        self.head = torch.nn.Linear(8, out_channels)

    def forward(self, x: Any, edge_index: Any, batch: Any, batch_size: int, edge_weight: Any = None) -> torch.Tensor:
        x = self.norm(self.conv(x, edge_index, edge_weight)).relu()
        x = self.plain(self.pairs(x.view(-1, 4, 2)).flatten(1))
        x = torch.nn.functional.dropout(x, self.dropout, self.training)
        return self.head(global_mean_pool(x, batch, batch_size))


class PooledWithoutDropout(Pooled):
    """The same without dropout, for several processes."""

    dropout = 0.0


def edges(nodes: int, seed: int) -> torch.Tensor:
    ring = torch.arange(nodes)
    extra = torch.randint(nodes, (2, nodes), generator=torch.Generator().manual_seed(seed))
    return torch.cat([torch.stack([ring, ring.roll(1)]), extra], dim=1)


def graphs(count: int = 23) -> list[Data]:
    """Returns graphs with features and edge weights, without targets."""
    several = []
    for number in range(count):
        nodes, generator = 4 + number % 5, torch.Generator().manual_seed(number)
        edge_index = edges(nodes, number)
        weight = torch.rand(edge_index.size(1), generator=generator)
        x = torch.randn(nodes, 3, generator=generator)
        several.append(Data(x=x, edge_index=edge_index, edge_weight=weight))
    return several


def node_tables(folder: Path) -> Path:
    """Writes a graph with two targets per node, which have gaps, and a column of words."""
    rng, folder = np.random.default_rng(0), folder / "tables"
    folder.mkdir(parents=True)
    a = rng.normal(size=41).round(3)
    rows = ["id,a,club,size,age"]
    for k in range(41):
        size = f"{100 + 30 * a[k] + 3 * rng.normal():.3f}" if k % 5 else ""
        age = f"{40 - 5 * a[k]:.3f}" if k % 7 else ""
        rows.append(f"n{k},{a[k]},{'xyz'[k % 3]},{size},{age}")
    (folder / "nodes.csv").write_text("\n".join(rows) + "\n")
    pairs = "".join(f"n{s},n{t}\n" for s, t in edges(41, 0).t().tolist() if s != t)
    (folder / "edges.csv").write_text("source,target\n" + pairs)
    return folder


def node_regression(folder: Path) -> dict[str, Any]:
    return {
        "model": "gcn", "data": node_tables(folder), "task": "regression", "target": ["size", "age"], "split": SPLIT,
    }  # fmt: skip


def graph_regression(folder: Path) -> dict[str, Any]:
    several = graphs()
    for number, data in enumerate(several):
        gap = float("nan") if number % 4 == 1 else 50 + float(data.x.sum())
        data.y = torch.tensor([[10.0 * number, gap]])
    return {"model": "gcn", "data": several, "task": "regression", "split": SPLIT, "batch_size": 4}


def nodes_of_graphs(folder: Path) -> dict[str, Any]:
    several = graphs()
    for number, data in enumerate(several):
        data.y = 20 + 5 * data.x.sum(dim=1)
        data.y[number % 4] = float("nan")
    return {"model": "gcn", "data": several, "task": "regression", "split": SPLIT, "batch_size": 4}


def molecule_table(folder: Path) -> Path:
    """Writes molecules with a target with gaps; two rows are no molecules."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [f"m{k},{text},{len(text) / 2 if k % 9 != 4 else ''}" for k, text in enumerate((*SMILES, "no", "C(("))]
    (folder / "molecules.csv").write_text("\n".join(["name,smiles,logS", *rows]) + "\n")
    return folder / "molecules.csv"


def molecules(folder: Path) -> dict[str, Any]:
    return {
        "model": "gin", "data": molecule_table(folder), "smiles": "smiles", "target": "logS", "task": "regression",
        "split": SPLIT, "batch_size": 4,
    }  # fmt: skip


def custom_model(folder: Path) -> dict[str, Any]:
    several = graphs()
    for number, data in enumerate(several):
        data.y = torch.tensor([number % 2])
    return {"model": Pooled, "data": several, "split": SPLIT, "batch_size": 4}


def class_weights(folder: Path) -> dict[str, Any]:
    return {"model": "gcn", "data": "karate", "set": {"train.class_weight": "balanced"}}


CASES: dict[str, Arguments] = {
    "node-regression": node_regression,
    "graph-regression": graph_regression,
    "nodes-of-graphs": nodes_of_graphs,
    "molecules": molecules,
    "custom-model": custom_model,
    "class-weights": class_weights,
}


def without_randomness(arguments: dict[str, Any]) -> dict[str, Any]:
    """Returns the arguments for a comparison of processes, which draw different dropout masks."""
    sgd = {"train.optimizer": "sgd", "train.lr": 0.01, "train.momentum": 0.9}
    # batch norm of GIN in small batches increases rounding errors by orders of magnitude in each epoch
    replacements = {Pooled: PooledWithoutDropout, "gin": "gcn"}
    arguments = {**arguments, "model": replacements.get(arguments["model"], arguments["model"])}
    if arguments["model"] == "gcn":
        sgd["model.dropout"] = 0.0
    return {**arguments, "set": {**arguments.get("set", {}), **sgd}}


def work(rank: int, world: int, folder: Path, port: int) -> None:
    """Trains every case as one of ``world`` processes."""
    import graphkit

    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world))
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    from graphkit.distributed.communicator import init_distributed

    with init_distributed():
        for name, case in CASES.items():
            arguments = without_randomness(case(folder / "data" / f"{name}-{world}-{rank}"))
            graphkit.fit(**arguments, epochs=5, output=folder / str(world) / name)


def main(folder: Path) -> int:
    """Trains with one process and with two; returns the number of failed processes."""
    import graphkit.experiments  # noqa: F401  # imported once, before the fork

    failed, context = 0, multiprocessing.get_context("fork")
    for world in (1, 2):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        team = [context.Process(target=work, args=(rank, world, folder, port)) for rank in range(world)]
        for process in team:
            process.start()
        for process in team:
            process.join()
        failed += sum(process.exitcode != 0 for process in team)
    return failed


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
