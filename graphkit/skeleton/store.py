"""Store of clips: all frames in one file of numbers, which is mapped into memory and read where it is needed."""

import math
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphkit.errors import InputError
from graphkit.files import parsing, writing
from graphkit.skeleton.clip import Clip

_FRAMES, _INDEX = "frames.f32", "index.npz"
#: Bytes that a store may take, or else this many times its clips: each has room for as many persons as the widest one.
_SMALL_STORE, _WIDER = 2**30, 8


@dataclass(frozen=True)
class ClipStore:
    """Clips end to end.

    Args:
        x: ``[F, P, V, C]`` float32, the frames of all clips; they may lie in a file.
        lengths: ``[G]`` int64, the number of frames of each clip.
        labels: ``[G]`` int64.
        names: The names of the clips.
        tags: For each tag ``[G]`` int64, -1 where a clip does not have it.
    """

    x: Tensor
    lengths: Tensor
    labels: Tensor
    names: tuple[str, ...]
    tags: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.names)


def gather_clips(clips: Iterable[Clip]) -> ClipStore:
    """Returns clips in memory; the same as writing and opening a store, for sets that are small.

    Raises:
        ValueError: If there is no clip, or one has another number of joints or coordinates than the first.
    """
    with tempfile.TemporaryDirectory(prefix="graphkit-") as folder:
        write_store(Path(folder), clips)
        store = open_store(Path(folder))
        return replace(store, x=store.x.clone())


def write_store(folder: Path, clips: Iterable[Clip]) -> None:
    """Writes clips one after the other, so that only one needs to fit into memory.

    Args:
        folder: A folder of its own, which exists.
        clips: The clips, all with as many joints and coordinates; persons who are missing in a clip are added as zeros.

    Raises:
        ValueError: If there is no clip, or one has another number of joints or coordinates than the first.
    """
    names, lengths, labels, tags = [], [], [], []
    persons, shape, widths = 0, (), []
    with writing(folder, space=True), open(folder / _FRAMES, "wb") as file:
        for clip in clips:
            if shape and clip.x.shape[2:] != shape:
                raise InputError(
                    f"the clip '{clip.name}' must have {shape[0]} joints with {shape[1]} coordinates as the clips "
                    f"before it (got {clip.x.shape[2]} and {clip.x.shape[3]})"
                )
            shape = clip.x.shape[2:]
            clip.x.astype("<f4").tofile(file)
            widths.append(clip.x.shape[1])
            persons = max(persons, clip.x.shape[1])
            names.append(clip.name)
            lengths.append(len(clip.x))
            labels.append(clip.label)
            tags.append(clip.tags)
    if not names:
        raise InputError("there is no clip to be stored; look whether the folder of recordings is the right one")
    if min(widths) < persons:
        given = 4 * int(np.prod(shape)) * sum(length * width for length, width in zip(lengths, widths, strict=True))
        size = 4 * int(np.prod(shape)) * sum(lengths) * persons
        if size > max(_SMALL_STORE, _WIDER * given):
            raise InputError(
                f"the clip '{names[widths.index(persons)]}' has {persons} persons, and room for them in all clips "
                f"would take {size / 2**30:,.1f} GB; leave persons out of it"
            )
        with writing(folder, space=True):
            _widen(folder / _FRAMES, lengths, widths, persons, shape)
    tag_names = sorted({name for entry in tags for name in entry})
    columns: dict[str, Any] = {
        "shape": np.array([sum(lengths), persons, *shape]),
        "lengths": np.array(lengths),
        "labels": np.array(labels),
        "names": np.array(names),
    }
    columns |= {f"tag_{name}": np.array([entry.get(name, -1) for entry in tags], dtype=np.int64) for name in tag_names}
    with writing(folder, space=True):
        np.savez(folder / _INDEX, **columns)


def open_store(folder: Path) -> ClipStore:
    """Opens what :func:`write_store` wrote; frames are read from the file when they are used.

    Raises:
        ValueError: If the files do not belong together.
    """
    with parsing(folder / _INDEX, "delete its folder"), np.load(folder / _INDEX, allow_pickle=False) as index:
        columns = {name: index[name] for name in index.files}
        shape = tuple(int(length) for length in columns["shape"])
        count = len(columns["names"])
        fits = len(shape) == 4 and shape[0] == int(columns["lengths"].sum()) and int(columns["lengths"].min()) > 0
        fits = fits and all(len(columns[name]) == count for name in columns if name != "shape")
    size = (folder / _FRAMES).stat().st_size
    if not fits or size != 4 * math.prod(shape):
        what = f"it has {size} bytes for {list(shape)} numbers"
        raise InputError(f"'{folder / _FRAMES}' is damaged ({what}); delete its folder")
    frames = np.memmap(folder / _FRAMES, dtype="<f4", mode="c", shape=shape)  # private: writing changes no file
    return ClipStore(
        torch.from_numpy(frames),
        torch.from_numpy(columns["lengths"].astype(np.int64)),
        torch.from_numpy(columns["labels"].astype(np.int64)),
        tuple(columns["names"].tolist()),
        {name.removeprefix("tag_"): torch.from_numpy(columns[name]) for name in columns if name.startswith("tag_")},
    )


def _widen(path: Path, lengths: list[int], widths: list[int], persons: int, shape: tuple[int, ...]) -> None:
    """Writes the frames anew with room for all persons."""
    wide = path.with_suffix(".wide")
    with open(path, "rb") as source, open(wide, "wb") as target:
        for length, width in zip(lengths, widths, strict=True):
            count = length * width * int(np.prod(shape))
            x = np.fromfile(source, dtype="<f4", count=count).reshape(length, width, *shape)
            np.pad(x, ((0, 0), (0, persons - width), (0, 0), (0, 0))).tofile(target)
    wide.replace(path)
