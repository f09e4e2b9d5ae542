"""Where does a teacher help, and where does it harm? Local structure and soft labels in many settings, seed by seed.

Each setting has a teacher for every seed, the student alone, and the same student taught in several ways: with the same
data, split, first weights and selection of the epoch by validation. On Cora the networks are those of the recipe
``distill-cora``, a GAT of 8 heads of 8 and one of 8 heads of 4, or what the setting says, with at most 100 epochs and a
patience of 30; on ``sbm-multilabel`` (80 nodes a graph, 60 epochs) the shape of the published ones, at a quarter of
their width. ``lsp`` compares features of length 1 at a hidden layer by the kernel rbf with width 1. Its weight is 10
where that is said; kernels are compared with the weight 100. p is that of a two-sided paired t-test against the student
alone, not corrected for the number of rows.

    python benchmarks/distill/map.py --seeds 3 --json map.json

Single fits are kept in the file of ``--json`` as they are done, so that a table that was interrupted goes on; a teacher
is trained again where something it has to teach is missing.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from torch_geometric.data import Data

from graphkit.experiments import build_config, run
from graphkit.files import write_json
from graphkit.metrics import paired_test
from graphkit.transforms.build import register_transform
from graphkit.transforms.columns import plain_edge_index

Losses = list[dict[str, Any]]
TRAIN = {"epochs": 100, "patience": 30, "lr": 0.01, "weight_decay": 0.0005, "select": "score"}
GAT = {"name": "gat", "heads": 8, "out_heads": 1, "dropout": 0.6, "fused": True}
FEATURES = ["normalize-features", "self-loops", "sparse-features"]


@register_transform("drop-half")
class DropHalf:
    """Removes half of the edges, both directions together, drawn with a seed; self loops stay."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, data: Data) -> Data:
        row, col = plain_edge_index(data)
        pairs, which = (torch.minimum(row, col) * data.num_nodes + torch.maximum(row, col)).unique(return_inverse=True)
        keep = torch.rand(pairs.numel(), generator=torch.Generator().manual_seed(self.seed)) >= 0.5
        data.edge_index = torch.stack([row, col])[:, keep[which] | (row == col)]
        return data


def lsp(layers: str = "conv1:conv1", **options: Any) -> dict[str, Any]:
    """Returns the loss of local structure with the settings of the map."""
    return {"name": "lsp", "layers": layers, "weight": 100.0, "normalize": True, **options}


def ways(layers: str, kd_weight: float = 1.0, **more: Losses) -> dict[str, Losses]:
    """Returns what is tried in every setting."""
    kd = {"name": "kd", "weight": kd_weight}
    return {
        "kd": [kd],
        "lsp, weight 10": [lsp(layers, weight=10.0)],
        "kd and lsp, weight 10": [kd, lsp(layers, weight=10.0)],
        **more,
    }


def first(layers: str) -> dict[str, Losses]:
    """Returns a loss that ends early."""
    return {"lsp, weight 10, first 20 epochs": [lsp(layers, weight=10.0, active_epochs=20)]}


