"""Mutations of files: bytes, cells of tables, trees of JSON, arrays and members of archives."""

import gzip
import io
import json
import random
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from graphkit.files import PARSER_ERRORS

TOKENS = [
    "", "nan", "NaN", "inf", "-inf", "-1", "0", "-0", "1e999", "1e-999", "2147483648", "9223372036854775808",
    "-" + "9" * 40, "9" * 400, "1" + "0" * 30, "536870912", "0.5", "1,5", "None", "null", "NA", "true", "=1+1",
    "'", '"', '"a', "\x1b[2J", "\x00",
    "é", "\ud83d\ude00", "\u202e", " ", "\t", "\r", "a" * 5000, "../../x", "/etc/passwd", "#", "[", "{", "}", "]",
    "&a", "*a", "!!x",
    "<x>", "1_000", "0x10", "1.", ".5", "+1", "--1", "1 2", ";", ",", ",,,,", "\ufeff", "inf,nan",
]  # fmt: skip
VALUES: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 10**400, 0.5, 1e308, -1e308, float("nan"), float("inf"), "",
    "x", "9" * 400,
    [], {}, [[]], [None], [0], [1, 2], {"a": 1}, [[1, 2], [3]], "\x1b[31m", [[[[[]]]]],
]  # fmt: skip


def mutate_file(path: Path, rng: random.Random) -> str:
    """Changes a file in one to three places and returns a short description of the kinds of change."""
    kinds = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        kind = rng.choice(_kinds(path))
        data = path.read_bytes()
        try:
            new = kind(data, rng)
        except PARSER_ERRORS:
            kind, new = _bytes, _bytes(data, rng)  # an earlier change has made the file unreadable
        path.write_bytes(new)
        kinds.append(kind.__name__.strip("_"))
    return "+".join(kinds)


def _kinds(path: Path) -> list[Any]:
    """Returns the mutations that fit the suffix of a file."""
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return [_bytes, _head, _array, _array, _array]
    if suffix in (".npz", ".zip", ".pt", ".pt2"):
        return [_bytes, _member, _member, _member]
    if suffix == ".gz":
        return [_bytes, _inside_gzip, _inside_gzip]
    if suffix == ".json":
        return [_bytes, _cell, _tree, _tree, _tree]
    if suffix in (".csv", ".txt", ".yaml", ".skeleton", ".graphml", ".gexf", ".gml", ".edgelist", ".index", ".tsv"):
        return [_bytes, _cell, _cell, _cell, _line]
    return [_bytes, _bytes, _head]


def _bytes(data: bytes, rng: random.Random) -> bytes:
    """Flips, cuts, doubles or inserts bytes."""
    new = bytearray(data)
    action = rng.randrange(6)
    at = rng.randrange(len(new) + 1)
    if action == 0:
        return bytes(new[:at])
    if action == 1:
        return bytes(new[at:])
    if action == 2:
        new[at:at] = new[at : at + rng.randrange(64)] * rng.randrange(1, 4)
    elif action == 3:
        new[at:at] = rng.choice([b"\x00", b"\xff\xfe", b"\n", b"\xf0", rng.randbytes(rng.randrange(1, 9))])
    elif action == 4:
        return b""
    else:
        for _ in range(rng.randrange(1, 8)):
            if new:
                new[rng.randrange(len(new))] = rng.randrange(256)
    return bytes(new)


def _head(data: bytes, rng: random.Random) -> bytes:
    """Changes bytes among the first 128, where formats have their headers."""
    new = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        if new:
            new[rng.randrange(min(len(new), 128))] = rng.choice([rng.randrange(256), *b"()[]{}',:0123456789<>|"])
    return bytes(new)


def _cell(data: bytes, rng: random.Random) -> bytes:
    """Replaces one word of a text."""
    text = data.decode("utf-8", "surrogateescape")
    words = list(re.finditer(r"[^\s,;:\"'<>\[\]{}()=]+", text))
    if not words:
        return data + rng.choice(TOKENS).encode("utf-8", "surrogatepass")
    word = rng.choice(words)
    new = text[: word.start()] + rng.choice(TOKENS) + text[word.end() :]
    return new.encode("utf-8", "surrogatepass" if "\ud83d" in new else "surrogateescape")


