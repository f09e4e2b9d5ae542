"""Where attention over paths gains and where it loses: SPAGAN against GAT, seed by seed.

Each group of rows is one setting. Its models get the same graph, split and seeds, and the epoch is chosen by validation
accuracy. On Cora and CiteSeer all have the settings of their recipes, chosen on the whole training set (SPAGAN on Cora
those of the recipe before its last search), with at most 150 epochs in a phase and a patience of 30; ``gat`` is as wide
and as deep as SPAGAN there. On path-signal, ``spagan`` is a single layer that attends to paths of as many hops as the
label is away, found by the lengths of the edges; ``gat`` has two layers of 64, ``gat, deep`` as many of 64 as there are
hops. ``gat, lengths`` is the latter with attention that sees the lengths too. p is that of a two-sided paired t-test of
SPAGAN against the model, not corrected for the number of rows.

    python benchmarks/models/spagan_map.py --settings path-signal --seeds 5 --json map.json

Single fits are kept in the file of ``--json`` as they are done, so that a table that was interrupted goes on.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import torch
from torch_geometric.data import Data

from graphkit.config.layers import merge
from graphkit.config.recipes import train_recipe
from graphkit.experiments import build_config, run
from graphkit.files import write_json
from graphkit.metrics import paired_test
from graphkit.transforms.build import register_transform
from graphkit.transforms.columns import edge_attributes, plain_edge_index

#: Shorter training than that of the recipes, of all models on Cora and CiteSeer.
SHORT_TRAIN = {"epochs": 150, "patience": 30}

#: SPAGAN on Cora before its recipe was searched anew: what the tables on its page were measured with.
CORA_BEFORE = {"max_hops": 3, "out_act": "elu", "dropout": 0.6, "attention_dropout": 0.6, "init": "glorot"}

Models = dict[str, dict[str, Any]]


@register_transform("drop-edges")
class DropEdges:
    """Removes a share of the edges, both directions together, drawn with a seed; self loops stay."""

    def __init__(self, share: float, seed: int) -> None:
        self.share, self.seed = share, seed

    def __call__(self, data: Data) -> Data:
        row, col = plain_edge_index(data)
        pair = torch.minimum(row, col) * int(data.num_nodes or 0) + torch.maximum(row, col)
        pairs, which = pair.unique(return_inverse=True)
        keep = torch.rand(pairs.numel(), generator=torch.Generator().manual_seed(self.seed)) >= self.share
        keep = keep[which] | (row == col)
        for name in edge_attributes(data):
            data[name] = data[name][keep]
        data.edge_index = torch.stack([row, col])[:, keep]
        return data


@register_transform("feature-lengths")
class FeatureLengths:
    """Gives every edge the cosine distance of its ends' features as ``edge_length``."""

    def __call__(self, data: Data) -> Data:
        x = torch.nn.functional.normalize(data.x, dim=1)
        row, col = plain_edge_index(data)
        data.edge_length = (1 - (x[row] * x[col]).sum(dim=1)).clamp(min=0)
        return data


def citation(name: str, data: dict[str, Any], first: list[Any], names: tuple[str, ...] = ("spagan", "gat")) -> Models:
    """Returns the models of the recipes, on the data set with changes: settings, and transforms that come first."""
    models = {}
    for model in names:
        config = merge(train_recipe(f"{model}-{name}"), {"train": SHORT_TRAIN})
        if (model, name) == ("spagan", "cora"):
            config = merge(config, {"model": CORA_BEFORE})
        models[model] = merge(config, {"data": {**data, "transforms": [*first, *config["data"]["transforms"]]}})
    return models


def few_labels(name: str, seed: int) -> Iterator[tuple[str, Models]]:
    """Few labels: one, three and five per class; another draw for each seed."""
    for count in (1, 3, 5):
        data = {"labels_per_class": count, "fold": seed % 10}
        yield f"{name}, {count} label{'s' * (count > 1)} per class", citation(name, data, [], ("spagan", "gat", "gcn"))


def sparse(seed: int) -> Iterator[tuple[str, Models]]:
    """Sparse graphs: half and four fifths of Cora's edges are missing; other ones for each seed."""
    for share in (0.5, 0.8):
        drop = [{"drop-edges": {"share": share, "seed": seed}}]
        yield f"cora, {share:.0%} of the edges dropped", citation("cora", {}, drop)


