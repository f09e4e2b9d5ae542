"""Properties that the report of every kind of run must have."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphkit.experiments import build_config, run
from graphkit.report import report
from tests.fitting import fit, fit_continual, fit_distill

from .test_page import Tags

GCN = {"name": "gcn", "hidden_channels": 4}
TRAIN = {"epochs": 2}


def fit_search(settings: Any, output: Path) -> None:
    run(build_config("search", settings, recipe="none"), output)


KINDS: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "nodes": (fit, {"model": GCN, "data": {"name": "karate"}, "train": TRAIN, "seeds": 2}),
    "paths": (fit, {"model": {"name": "spagan"}, "data": {"name": "karate"}, "train": TRAIN}),
    "graphs": (
        fit,
        {
            "model": {"name": "factorgcn", "hidden_channels": 8},
            "data": {"name": "factor-graphs", "num_graphs": 40},
            "train": TRAIN,
        },
    ),
    "links": (fit, {"model": GCN, "data": {"name": "karate", "task": "link-prediction"}, "train": TRAIN}),
    "clips": (
        fit,
        {
            "model": {"name": "stigcn", "channels": [4, 4], "blocks": [1, 1]},
            "data": {"name": "synthetic-skeleton", "num_clips": 12},
            "train": TRAIN,
        },
    ),
    "distill": (
        fit_distill,
        {
            "teacher": {"model": GCN, "train": TRAIN},
            "data": {"name": "karate"},
            "losses": {"lsp": {}, "kd": {}},
        },
    ),
    "continual": (
        fit_continual,
        {
            "model": GCN,
            "data": {"name": "sbm-continual", "num_classes": 4, "size": 10},
            "train": TRAIN,
            "strategies": {"fine-tune": {}, "joint": {}},
        },
    ),
    "search": (fit_search, {"models": ["gcn", "mlp"], "trials": 2, "data": {"name": "karate"}, "train": TRAIN}),
}


def regression_file(folder: Path) -> Path:
    """Writes a ring of 30 nodes with a numeric target."""
    rows = [f"{i},{i % 7},{0.1 * i}" for i in range(30)]
    folder.mkdir()
    (folder / "edges.csv").write_text("source,target\n" + "".join(f"{i},{(i + 1) % 30}\n" for i in range(30)))
    (folder / "nodes.csv").write_text("id,f,price\n" + "\n".join(rows) + "\n")
    return folder


def check_report(text: str) -> None:
    """Checks a page: size, no scripts, nothing from elsewhere, verdict, text alternatives and downloads."""
    tags = Tags()
    tags.feed(re.sub(r"<\?xml.*?\?>|<!DOCTYPE svg.*?>", "", text, flags=re.DOTALL))
    names = [tag for tag, _ in tags.seen]
    assert len(text) < 3_000_000 and names.count("html") == 1
    assert "script" not in names and not any(key.startswith("on") for _, attributes in tags.seen for key in attributes)
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", text) and "@import" not in text
    assert "default-src 'none'" in text
    verdict = text[text.index("<h2>Verdict</h2>") : text.index('<dl class="tiles">')]
    assert "<li>" in verdict
    plots = [attributes for tag, attributes in tags.seen if attributes.get("class") == "plot" and tag in ("svg", "img")]
    assert plots and all(attributes.get("aria-label") or attributes.get("alt") for attributes in plots)
    assert all(attributes.get("role") == "img" for tag, attributes in tags.seen if tag == "svg")
    assert not re.search(r"<section>\s*<h2>[^<]*</h2>\s*</section>", text)  # no empty card
    files = [attributes["download"] or "" for tag, attributes in tags.seen if tag == "a" and "download" in attributes]
    assert sum(name.endswith(".csv") for name in files) == names.count("table")
    drawn = [name for name in files if name.endswith(".svg")]
    assert len(drawn) == names.count("figure") - names.count("img") and len(set(drawn)) == len(drawn)


@pytest.mark.extended
@pytest.mark.parametrize("kind", KINDS)
def test_the_report_of(kind: str, tmp_path: Path) -> None:
    train, settings = KINDS[kind]
    train(settings, tmp_path / "run")
    check_report(report(tmp_path / "run").read_text(encoding="utf-8"))


@pytest.mark.extended
def test_the_report_of_a_regression(tmp_path: Path) -> None:
    data = {"name": str(regression_file(tmp_path / "data")), "target": "price", "task": "regression"}
    fit({"model": GCN, "data": data, "train": TRAIN}, tmp_path / "run")
    check_report(report(tmp_path / "run").read_text(encoding="utf-8"))


@pytest.mark.extended
def test_the_report_of_a_comparison_with_a_gat(tmp_path: Path) -> None:
    for name in ("spagan", "gat", "mlp"):
        fit({"model": {"name": name}, "data": {"name": "karate"}, "train": TRAIN, "seeds": 2}, tmp_path / name)
    text = report(tmp_path / "spagan", [tmp_path / "gat", tmp_path / "mlp"]).read_text(encoding="utf-8")
    check_report(text)
    assert "Attention relative to uniform of spagan, paths of 1 hop, spagan, paths of 2 hops, gat (gat), edges" in text
    assert "GAT_RUN" not in text and "(0.05 / 2 tests)" in text
    alone = report(tmp_path / "spagan").read_text(encoding="utf-8")
    assert "For the attention of a GAT on the same data: graphkit report spagan GAT_RUN." in alone
