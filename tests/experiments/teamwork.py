"""Runs by several processes, for the tests: each configuration is trained by one process, by two and by three.

Called as a program with a folder, so that the processes are forked from one that has imported everything, but has not
computed anything yet.
"""

import json
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

SKELETON = {"name": "synthetic-skeleton", "num_clips": 37, "frames": 12, "seed": 0}
GRAPHS = {"num_graphs": 61, "transforms": ["self-loops"], "seed": 0}
SGD = {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "patience": None}

#: Of every kind of item; the numbers of training items are odd, and batches of uneven sizes come up.
CONFIGS: dict[str, dict[str, Any]] = {
    "nodes-whole": {
        "model": {"name": "gat", "dropout": 0.5},
        "data": {"name": "karate"},
        "train": {"epochs": 20},
    },
    "nodes-batches": {
        "model": {"name": "spagan", "hidden_channels": 4, "heads": 2, "dropout": 0.0, "attention_dropout": 0.0},
        "data": {"name": "sbm-200k", "num_nodes": 302, "num_edges": 900, "num_classes": 3, "seed": 0},
        "train": {**SGD, "epochs": 5, "batch_size": 5},
    },
    "links-whole": {
        "model": {"name": "gcn", "hidden_channels": 8, "embedding_channels": 4, "decoder": "mlp"},
        "data": {"name": "karate", "task": "link-prediction", "hard_negatives": 7},
        "train": {**SGD, "epochs": 5},
    },
    "links-batches": {
        "model": {"name": "gat", "hidden_channels": 8, "heads": 2, "embedding_channels": 4, "dropout": 0.0},
        "data": {
            "name": "sbm-200k",
            "num_nodes": 302,
            "num_edges": 900,
            "num_classes": 3,
            "seed": 0,
            "task": "link-prediction",
            "hard_negatives": 5,
        },
        "train": {**SGD, "epochs": 3, "batch_size": 50},
    },
    "graphs": {
        "model": {"name": "factorgcn", "hidden_channels": 8, "dropout": 0.0, "batch_norm": True},
        "data": GRAPHS,
        "train": {**SGD, "epochs": 5, "batch_size": 8},
    },
    "balanced": {
        "model": {"name": "gcn", "dropout": 0.0},
        "data": {"name": "pattern", "num_graphs": 21, "seed": 0},
        "train": {**SGD, "epochs": 10, "batch_size": 4},
    },
    "class-weights": {
        "model": {"name": "gcn", "dropout": 0.0},
        "data": {"name": "pattern", "num_graphs": 21, "seed": 0},
        "train": {**SGD, "epochs": 5, "batch_size": 4, "class_weight": "balanced", "label_smoothing": 0.1},
    },
    "values": {  # the test writes the file, which has gaps
        "model": {"name": "gcn", "hidden_channels": 8, "dropout": 0.0},
        "data": {"name": "values.pt"},
        "train": {**SGD, "epochs": 5, "batch_size": 5, "metric": "rmse"},
    },
    "clouds": {
        "model": {"name": "dgcnn", "hidden_channels": 4, "num_layers": 2, "k": 3, "dropout": 0.0},
        "data": GRAPHS,
        "train": {**SGD, "lr": 0.01, "epochs": 3, "batch_size": 10},
    },
    "clouds-few": {  # fewer clouds in a batch than there are processes
        "model": {"name": "dgcnn", "hidden_channels": 4, "num_layers": 1, "k": 3, "dropout": 0.0},
        "data": {**GRAPHS, "num_graphs": 11},
        "train": {**SGD, "lr": 0.001, "epochs": 2, "batch_size": 2},
    },
    "clips": {
        "model": {"name": "stigcn", "channels": [8], "blocks": [1], "dropout": 0.0},
        "data": SKELETON,
        "train": {**SGD, "epochs": 5, "batch_size": 5, "accumulate": 2},
    },
    "clips-apart": {
        "model": {"name": "stigcn", "channels": [8], "blocks": [1], "dropout": 0.0},
        "data": SKELETON,
        "train": {**SGD, "epochs": 2, "batch_size": 5, "sync_batchnorm": False},
    },
    "clips-st-gcn": {
        "model": {"name": "st-gcn", "dropout": 0.0},
        "data": SKELETON,
        "train": {**SGD, "lr": 1e-4, "epochs": 2, "batch_size": 5},  # more, and rounding grows in its nine layers
    },
}

STUDENT = {"model": {"name": "gcn", "hidden_channels": 8, "dropout": 0.0}, "train": {**SGD, "epochs": 3}}
DISTILL = {
    "data": {"name": "pattern", "num_graphs": 21, "seed": 0},
    "teacher": {"model": {"name": "gcn", "dropout": 0.0}, "train": {**SGD, "epochs": 3, "batch_size": 4}},
    "student": {**STUDENT, "train": {**STUDENT["train"], "batch_size": 4}},
    "losses": {"kd": {}, "fitnet": {}},
}
CLIPS = {  # what is compared are outputs of clips, which have different numbers of frames
    "data": {"name": "synthetic-skeleton", "num_clips": 37, "seed": 0},
    "teacher": {
        "model": {"name": "stigcn", "channels": [16], "blocks": [1], "dropout": 0.0},
        "train": {**SGD, "lr": 0.001, "epochs": 2, "batch_size": 5},
    },
    "student": {
        "model": {"name": "stigcn", "channels": [8], "blocks": [1], "dropout": 0.0},
        "train": {**SGD, "lr": 0.001, "epochs": 2, "batch_size": 5},
    },
    "losses": {"kd": {"weight": 20.0}},
}


