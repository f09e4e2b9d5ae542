"""Reader of NTU RGB+D: one ``.skeleton`` file per clip, 25 joints, 3D coordinates."""

import math
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from graphkit.errors import InputError
from graphkit.files import check_content_size
from graphkit.ops.skeleton_text import skeleton_text
from graphkit.registry import get_layout
from graphkit.skeleton.bodies import fill_frames, select_bodies, track_bodies
from graphkit.skeleton.clip import MOST_FRAMES, Clip
from graphkit.skeleton.prepare import align, center

NUM_JOINTS = 25
#: Numbers in the line of a joint, of which the first three are its coordinates in meters.
_FIELDS = 12
#: Number of clips that are preprocessed together.
_TOGETHER = 64
#: Largest number of frames for the native parser, which does not check the memory of its result.
_FEW_FRAMES = 1500
BODIES = ("tracked", "position")
_NAME = re.compile(r"S(?P<setup>\d{3})C(?P<camera>\d{3})P(?P<subject>\d{3})R(?P<repetition>\d{3})A(?P<action>\d{3})")


def read_ntu(
    folder: Path,
    left_out: Collection[str] = (),
    num_actions: int = 120,
    bodies: str = "tracked",
) -> Iterator[Clip]:
    """Yields the preprocessed clips of a folder of ``.skeleton`` files in name order.

    The two bodies with the largest motion energy are kept, shifted to the first frame and repeated if they end early.
    The spine of the first body is the origin of every frame. In the first frame, that body is upright and its shoulders
    are parallel to the x axis.

    Args:
        folder (Path): Folder of the clips.
        left_out (Collection[str], optional): Names of clips to skip, such as the official list of missing skeletons.
            (default: ``()``)
        num_actions (int, optional): Number of actions: 60 for NTU RGB+D, 120 for NTU RGB+D 120. Clips of other actions
            are skipped. (default: ``120``)
        bodies (str, optional): Assignment of bodies to persons, see :func:`read_skeleton_file`.
            (default: ``"tracked"``)

    Raises:
        InputError: If the name or the content of a file is invalid; the message names the file and line.
    """
    skipped = frozenset(left_out)
    waiting: list[tuple[str, np.ndarray, int, dict[str, int]]] = []
    for path in sorted(folder.glob("*.skeleton")):
        match = _NAME.fullmatch(path.stem)
        if match is None:
            raise InputError(f"'{path}' is not named as clips of NTU RGB+D are (SsssCcccPpppRrrrAaaa.skeleton)")
        label = int(match["action"]) - 1
        if path.stem in skipped or label >= num_actions:
            continue
        x = read_skeleton_file(path, bodies)
        if not x.any():
            raise InputError(
                f"'{path}' has no skeleton in any of its {len(x)} frames; leave it out with the list of missing "
                "skeletons"
            )
        tags = {key: int(match[key]) for key in ("setup", "camera", "subject", "repetition")}
        waiting.append((path.stem, x, label, tags))
        if len(waiting) == _TOGETHER:
            yield from _prepared(waiting)
            waiting.clear()
    yield from _prepared(waiting)


def _prepared(waiting: list[tuple[str, np.ndarray, int, dict[str, int]]]) -> Iterator[Clip]:
    """Yields a batch of preprocessed clips."""
    clips = prepare_ntu([bodies for _, bodies, _, _ in waiting])
    for (name, _, label, tags), x in zip(waiting, clips, strict=True):
        yield Clip(name, x, label, tags)


