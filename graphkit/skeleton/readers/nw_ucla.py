"""Reader of NW-UCLA: one JSON file per clip in a zip archive, 20 joints."""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from graphkit.errors import InputError
from graphkit.files import PARSER_ERRORS, check_zip
from graphkit.skeleton.clip import Clip

#: Codes of the actions in the names of the clips, in the order of their labels.
ACTIONS = {
    1: "pick up with one hand",
    2: "pick up with two hands",
    3: "drop trash",
    4: "walk around",
    5: "sit down",
    6: "stand up",
    8: "donning",
    9: "doffing",
    11: "throw",
    12: "carry",
}
_CODES = {code: label for label, code in enumerate(ACTIONS)}
_NAME = re.compile(r"a(?P<action>\d+)_s(?P<subject>\d+)_e(?P<repetition>\d+)_v(?P<camera>\d+)")


def read_nw_ucla(path: Path) -> Iterator[Clip]:
    """Yields the clips of the archive ``all_sqe.zip`` in name order.

    The name ``aAA_sSS_eEE_vVV`` of a clip encodes its action, subject, repetition and camera.

    Args:
        path (Path): Archive.

    Raises:
        InputError: If the archive or a file in it cannot be read; the message names it.
    """
    check_zip(path)
    with zipfile.ZipFile(path) as archive:
        members = sorted(name for name in archive.namelist() if name.endswith(".json"))
        for member in members:
            name = Path(member).stem
            match = _NAME.fullmatch(name)
            if match is None or int(match["action"]) not in _CODES:
                raise InputError(f"'{path}' holds '{member}', which is not named as its clips are (aAA_sSS_eEE_vVV)")
            what = f"'{member}' in '{path}'"
            try:
                content = json.loads(archive.read(member))
            except PARSER_ERRORS as error:
                raise InputError(f"{what} is no clip ({type(error).__name__}: {error})") from None
            x = nw_ucla_frames(content, what)
            tags = {key: int(match[key]) for key in ("subject", "repetition", "camera")}
            yield Clip(name, x[:, None], _CODES[int(match["action"])], tags)


def nw_ucla_frames(content: Any, what: str) -> np.ndarray:
    """Returns the frames ``[T, 20, 3]`` float32 of a clip.

    Args:
        content (Any): Content of the JSON file.
        what (str): Name of the file in error messages.

    Raises:
        InputError: If the content has no frames of 20 joints with three coordinates.
    """
    try:
        with np.errstate(over="ignore"):  # infinite values raise an error later
            x = np.asarray(content["skeletons"], dtype=np.float32)
    except PARSER_ERRORS as error:
        line = " ".join(str(error).split())
        raise InputError(f"{what} is no clip ({type(error).__name__}: {line})") from None
    if x.ndim != 3 or x.shape[1:] != (20, 3) or not len(x):
        raise InputError(f"{what} must hold frames of 20 joints with 3 coordinates (got {x.shape})")
    return x