def work(rank: int, world: int, folder: Path, port: int) -> None:
    """Trains every configuration as one of ``world`` processes."""
    import torch

    from tests.fitting import fit, fit_distill

    torch.set_num_threads(1)
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(world))
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port))
    from graphkit.distributed.communicator import init_distributed

    with init_distributed() as communicator:
        for name, config in CONFIGS.items():
            if name == "values":
                config = {**config, "data": {"name": str(folder / config["data"]["name"])}}
            fit(config, folder / str(world) / name)
        if world < 3:
            fit_distill(DISTILL, folder / str(world) / "distill")
            fit_distill(CLIPS, folder / str(world) / "distill-clips")
        if world == 2:
            run_with_callbacks(rank, folder / "2")
        if world > 1:
            errors = [float(communicator.all_reduce_max(norm_error(communicator, rest))[0]) for rest in (0, 1)]
            if rank == 0:
                (folder / str(world) / "norms.json").write_text(json.dumps(errors))


def run_with_callbacks(rank: int, folder: Path) -> None:
    """Trains with a callback that fails on rank 0, and resumes the run with another."""
    from graphkit.experiments import Callback, build_config, resume, run

    class Writes(Callback):
        def __init__(self, fails: bool) -> None:
            self.fails = fails

        def on_begin(self, fit: Any) -> None:
            self.write("begin", fit.epoch)

        def on_epoch(self, fit: Any, row: Any) -> None:
            self.write("epoch", row["epoch"])
            if self.fails and row["epoch"] == 2:
                raise KeyError("tracker is down")

        def on_end(self, fit: Any, result: Any) -> None:
            self.write("end", result["epoch"])

        def write(self, *event: Any) -> None:
            with (folder / f"events-{rank}.txt").open("a") as file:
                print(*event, file=file)

    try:
        run(build_config("train", CONFIGS["graphs"], recipe="none"), folder / "observed", callbacks=[Writes(True)])
    except Exception as error:  # KeyError on the rank of the callback, RuntimeError on the other
        (folder / f"error-{rank}.txt").write_text(f"{type(error).__name__}: {error}")
    resume(folder / "observed", callbacks=[Writes(False)] if rank == 0 else ())


def norm_error(communicator: Any, without: int) -> float:
    """Returns by how much a shared norm differs from one that sees all rows, in outputs, gradients and statistics.

    Args:
        processes: The processes, each of which has some of the rows.
        without: How many of the processes, from the last one, have a row that does not count.
    """
    import torch

    from graphkit.nn.sync_batch_norm import convert_sync_batchnorm, summed

    torch.manual_seed(0)
    x, factor = torch.randn(2, 11, 4, dtype=torch.float64) * 3 + 100
    single, shared = (torch.nn.BatchNorm1d(4, dtype=torch.float64) for _ in range(2))
    for norm in (single, shared):
        torch.nn.init.constant_(norm.weight, 1.5)
    model = torch.nn.Sequential(shared)
    together = convert_sync_batchnorm(model, communicator.norm_group)
    shared = model[0]  # type: ignore[assignment]
    together.counts = communicator.rank < communicator.world_size - without
    x.requires_grad_()
    seen_by_all = single(x)
    (seen_by_all * factor).square().sum().backward()
    parts = torch.arange(11).tensor_split(communicator.world_size - without)
    ids = parts[communicator.rank] if together.counts else torch.tensor([0])
    local = x.detach()[ids].requires_grad_()
    out = shared(local) * float(together.counts)
    (out * factor[ids]).square().sum().backward()
    gradient = torch.zeros(4, dtype=torch.float64) if shared.weight.grad is None else shared.weight.grad
    sums_of_all = [communicator.all_reduce(*values.tolist()) for values in (gradient, shared.bias.grad)]
    total = torch.tensor(sums_of_all, dtype=torch.float64)
    assert x.grad is not None and local.grad is not None and single.weight.grad is not None
    wanted = torch.stack([single.weight.grad, single.bias.grad])
    rows = ((local.grad - x.grad[ids] * together.counts) / x.grad.abs().max(), (total - wanted) / wanted.abs().max())
    kept = (shared.running_mean - single.running_mean, shared.running_var - single.running_var)
    before, leaf = local.detach().sum(0), torch.zeros(4, dtype=torch.float64, requires_grad=True)
    sums = summed(shared, before + leaf) - x.detach().sum(0)
    sums.square().sum().backward()  # the stand-in has to send on the way back, too
    seen = (out - seen_by_all[ids] * together.counts, shared.eval()(local) - single.eval()(x)[ids])
    return max(float(error.detach().abs().max()) for error in (*rows, *kept, *seen, sums))


def main(folder: Path, worlds: list[int]) -> int:
    """Lets teams of the given sizes train, one after the other; returns how many processes failed."""
    import socket

    import graphkit.experiments  # noqa: F401  # imported once, before the fork

    failed = 0
    context = multiprocessing.get_context("fork")
    for world in worlds:
        (folder / str(world)).mkdir(parents=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        communicator = [context.Process(target=work, args=(rank, world, folder, port)) for rank in range(world)]
        for process in communicator:
            process.start()
        for process in communicator:
            process.join()
        failed += sum(process.exitcode != 0 for process in communicator)
    return failed


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), [int(text) for text in sys.argv[2:]]))
