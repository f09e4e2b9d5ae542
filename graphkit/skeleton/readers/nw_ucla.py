"""NW-UCLA: one JSON file per clip, in an archive."""

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
    """Yields the clips of the archive ``all_sqe.zip`` in the order of their names.

    A clip is called ``aAA_sSS_eEE_vVV`` for its action, subject, repetition and camera and has 20 joints of one person.

    Args:
        path: The archive.

    Raises:
        ValueError: If the archive or a file in it cannot be read; the name is given.
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
    """Returns the frames ``[T, 20, 3]`` float32 in the content of a file.

    Args:
        content: What the JSON says.
        what: What the file is called in errors.

    Raises:
        ValueError: If it has no frames of 20 joints with three coordinates.
    """
    try:
        with np.errstate(over="ignore"):  # infinite then, and refused as such
            x = np.asarray(content["skeletons"], dtype=np.float32)
    except PARSER_ERRORS as error:
        line = " ".join(str(error).split())
        raise InputError(f"{what} is no clip ({type(error).__name__}: {line})") from None
    if x.ndim != 3 or x.shape[1:] != (20, 3) or not len(x):
        raise InputError(f"{what} must hold frames of 20 joints with 3 coordinates (got {x.shape})")
    return x
