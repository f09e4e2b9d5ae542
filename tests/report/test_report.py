import os
import re
import shutil
import sys
from pathlib import Path

import pytest
import torch

from graphkit.errors import InputError
from graphkit.experiments import open_run
from graphkit.metrics.factor_quality import found_factors
from graphkit.report import collect, factor_picture, report
from graphkit.report.no_picture import NoPicture
from tests.fitting import fit

from .test_page import check


def page(path: Path) -> str:
    written = report(path)
    assert written == path / "report.html"
    text = written.read_text(encoding="utf-8")
    check(re.sub(r"<\?xml.*?\?>|<!DOCTYPE svg.*?>", "", text, flags=re.DOTALL))
    return text


def test_factors_with_known_truth(factor_run: Path) -> None:
    text = page(factor_run)
    for phrase in ("factorgcn on factor-graphs", "GED_E", "random factors", "Factor graphs", "Correlation of features"):
        assert phrase in text
    assert "All 2 runs" in text and "seed-1" in text
    assert sorted(file.name for file in (factor_run / "figures").iterdir()) == [
        "correlation.png", "curves.png", "factors.png",
    ]  # fmt: skip


def test_factors_of_nodes(node_run: Path) -> None:
    text = page(node_run)
    assert "Distribution of the coefficients" in text and "Confusion" in text
    assert (node_run / "figures" / "coefficients.png").exists()


def test_a_model_without_factors(plain_run: Path) -> None:
    text = page(plain_run)
    assert "Factor graphs" not in text and "Confusion" in text
    for phrase in ("graphkit train --config config.yaml", "weight_decay", "torch_geometric", "Zachary"):
        assert phrase in text


def test_nothing_is_loaded_from_elsewhere(factor_run: Path) -> None:
    text = page(factor_run)
    assert not re.search(r"""(?:src|href)=["'](?!#|data:)""", text)
    assert "<script" not in text and "@import" not in text


def test_the_report_can_be_written_again_and_is_the_same(plain_run: Path) -> None:
    assert page(plain_run) == page(plain_run)


def test_a_run_that_has_not_ended(plain_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(plain_run, folder)
    for name in ("result.json", "model.safetensors"):
        (folder / name).unlink()
    text = page(folder)
    assert "has not ended" in text and "Training" in text and "Confusion" not in text


def test_names_of_the_user_are_escaped(tmp_path: Path) -> None:
    name = "<script>alert('1')</script>"
    nodes = [f"{name}{i}" for i in range(20)]
    (tmp_path / "edges.csv").write_text(
        "source,target\n" + "".join(f"{nodes[i]},{nodes[(i + 1) % 20]}\n" for i in range(20))
    )
    (tmp_path / "nodes.csv").write_text(
        "id,label,f\n" + "".join(f"{node},<b>{i % 2},{i}\n" for i, node in enumerate(nodes))
    )
    fit({"model": {"name": "spagan", "hidden_channels": 8, "heads": 2}, "data": {"name": str(tmp_path)},
         "train": {"epochs": 1}}, tmp_path / "run")  # fmt: skip
    text = page(tmp_path / "run")
    assert "&lt;script&gt;alert(" in text and "<script" not in text and "<b>" not in text


def test_a_run_without_any_epoch(plain_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(plain_run / "config.yaml", folder)
    assert "has not ended" in page(folder)


def test_data_that_are_gone_leave_the_rest(plain_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(plain_run, folder)
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("name: karate", f"name: {tmp_path}/<gone>.npz"))
    text = page(folder)
    assert "Figures of the data are omitted" in text and "&lt;gone&gt;" in text and "test accuracy" in text


def test_a_picture_is_left_out_for_a_stated_reason_only(node_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_picture(*_: object) -> None:
        raise NoPicture("nothing to draw")

    def fault(*_: object) -> None:
        raise InputError("`x` must be something else")

    monkeypatch.setattr(collect, "factor_view", no_picture)
    text = page(node_run)
    assert "This figure is omitted: nothing to draw" in text and "test accuracy" in text
    monkeypatch.setattr(collect, "factor_view", fault)  # such as a wrong argument: a fault of the program
    with pytest.raises(InputError, match="something else"):
        page(node_run)


def test_graphs_without_a_true_pattern_have_no_picture(factor_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(*arguments: object) -> object:
        factors = found_factors(*arguments)  # type: ignore[arg-type]
        return factors._replace(factor_mask=torch.zeros_like(factors.factor_mask))

    monkeypatch.setattr(collect, "found_factors", without)
    with pytest.raises(NoPicture, match="no test graph has a true pattern"):
        collect.true_examples(open_run(factor_run).best)


def test_a_folder_that_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="not a run folder"):
        report(tmp_path)


def test_a_folder_that_cannot_be_written(plain_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(sys.modules["graphkit.report.run_report"], "write_text", refuse)
    with pytest.raises(ValueError, match="cannot be written to .*Read-only file system"):
        report(plain_run)


def test_factor_picture(factor_run: Path, node_run: Path, plain_run: Path) -> None:
    assert factor_picture(factor_run) == factor_run / "figures" / "factors.png"
    assert factor_picture(open_run(node_run)).read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="only factorgcn has factor graphs"):
        factor_picture(plain_run)


@pytest.mark.skipif("GRAPHKIT_DATA" not in os.environ, reason="GRAPHKIT_DATA names no folder of raw data")
def test_ten_folds(tmp_path: Path) -> None:
    model = {"name": "factorgcn", "hidden_channels": 8, "factors": [2, 2]}
    fit({"model": model, "data": {"name": "mutag"}, "train": {"epochs": 2}}, tmp_path / "run")
    text = page(tmp_path / "run")
    assert "held-out folds" in text and "fold-9" in text and "all folds together" in text
    counts = re.search(r"Counts over all folds together, last epoch; ([\d.]+)% on the diagonal", text)
    assert counts is not None and 0 < float(counts[1]) < 100
