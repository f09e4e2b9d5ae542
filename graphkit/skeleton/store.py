"""Clip store: the frames of all clips in one memory-mapped file."""

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
#: Largest size of a store in bytes, or relative to its clips: all clips are padded to the largest number of persons.
_SMALL_STORE, _WIDER = 2**30, 8


@dataclass(frozen=True)
class ClipStore:
    """Concatenated clips.

    Args:
        x (Tensor): Frames ``[F, P, V, C]`` float32 of all clips, possibly memory-mapped.
        lengths (Tensor): Number of frames ``[G]`` int64 of each clip.
        labels (Tensor): Labels ``[G]`` int64.
        names (tuple[str, ...]): Names of the clips.
        tags (dict[str, Tensor]): Values ``[G]`` int64 of each tag, -1 where a clip does not have it.
    """

    x: Tensor
    lengths: Tensor
    labels: Tensor
    names: tuple[str, ...]
    tags: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.names)


def gather_clips(clips: Iterable[Clip]) -> ClipStore:
    """Returns an in-memory store of clips.

    Args:
        clips (Iterable[Clip]): Clips with equal numbers of joints and coordinates.

    Returns:
        The store.

    Raises:
        InputError: If there is no clip, or the numbers of joints or coordinates differ.

    Example:
        >>> gather_clips([Clip("a", np.ones((2, 1, 3, 2), dtype=np.float32), label=1)]).lengths.tolist()
        [2]
    """
    with tempfile.TemporaryDirectory(prefix="graphkit-") as folder:
        write_store(Path(folder), clips)
        return _in_memory(open_store(Path(folder)))


def _in_memory(store: ClipStore) -> ClipStore:
    """Returns a store without memory-mapped files, so that Windows can delete them."""
    return replace(store, x=store.x.clone())


def write_store(folder: Path, clips: Iterable[Clip]) -> None:
    """Writes a store of clips, with one clip in memory at a time.

    Args:
        folder (Path): Existing empty folder.
        clips (Iterable[Clip]): Clips with equal numbers of joints and coordinates; missing persons are zero-padded.

    Raises:
        InputError: If there is no clip, or the numbers of joints or coordinates differ.
        WriteError: If the folder is not writable.
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
    """Opens a store of :func:`write_store` with memory-mapped frames.

    Args:
        folder (Path): Folder of the store.

    Returns:
        The store.

    Raises:
        InputError: If the files are damaged.
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
    """Rewrites the frames, padded to the largest number of persons."""
    wide = path.with_suffix(".wide")
    with open(path, "rb") as source, open(wide, "wb") as target:
        for length, width in zip(lengths, widths, strict=True):
            count = length * width * int(np.prod(shape))
            x = np.fromfile(source, dtype="<f4", count=count).reshape(length, width, *shape)
            np.pad(x, ((0, 0), (0, persons - width), (0, 0), (0, 0))).tofile(target)
    wide.replace(path)