def prepare_ntu(clips: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Preprocesses bodies ``[T, M, 25, 3]`` of clips to ``[T', 2, 25, 3]``."""
    if not clips:
        return []
    layout = get_layout("ntu-25")
    kept = [fill_frames(select_bodies(bodies)) for bodies in clips]
    lengths = [len(x) for x in kept]
    x, ptr = torch.from_numpy(np.concatenate(kept)), torch.tensor([0, *lengths]).cumsum(0)
    x = align(center(x, ptr, layout.center), ptr, layout.up, layout.across).float()
    return [clip.numpy() for clip in x.split(lengths)]


def read_skeleton_file(path: Path, bodies: str = "tracked") -> np.ndarray:
    """Reads the coordinates of all bodies in a ``.skeleton`` file.

    Args:
        path (Path): File.
        bodies (str, optional): Assignment of bodies to persons: ``"tracked"`` by tracking id, see
            :func:`graphkit.skeleton.bodies.track_bodies`; ``"position"`` by the position in the list of a frame.
            (default: ``"tracked"``)

    Returns:
        Coordinates ``[T, M, 25, 3]`` float64 in order of first appearance; zeros where a body is absent.

    Raises:
        InputError: If the file is empty, incomplete or malformed; the message names the file and line.
    """
    if bodies not in BODIES:
        raise InputError(f"`bodies` must be one of {', '.join(BODIES)} (got {bodies!r})")
    text = path.read_bytes()
    first = re.match(rb"\s*(\d{1,9})\s", text)
    fast = skeleton_text(text, NUM_JOINTS) if first and int(first[1]) <= _FEW_FRAMES else None
    x = fast.numpy() if fast is not None else _read_lines(path, text.decode("utf-8", errors="replace"))
    if bodies == "position" or (x.shape[1] == 1 and _has_one_id(text, len(x))):
        return x
    return track_bodies(x, _tracking_ids(text), path)


def _has_one_id(text: bytes, frames: int) -> bool:
    """Returns whether each frame has one body with the tracking id of the first one."""
    head = text.split(b"\n", 3)[2:3]
    name = head[0].split(b" ", 1)[0] if head else b""
    return bool(name) and text.count(b"\n" + name + b" ") == frames


def _tracking_ids(text: bytes) -> list[list[bytes]]:
    """Returns the tracking ids of the bodies of each frame of a valid file."""
    ends = [*np.flatnonzero(np.frombuffer(text, dtype=np.uint8) == ord("\n")).tolist(), len(text)]
    ids, position = [], 1
    for _ in range(int(text[: ends[0]])):
        count = int(text[ends[position - 1] : ends[position]])
        heads = range(position + 1, position + 1 + count * (2 + NUM_JOINTS), 2 + NUM_JOINTS)
        ids.append([b"".join(text[ends[head - 1] : ends[head]].split(None, 1)[:1]) for head in heads])
        position += 1 + count * (2 + NUM_JOINTS)
    return ids


def _read_lines(path: Path, text: str) -> np.ndarray:
    """Parses the file line by line and reports the line of an error."""
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise InputError(f"'{path}' is empty (line 1); fetch it again, or leave it out")
    starts, indices, bodies = [], [], 0
    position = 1
    frames = _whole(path, lines, 0, "the number of frames")
    for frame in range(frames):
        count = _whole(path, lines, position, f"the number of bodies in frame {frame + 1}")
        position += 1
        bodies = max(bodies, count)
        for body in range(count):
            joints = _whole(path, lines, position + 1, "the number of joints")
            if joints != NUM_JOINTS:
                raise InputError(f"'{path}', line {position + 2}: there must be {NUM_JOINTS} joints (got {joints})")
            starts.append(position + 2)
            indices.append((frame, body))
            position += 2 + NUM_JOINTS
    if position > len(lines):
        raise _cut_off(path, len(lines), f"frame {indices[-1][0] + 1} of {frames} is not complete")
    if position < len(lines):
        raise InputError(f"'{path}', line {position + 1}: more lines than its {frames} frames have; fetch it again")
    if frames > MOST_FRAMES:
        raise InputError(f"'{path}' must have at most {MOST_FRAMES:,} frames (got {frames:,}); leave it out")
    size = max(frames, 1) * max(bodies, 1) * NUM_JOINTS * 3 * 8
    check_content_size(path, size, f"{frames:,} frames of {bodies} bodies", "leave it out")
    x = np.zeros((max(frames, 1), max(bodies, 1), NUM_JOINTS, 3))
    if starts:
        cells = [line.split(None, 3)[:3] for start in starts for line in lines[start : start + NUM_JOINTS]]
        try:
            values = np.array(cells, dtype=np.float64)
            if values.shape != (len(cells), 3) or not np.isfinite(values).all():
                raise ValueError
        except ValueError:
            raise _wrong_joint(path, lines, starts) from None
        frame_of, body_of = np.array(indices).T
        x[frame_of, body_of] = values.reshape(-1, NUM_JOINTS, 3)
    return x


def _whole(path: Path, lines: list[str], index: int, what: str) -> int:
    """Returns the integer in a line."""
    if index >= len(lines):
        raise _cut_off(path, len(lines), f"{what} is missing")
    try:
        number = int(lines[index])
        if number < 0 or not lines[index].isascii():
            raise ValueError
    except ValueError:
        text = lines[index].strip()[:40]
        raise InputError(f"'{path}', line {index + 1}: expected {what} (got '{text}'); fetch it again") from None
    return number


def _cut_off(path: Path, line: int, what: str) -> InputError:
    return InputError(f"'{path}' ends too early, after line {line}: {what}; fetch it again, or leave it out")


def _wrong_joint(path: Path, lines: list[str], starts: list[int]) -> InputError:
    """Returns the error for the first malformed line of a joint."""
    for start in starts:
        for index in range(start, start + NUM_JOINTS):
            cells = lines[index].split()
            try:
                finite = all(math.isfinite(float(cell)) for cell in cells[:3])
            except ValueError:
                finite = False
            if len(cells) != _FIELDS or not finite:
                text = lines[index].strip()[:40]
                what = f"expected the {_FIELDS} numbers of a joint (got '{text}')"
                return InputError(f"'{path}', line {index + 1}: {what}; fetch it again")
    return InputError(f"'{path}' cannot be read; fetch it again")
