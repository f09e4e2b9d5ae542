"""The pages of STIGCN and of skeleton clips name every layout, stream and augmentation."""

from pathlib import Path

from graphkit.skeleton import STREAMS, layout_names
from graphkit.skeleton.augment import augmentation_names

DOCS = Path(__file__).resolve().parents[2] / "docs"
TEXT = "".join((DOCS / page).read_text(encoding="utf-8") for page in ("stigcn.md", "clips.md", "clips_export.md"))


def test_all_layouts_streams_and_augmentations_are_named() -> None:
    missing = [name for name in (*layout_names(), *STREAMS, *augmentation_names()) if f"`{name}`" not in TEXT]
    assert not missing
