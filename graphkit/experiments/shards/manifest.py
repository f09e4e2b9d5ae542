"""Manifest of a folder with shards: its units and their assignment."""

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

#: Settings that may differ between machines.
_FREE = ("device", "data.root")


class Manifest(NamedTuple):
    """Units of a run folder and their shards.

    Args:
        shards: Number of shards.
        units: Shard of each unit, in order.
    """

    shards: int
    units: dict[str, int]


def parse_shard(text: str) -> tuple[int, int]:
    """Returns index and number of shards, from text such as ``"0/4"``.

    Raises:
        InputError: If the text is invalid, or there is no such shard.
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
    """Returns the manifest of a folder, which the first process creates.

    Unit ``k`` belongs to shard ``k`` modulo ``count``. Several processes may start at once: the folder ``shards`` is
    created under a temporary name and renamed atomically by one of them.

    Args:
        folder: The run folder.
        count: Number of shards; ``None`` for that of an existing manifest.
        command: Command, such as ``"train"``.
        config: Settings of the run.
        units: Names of the units, in order.

    Raises:
        InputError: If the folder contains other files, cannot be written, or was started with another number of shards,
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
    """Returns whether the content of a manifest is valid."""
    if not isinstance(content, dict) or not isinstance(content.get("command"), str):
        return False
    count, units = content.get("count"), content.get("units")
    valid = isinstance(count, int) and count >= 1 and isinstance(content.get("config"), dict)
    return valid and isinstance(units, dict) and all(type(shard) is int for shard in units.values())


def open_folder(output: str | Path | None) -> NewFolder:
    """Returns the shared folder of all shards, created if necessary.

    Raises:
        InputError: If there is no ``output``, or it contains files other than those of shards.
    """
    if output is None:
        raise InputError("--shard needs --output DIR, a folder shared by all shards (got none)")
    folder = Path(output)
    for _ in range(2):  # another shard may start between the two checks
        begun = (folder / SHARDS / "manifest.json").is_file()
        if begun or not folder.is_dir() or all(path.name.startswith(f".{SHARDS}-") for path in folder.iterdir()):
            try:
                return NewFolder(folder, make_parents(folder))
            except OSError as error:
                raise _unwritable(folder, error) from None
    return make_folder(folder, "")  # raises the error of a folder that is not empty


def _publish(path: Path, content: dict[str, Any]) -> None:
    """Creates the folder of the shards with its manifest, unless another process does."""
    aside = path.with_name(f".{SHARDS}-{secrets.token_hex(6)}")
    try:
        for name in ("units", "workers"):
            (aside / name).mkdir(parents=True)
        write_json(aside / "manifest.json", content)
        try:
            os.rename(aside, path)  # fails if the folder exists and is not empty
        except OSError:
            if not (path / "manifest.json").is_file():
                raise
    except OSError as error:
        raise _unwritable(path.parent, error) from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> InputError:
    return InputError(f"the output folder cannot be written: '{folder}' ({os.strerror(error.errno or 0)})")