def _line(data: bytes, rng: random.Random) -> bytes:
    """Removes, doubles or swaps lines."""
    lines = data.split(b"\n")
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    action = rng.randrange(3)
    if action == 0:
        del lines[at]
    elif action == 1:
        lines[at:at] = [lines[at]] * rng.choice([1, 2, 500])
    else:
        lines[at], lines[other] = lines[other], lines[at]
    return b"\n".join(lines)


def _tree(data: bytes, rng: random.Random) -> bytes:
    """Replaces or removes one node of a JSON tree."""
    content = json.loads(data)
    if rng.random() < 0.02:
        return b"[" * 100_000 if rng.random() < 0.5 else (b'{"a":' * 50_000)
    holders: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
            holders.append((node, key))
            walk(value)

    walk(content)
    if not holders:
        return json.dumps(rng.choice(VALUES)).encode()
    holder, key = rng.choice(holders)
    if rng.random() < 0.25:
        del holder[key]
    else:
        holder[key] = rng.choice(VALUES)
    return json.dumps(content).encode()


def _inside_gzip(data: bytes, rng: random.Random) -> bytes:
    """Changes the text inside of a gzip file."""
    return gzip.compress(rng.choice([_cell, _cell, _line, _bytes])(gzip.decompress(data), rng))


def _array(data: bytes, rng: random.Random) -> bytes:
    """Replaces an array of a ``.npy`` file by one of other values, another shape or another type."""
    array = np.load(io.BytesIO(data), allow_pickle=False)
    return _npy(_other_array(array, rng), rng)


def _npy(array: np.ndarray, rng: random.Random) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    data = buffer.getvalue()
    if rng.random() < 0.1:  # a header that promises far more than the file holds
        old = str(array.shape).encode()
        new = rng.choice([b"(99999999999,)", b"(1073741824, 8)", b"(4, 4)", b"(-1,)", b"(0, 9)"])
        start = data.find(old)
        if start >= 0:
            data = data[:start] + new + data[start + len(old) :]
    return data


def _other_array(array: np.ndarray, rng: random.Random) -> np.ndarray:
    """Returns an array that differs in values, shape or type."""
    action = rng.randrange(12)
    new = np.array(array)
    if action < 4 and new.size and new.dtype.kind in "iuf":
        extremes = [0, 1, -1, 2, new.size, 2**29, 2**31 - 1, 2**31, 2**62, -(2**31), 1000]
        value: float = rng.choice(extremes)
        if new.dtype.kind == "f":
            value = rng.choice([*extremes, float("nan"), float("inf"), 1e30, -1e308, 0.5])
        with np.errstate(all="ignore"):
            wide = np.array(value, dtype="f8" if new.dtype.kind == "f" else "i8")
            new.flat[rng.randrange(new.size)] = wide.astype(new.dtype)
        return new
    if action == 4:
        return new.astype(rng.choice(["f2", "f4", "f8", "i1", "u1", "i4", "i8", "u8", "c8", "?", ">f4", ">i8"]))
    if action == 5:
        return new.T
    if action == 6:
        return new.reshape(-1)
    if action == 7:
        return new[..., None]
    if action == 8:
        return new[: len(new) // 2] if new.ndim else new
    if action == 9:
        return np.array(rng.choice([[], [["x", "y"]], 3, [None], [object()] if rng.random() < 0.1 else ["a"]]))
    if action == 10:
        return np.concatenate([new, new]) if new.ndim else new
    return np.zeros((0, *new.shape[1:]), dtype=new.dtype)


def _member(data: bytes, rng: random.Random) -> bytes:
    """Changes, removes or adds a member of a zip archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    at = rng.randrange(len(members))
    name, content = members[at]
    action = rng.randrange(10)
    if action == 0:
        del members[at]
    elif action == 1:
        members.append((rng.choice(["../up.npy", "/abs.npy", "x" * 300, name, "new.npy", "a/b/c.npy"]), content))
    elif action == 2:
        members[at] = (name, b"\x00" * (200 << 20) if rng.random() < 0.02 else b"")
    elif name.endswith(".npy") and action < 8:
        members[at] = (name, _array(content, rng))
    elif name.endswith(".json"):
        members[at] = (name, _tree(content, rng))
    else:
        members[at] = (name, rng.choice([_bytes, _head])(content, rng))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED if action == 2 else zipfile.ZIP_STORED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()
