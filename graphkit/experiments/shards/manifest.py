"""What is to be done in a folder, and by which shard: agreed once, by whoever comes first, and kept to by all."""

import os
import re
import secrets
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from graphkit.errors import InputError
from graphkit.files import read_json, write_json
from graphkit.training.fingerprint import differences
from graphkit.training.run_files import SHARDS, NewFolder, make_folder, make_parents

#: Settings in which machines may differ.
_FREE = ("device", "data.root")


class Manifest(NamedTuple):
    """The units of work of a run folder.

    Args:
        shards: Number of shards.
        units: The shard that each unit belongs to, in the order of the work.
    """

    shards: int
    units: dict[str, int]


def parse_shard(text: str) -> tuple[int, int]:
    """Returns the number of a shard, and how many there are, of text such as ``"0/4"``.

    Raises:
        ValueError: If the text does not read so, or there is no such shard.
    """
    match = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text, re.ASCII)
    if match is None:
        raise InputError(f"--shard must read I/N, such as 0/4 for the first of four (got '{text}')")
    index, count = int(match[1]), int(match[2])
    if count < 1:
        raise InputError(f"--shard I/N needs N of at least 1 (got '{text}'); 0/1 is all of the work")
    if index >= count:
        raise InputError(f"--shard I/N must be from 0/{count} to {count - 1}/{count} (got '{text}'); I counts from 0")
    return index, count


def agree(folder: Path, count: int | None, command: str, config: Mapping[str, Any], units: Iterable[str]) -> Manifest:
    """Returns what a folder's shards have agreed on, after agreeing to it if this process is the first.

    Unit ``k`` belongs to shard ``k`` modulo ``count``. All may begin at the same moment, on a folder that does not
    exist: the folder ``shards`` is made aside and takes its name in one step, which only one of them can do.

    Args:
        folder: The run folder.
        count: Number of shards; ``None`` for that which is agreed on.
        command: The command, such as ``"train"``.
        config: Its settings.
        units: The names of the units of work, in order.

    Raises:
        ValueError: If the folder holds something else, cannot be written, or was begun with another number of shards,
            another command or other settings.
    """
    path = folder / SHARDS
    if not (path / "manifest.json").is_file() and count is not None:
        _publish(path, {
            "command": command,
            "count": count,
            "config": config,
            "units": {unit: number % count for number, unit in enumerate(units)},
        })  # fmt: skip
    content = read_json(path / "manifest.json", "choose another --output")
    if not _is_manifest(content):
        raise InputError(f"'{path / 'manifest.json'}' is no list of shards; choose another --output")
    agreed = content["count"]
    if count not in (None, agreed):
        raise InputError(
            f"'{folder}' was begun with {agreed} shard{'s' if agreed > 1 else ''} (got --shard I/{count}); take "
            f"--shard 0/{agreed} to {agreed - 1}/{agreed}, or another --output"
        )
    if content["command"] != command:
        raise InputError(f"'{folder}' was begun by {content['command']} (got {command}); take another --output")
    for key, before, now in differences(content["config"], config, _FREE):
        raise InputError(
            f"'{folder}' was begun with {key} = {before} (got {now}); give the settings it was begun with, "
            "or another --output"
        )
    if list(content["units"]) != list(units):
        raise InputError(
            f"'{folder}' was begun with {len(content['units'])} units of work (got {len(list(units))}); the data have "
            "changed, take another --output"
        )
    return Manifest(agreed, content["units"])


def _is_manifest(content: Any) -> bool:
    """Returns whether a manifest has all that it needs."""
    if not isinstance(content, dict) or not isinstance(content.get("command"), str):
        return False
    count, units = content.get("count"), content.get("units")
    valid = isinstance(count, int) and count >= 1 and isinstance(content.get("config"), dict)
    return valid and isinstance(units, dict) and all(type(shard) is int for shard in units.values())


def open_folder(output: str | Path | None) -> NewFolder:
    """Returns the folder that shards share, made if need be.

    Raises:
        ValueError: If none is given, or it holds what no shard has written.
    """
    if output is None:
        raise InputError("--shard needs --output DIR, a folder that all shards share and name alike (got none)")
    folder = Path(output)
    for _ in range(2):  # another shard may have begun between the two looks
        begun = (folder / SHARDS / "manifest.json").is_file()
        if begun or not folder.is_dir() or all(path.name.startswith(f".{SHARDS}-") for path in folder.iterdir()):
            try:
                return NewFolder(folder, make_parents(folder))
            except OSError as error:
                raise _unwritable(folder, error) from None
    return make_folder(folder, "")  # which says that it is not empty


def _publish(path: Path, content: dict[str, Any]) -> None:
    """Makes the folder of the shards with all that it has from the beginning, unless another process does."""
    aside = path.with_name(f".{SHARDS}-{secrets.token_hex(6)}")
    try:
        for name in ("units", "workers"):
            (aside / name).mkdir(parents=True)
        write_json(aside / "manifest.json", content)
        try:
            os.rename(aside, path)  # which fails where there is a folder that is not empty
        except OSError:
            if not (path / "manifest.json").is_file():
                raise
    except OSError as error:
        raise _unwritable(path.parent, error) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> InputError:
    return InputError(f"the output folder cannot be written: '{folder}' ({os.strerror(error.errno or 0)})")
