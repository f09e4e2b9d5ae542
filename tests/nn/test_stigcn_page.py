"""The page of STIGCN: its code runs, and it names every layout and stream."""

import re
from pathlib import Path

from graphkit.skeleton import STREAMS, layout_names
from graphkit.skeleton.augment import augmentation_names

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "stigcn.md").read_text(encoding="utf-8")


def test_the_code_on_the_page_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    for block in blocks:
        exec(block, names)
    assert len(blocks) == 2 and names["scores"].shape == (8, 4) and names["out"].shape == (75, 7, 16)
    assert all(matrix.shape == (4, 4, 7, 7) for matrix in names["matrices"]) and len(names["matrices"]) == 3


def test_all_layouts_streams_and_augmentations_are_named() -> None:
    missing = [name for name in (*layout_names(), *STREAMS, *augmentation_names()) if f"`{name}`" not in PAGE]
    assert not missing