def cora(seed: int, **data: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns the configurations of teacher and student on Cora."""
    common = {"data": {"name": "cora", "transforms": FEATURES, **data}, "train": TRAIN, "seed": seed}
    teacher = {**common, "model": {**GAT, "hidden_channels": 64}}
    return teacher, {**common, "model": {**GAT, "hidden_channels": 32}}


def plain(seed: int) -> tuple[Any, Any, dict[str, Losses]]:
    """Cora as it is: kernels, widths, weights, directions, layers."""
    released = lsp(normalize=False, kernel="l1exp", weight=1.0, direction="teacher_student", active_epochs=30)
    kernels = {
        "lsp, weight 1": [lsp(weight=1.0)],
        "lsp": [lsp()],
        "lsp, first 20 epochs": [lsp(active_epochs=20)],
        "lsp, width 0.25": [lsp(sigma=0.25)],
        "lsp, features as they are": [lsp(normalize=False)],
        "lsp, linear": [lsp(kernel="linear")],
        "lsp, euclidean": [lsp(kernel="euclidean")],
        "lsp, l1exp as released": [released],
    }
    return *cora(seed), ways("conv1:conv1", **kernels)


def labels(seed: int) -> tuple[Any, Any, dict[str, Losses]]:
    """Three labels per class, another draw for each seed; the teacher has no more."""
    return *cora(seed, labels_per_class=3, fold=seed % 10), ways("conv1:conv1", **first("conv1:conv1"))


def deep(seed: int) -> tuple[Any, Any, dict[str, Losses]]:
    """A student of four layers."""
    teacher, student = cora(seed)
    student["model"] = {**student["model"], "num_layers": 4}
    return teacher, student, ways("conv1:conv3")


def edges(seed: int) -> tuple[Any, Any, dict[str, Losses]]:
    """A student that sees half of the edges; structure is compared over those of both."""
    teacher, student = cora(seed)
    student["data"] = {**student["data"], "transforms": [{"drop-half": {"seed": seed}}, *FEATURES]}
    return teacher, student, ways("conv1:conv1")


def perceptron(seed: int) -> tuple[Any, Any, dict[str, Losses]]:
    """A student without a graph, and soft labels with weight 10."""
    teacher, student = cora(seed)
    student["model"] = {"name": "mlp", "hidden_channels": 64, "dropout": 0.6}
    return teacher, student, ways("conv1:lin1", kd_weight=10.0)


def multilabel(seed: int) -> tuple[Any, Any, dict[str, Losses]]:
    """Many labels and unseen graphs, the published networks at a quarter of their width."""
    shape = {"name": "gat", "residual": True, "bias": False, "fused": True, "dropout": 0.0}
    common = {
        "data": {"name": "sbm-multilabel", "size": 80, "degree": 12.0, "noise": 0.5},
        "train": {"epochs": 60, "batch_size": 2, "lr": 0.005, "patience": 20},
        "seed": seed,
    }
    teacher = {**common, "model": {**shape, "num_layers": 3, "hidden_channels": 256, "heads": 4, "out_heads": 6}}
    student = {**common, "model": {**shape, "num_layers": 5, "hidden_channels": 34, "heads": 2, "out_heads": 2}}
    return teacher, student, ways("conv2:conv3", **first("conv2:conv3"))


SETTINGS: dict[str, Callable[[int], tuple[Any, Any, dict[str, Losses]]]] = {
    "cora": plain,
    "cora, 3 labels per class": labels,
    "cora, deeper student": deep,
    "cora, student with half of the edges": edges,
    "cora, student without a graph": perceptron,
    "sbm-multilabel": multilabel,
}


def measure(name: str, seed: int, done: dict[str, dict[str, Any]], save: Callable[[], None]) -> None:
    """Does the fits of one setting and seed that are not done yet."""
    teacher, student, losses = SETTINGS[name](seed)
    rows = ["teacher", "alone", *losses]
    if all(str(seed) in done.get(row, {}) for row in rows):
        return
    with tempfile.TemporaryDirectory() as folder:
        for row in rows:
            if row != "teacher" and str(seed) in done.get(row, {}):
                continue
            config = teacher if row == "teacher" else student
            if row in losses:
                config = {**config, "distill": {"teacher": f"{folder}/teacher", "losses": losses[row]}}
            result = run(build_config("train", config, recipe="none"), Path(folder) / row).result
            scores = {key: result[key]["mean"] for key in ("test", "validation")}
            done.setdefault(row, {})[str(seed)] = scores
            save()


def table(fits: dict[str, dict[str, dict[str, dict[str, float]]]]) -> list[str]:
    """Returns the lines of the table, in Markdown."""
    lines = ["| setting | network | test score in % | difference | p | seeds |", "|---|---|---|---|---|---|"]
    for setting, rows in fits.items():
        alone = {seed: scores["test"] for seed, scores in rows.get("alone", {}).items()}
        for index, (name, seeds) in enumerate(rows.items()):
            scores = [result["test"] for result in seeds.values()]
            spread = f" ± {100 * stdev(scores):.2f}" if len(scores) > 1 else ""
            cells = ["" if index else setting, name, f"{100 * fmean(scores):.2f}{spread}", "–", "–", str(len(scores))]
            shared = [seed for seed in seeds if seed in alone]
            if name != "alone" and shared:
                test = paired_test([seeds[seed]["test"] for seed in shared], [alone[seed] for seed in shared])
                cells[3:5] = [f"{100 * test.difference:+.2f}", "–" if test.p is None else f"{test.p:.2g}"]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", help="where single fits are kept, and taken from if they are there")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    path = Path(arguments.json) if arguments.json else None
    fits: dict[str, Any] = json.loads(path.read_text()) if path and path.is_file() else {}

    def save() -> None:
        if path:
            write_json(path, fits)

    for seed in range(arguments.seeds):
        for name in arguments.settings:
            measure(name, seed, fits.setdefault(name, {}), save)
    print("\n".join(table(fits)))


if __name__ == "__main__":
    main()
