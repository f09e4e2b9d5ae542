"""Reader of Kinetics-Skeleton: one JSON file per clip, 18 joints, 2D coordinates."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from graphkit.errors import InputError
from graphkit.files import PARSER_ERRORS, check_content_size, parsing
from graphkit.skeleton.clip import MOST_FRAMES, Clip
from graphkit.skeleton.seen import ORIGIN

NUM_JOINTS, NUM_ACTIONS = 18, 400
MOST_PERSONS = 5


def read_kinetics(folder: Path, tags: dict[str, int] | None = None) -> Iterator[Clip]:
    """Yields the clips of a folder of JSON files in name order, without empty clips.

    The origin is the center of the image, and y points upward. Coordinates are zero for joints with zero confidence.
    The two persons with the largest total confidence of each frame are kept. The third channel is the confidence.

    Args:
        folder (Path): Folder of the clips.
        tags (dict[str, int], optional): Tags of all clips. (default: ``None``)

    Raises:
        InputError: If a file is not a clip or has no label; the message names the file.
    """
    for path in sorted(folder.glob("*.json")):
        with parsing(path, "leave it out", "as a clip of Kinetics-Skeleton"):
            content = json.loads(path.read_text(encoding="utf-8"))
            entries, got = content["data"], content.get("label_index")
        if not isinstance(got, int) or not 0 <= got < NUM_ACTIONS:
            raise InputError(
                f"'{path}' has no label: `label_index` must be a whole number from 0 to {NUM_ACTIONS - 1} "
                f"(got {got!r:.40}); leave it out"
            )
        x = kinetics_persons(path, entries)
        if x is None:
            continue
        yield Clip(path.stem, prepare_kinetics(x), got, tags or {})


def prepare_kinetics(x: np.ndarray, keep: int = 2) -> np.ndarray:
    """Preprocesses persons ``[T, M, 18, 3]`` to ``[T, keep, 18, 3]`` float32."""
    x = x.copy()
    x[..., :2] -= 0.5
    x[..., 1] *= -1.0
    x[..., :2][x[..., 2] == 0] = 0.0
    x[..., 0][(x[..., 2] != 0) & (x[..., :2] == 0).all(axis=-1)] = ORIGIN  # visible in the center of the image
    order = np.argsort(-x[..., 2].sum(axis=2), axis=1, kind="stable")[:, :keep]
    kept = np.take_along_axis(x, order[:, :, None, None], axis=1)
    return np.pad(kept, ((0, 0), (0, keep - kept.shape[1]), (0, 0), (0, 0))).astype(np.float32)


def kinetics_persons(path: Path, entries: list[dict]) -> np.ndarray | None:
    """Returns the persons of a clip, ``[T, M, 18, 3]``, or ``None`` if there are none.

    The channels are x, y and confidence. Frames before the first person are dropped.

    Raises:
        InputError: If an entry is not a frame; the message names the file.
    """
    try:
        shown = [entry for entry in entries if entry.get("skeleton")]
        if not shown:
            return None
        numbers = [int(entry["frame_index"]) for entry in shown]
        most = min(MOST_PERSONS, max(len(entry["skeleton"]) for entry in shown))
        frames = max(numbers) - min(numbers) + 1
        if frames > MOST_FRAMES:
            raise InputError(
                f"'{path}' must have at most {MOST_FRAMES:,} frames from its smallest to its largest `frame_index` "
                f"(got {min(frames, 10**15):,}); correct the numbers, or cut it into clips"
            )
        size = frames * most * NUM_JOINTS * 3 * 8
        check_content_size(path, size, f"{frames:,} frames", "correct frame_index, or leave it out")
        x = np.zeros((frames, most, NUM_JOINTS, 3))
        for number, entry in zip(numbers, shown, strict=True):
            for person, skeleton in enumerate(entry["skeleton"][:MOST_PERSONS]):
                x[number - min(numbers), person, :, :2] = np.reshape(skeleton["pose"], (NUM_JOINTS, 2))
                x[number - min(numbers), person, :, 2] = skeleton["score"]
    except InputError:
        raise
    except PARSER_ERRORS as error:
        line = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise InputError(f"'{path}' must hold {NUM_JOINTS} joints of each person ({line})") from None
    return x if x.any() else None
