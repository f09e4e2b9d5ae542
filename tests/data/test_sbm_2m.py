from pathlib import Path

import pytest
import torch

from graphkit.data import load
from graphkit.data.synthetic import sbm_2m

SMALL = {"num_nodes": 8_000, "num_edges": 40_000, "num_features": 12}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRAPHKIT_CACHE", str(tmp_path))
    monkeypatch.setattr(sbm_2m, "ROWS", 3_000)  # several blocks of features
    return tmp_path / "generated"


def test_has_the_edges_and_classes_that_it_says(cache: Path) -> None:
    dataset = load("sbm-2m", **SMALL)
    data, split = dataset.graphs[0], dataset.splits[0]
    row, col = data.edge_index[0], data.edge_index[1]
    assert dataset.mapped and data.num_nodes == 8_000 and data.num_edges == 80_000 and dataset.num_outputs == 20
    assert not bool((row == col).any()) and torch.unique(row * 8_000 + col).numel() == 80_000
    assert torch.equal((row * 8_000 + col).sort().values, (col * 8_000 + row).sort().values)
    assert abs(float((data.y[row] == data.y[col]).float().mean()) - (0.5 + 0.5 / 20)) < 0.02
    assert [ids.numel() for ids in vars(split).values()] == [80, 20, 80]
    spread = torch.stack([data.x[data.y == label].std(dim=0).mean() for label in range(20)])
    assert abs(float(spread.mean()) - 12 / 145**0.5) < 0.02 and abs(float(data.x.std()) - 1) < 0.02
    assert len(list(cache.iterdir())) == 1


def test_is_written_once(cache: Path) -> None:
    first = load("sbm-2m", **SMALL).graphs[0].x.clone()
    (written,) = cache.iterdir()
    before = written.stat().st_mtime_ns
    assert torch.equal(load("sbm-2m", **SMALL).graphs[0].x, first) and written.stat().st_mtime_ns == before
    assert not torch.equal(load("sbm-2m", **SMALL, graph_seed=1).graphs[0].x, first)
    assert len(list(cache.iterdir())) == 2


def test_what_is_cut_short_leaves_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("graphkit.data.folder_form.write_array", stop)
    with pytest.raises(KeyboardInterrupt):
        load("sbm-2m", **SMALL)
    assert not list(cache.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [({"num_features": 0}, "`num_features` must be at least 1"), ({"num_classes": 1}, "2 classes of 10 nodes at")],
)
def test_mistakes_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load("sbm-2m", **{**SMALL, **options})
