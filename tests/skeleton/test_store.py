import re
from pathlib import Path

import numpy as np
import pytest
import torch

from graphkit.skeleton import Clip, open_store, write_store


def clip(name: str, frames: int, persons: int = 1, joints: int = 3, **options: object) -> Clip:
    x = np.random.default_rng(len(name) + frames).random((frames, persons, joints, 2), dtype=np.float32)
    return Clip(name, x, **options)


def test_clips_come_back_as_they_were_with_room_for_all_persons(tmp_path: Path) -> None:
    clips = [clip("a", 4, label=2, tags={"subject": 7}), clip("bb", 1, persons=2), clip("c", 3, tags={"camera": 1})]
    write_store(tmp_path, iter(clips))
    store = open_store(tmp_path)
    assert (len(store), store.names, store.lengths.tolist()) == (3, ("a", "bb", "c"), [4, 1, 3])
    assert store.labels.tolist() == [2, -1, -1]
    assert {name: tag.tolist() for name, tag in store.tags.items()} == {"subject": [7, -1, -1], "camera": [-1, -1, 1]}
    assert store.x.shape == (8, 2, 3, 2) and not store.x[:4, 1].any()
    for given, stored in zip(clips, store.x.split([4, 1, 3]), strict=True):
        assert np.array_equal(stored[:, : given.x.shape[1]].numpy(), given.x)


def test_a_store_is_mapped_and_its_file_is_safe(tmp_path: Path) -> None:
    write_store(tmp_path, [clip("a", 4)])
    before = (tmp_path / "frames.f32").read_bytes()
    store = open_store(tmp_path)
    store.x.zero_()
    assert (tmp_path / "frames.f32").read_bytes() == before and torch.equal(store.x, torch.zeros(4, 1, 3, 2))


def test_clips_and_stores_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no clip to be stored"):
        write_store(tmp_path, [])
    with pytest.raises(ValueError, match=re.escape("the clip 'b' must have 3 joints with 2 coordinates as the clips")):
        write_store(tmp_path, [clip("a", 2), clip("b", 2, joints=4)])
    write_store(tmp_path, [clip("a", 4)])
    (tmp_path / "frames.f32").write_bytes(b"short")
    with pytest.raises(ValueError, match=re.escape("is damaged (it has 5 bytes for [4, 1, 3, 2] numbers); delete its")):
        open_store(tmp_path)
    with pytest.raises(ValueError, match=re.escape("must be [frames, persons, joints, coordinates] with at")):
        Clip("x", np.zeros((0, 1, 3, 2), np.float32))
    with pytest.raises(ValueError, match="the clip 'x' must hold finite numbers .*nan in frame 1, person 0, joint 0"):
        Clip("x", np.array([1, np.nan], np.float32).reshape(2, 1, 1, 1))
    with pytest.raises(ValueError, match="the clip 'x' has no skeleton: all its coordinates are zero; leave it out"):
        Clip("x", np.zeros((2, 1, 3, 2), np.float32))