def weighted(seed: int) -> Iterator[tuple[str, Models]]:
    """Weighted graphs: Cora with lengths that are distances of features."""
    models = citation("cora", {}, ["feature-lengths"])
    base = models["spagan"]
    options = {"max_hops": base["model"]["max_hops"], "ratio": 0.5, "weight": "edge_length"}
    given = merge(base, {"data": {"transforms": [*base["data"]["transforms"], {"shortest-paths": options}]}})
    lengths = merge(models["gat"], {"model": {"edge_attr": "edge_length"}})
    yield (
        "cora, feature distances as lengths",
        {"spagan": given, "spagan, own costs": base, "gat": models["gat"], "gat, lengths": lengths},
    )


def path_signal(seed: int) -> Iterator[tuple[str, Models]]:
    """The label lies 1 to 6 hops away along the cheapest path; another graph for each seed."""
    for hops in range(1, 7):
        yield f"path-signal, {hops} hop{'s' * (hops > 1)}", signal_models(hops)


def signal_models(hops: int) -> Models:
    """Returns the models for path-signal: the recipe, for another number of hops, and GAT with the same training."""
    recipe = train_recipe("spagan-path-signal")
    *others, search = recipe["data"]["transforms"]
    paths = {"shortest-paths": {**search["shortest-paths"], "max_hops": hops}}
    spagan = merge(recipe, {"model": {"max_hops": hops}, "data": {"hops": hops, "transforms": [*others, paths]}})

    def gat(**options: Any) -> dict[str, Any]:
        model = {"name": "gat", "dropout": recipe["model"]["dropout"], **options}
        data = {**recipe["data"], "hops": hops, "transforms": others}
        return {"model": model, "data": data, "train": recipe["train"]}

    models = {"spagan": spagan, "gat": gat(), "gat, deep": gat(num_layers=hops)}
    if hops == 2:  # the same as the one before
        del models["gat, deep"]
    return {**models, "gat, lengths": gat(num_layers=hops, edge_attr="edge_length")}


SETTINGS = {
    "labels-cora": partial(few_labels, "cora"),
    "labels-citeseer": partial(few_labels, "citeseer"),
    "path-signal": path_signal,
    "weighted": weighted,
    "sparse": sparse,
}


def measure(config: dict[str, Any], seed: int) -> dict[str, float]:
    """Returns the scores of one fit."""
    with tempfile.TemporaryDirectory() as folder:
        settings = build_config("train", config, {"seed": seed, "seeds": 1}, recipe="none")
        result = run(settings, Path(folder) / "run").result
    return {"test": result["test"]["mean"], "validation": result["validation"]["mean"], "seconds": result["seconds"]}


def table(fits: dict[str, dict[str, dict[str, dict[str, float]]]]) -> list[str]:
    """Returns the lines of the table, in Markdown."""
    lines = ["| setting | model | test accuracy in % | SPAGAN minus model | p | seeds |", "|---|---|---|---|---|---|"]
    for setting, models in fits.items():
        baseline = {seed: scores["test"] for seed, scores in models["spagan"].items()}
        for name, seeds in models.items():
            scores = [fit["test"] for fit in seeds.values()]
            spread = f" ± {100 * stdev(scores):.2f}" if len(scores) > 1 else ""
            cells = [setting, name, f"{100 * fmean(scores):.2f}{spread}", "–", "–", str(len(scores))]
            shared = [seed for seed in seeds if seed in baseline]
            if name != "spagan" and shared:
                test = paired_test([baseline[seed] for seed in shared], [seeds[seed]["test"] for seed in shared])
                cells[3:5] = [f"{100 * test.difference:+.2f}", "–" if test.p is None else f"{test.p:.2g}"]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--settings", nargs="+", choices=SETTINGS, default=["path-signal"])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--json", help="where single fits are kept, and taken from if they are there")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    path = Path(arguments.json) if arguments.json else None
    fits: dict[str, Any] = json.loads(path.read_text()) if path and path.is_file() else {}
    for family in arguments.settings:
        for seed in range(arguments.seeds):
            for setting, models in SETTINGS[family](seed):
                for name, config in models.items():
                    seeds = fits.setdefault(setting, {}).setdefault(name, {})
                    if str(seed) not in seeds:
                        seeds[str(seed)] = measure(config, seed)
                        if path:
                            write_json(path, fits)
    print("\n".join(table(fits)))


if __name__ == "__main__":
    main()
