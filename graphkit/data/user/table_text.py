"""Text of tables: encoding, delimiter and rows of cells."""

import codecs
import csv
import io
import re
from pathlib import Path
from typing import Any

from graphkit.errors import InputError

#: Delimiters of cells, with their names; a space only separates the cells of R's ``write.table``.
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "space"}
#: Length of the beginning of a text from which the delimiter is determined.
SAMPLE = 2**16

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_INVISIBLE = re.compile("[\ufeff\u200b]")
_EXCEL = re.compile(r'"?sep=(.)"?\s*\Z')


def read_text(path: Path) -> str:
    """Reads a UTF-8 text, or a UTF-16 text with a byte order mark.

    Byte order marks and zero-width spaces are removed.

    Raises:
        InputError: If the file has another encoding.
    """
    data = path.read_bytes()
    if data.startswith(b"PK\x03\x04") or data.startswith(b"\xd0\xcf\x11\xe0"):
        raise InputError(f"'{path}' holds a spreadsheet, not text; save the sheet as 'CSV UTF-8'")
    try:
        text = data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"'{path}', line {line}: must be UTF-8 text (got the byte 0x{data[error.start]:02x}); save the table as "
            "'CSV UTF-8', or convert it: iconv -f latin1 -t utf-8"
        ) from None
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(f"'{path}', line {line}: must be UTF-8 text (got a zero byte); save the table as 'CSV UTF-8'")
    return _INVISIBLE.sub("", text)


def find_delimiter(text: str) -> str:
    """Returns the delimiter with which most rows have as many cells as the header.

    Args:
        text (str): Text of a table.
    """
    sample = text if len(text) <= SAMPLE else text[: text.rfind("\n", 0, SAMPLE) + 1] or text[:SAMPLE]
    best, rank = ",", (0.0, 1)
    for delimiter in DELIMITERS:
        try:
            widths = [len(row) for row in _reader(sample, delimiter, strict=False) if any(map(str.strip, row))]
        except csv.Error:
            continue
        if not widths or widths[0] < 2:
            continue
        share = sum(width - widths[0] in (0, 1) for width in widths) / len(widths)
        if delimiter == " " and (rank[1] > 1 or share < 1 or len({*widths[1:]}) != 1):
            continue
        if (share, widths[0]) > rank:
            best, rank = delimiter, (share, widths[0])
    return best


def read_rows(path: Path, keep_empty: bool = False) -> tuple[list[list[str]], list[int], str]:
    """Reads the rows of a table, the header first.

    Args:
        path (Path): File, see :func:`read_text`. A first line ``sep=;``, as for Excel, names the delimiter.
        keep_empty (bool, optional): Keeps rows of empty cells between others; blank lines are never rows. (default:
            ``False``)

    Returns:
        Rows of stripped cells without empty ones, their line numbers, and the delimiter.

    Raises:
        InputError: If the file has another encoding, a quotation mark is not closed, or a cell is too long.
    """
    text = read_text(path)
    first, _, rest = text.partition("\n")
    named = _EXCEL.match(first)
    delimiter = named[1] if named else find_delimiter(text)
    rows: list[list[str]] = []
    lines: list[int] = []
    reader, line = _reader(rest if named else text, delimiter, strict=True), int(bool(named))
    try:
        for row in reader:
            line = reader.line_num + bool(named)
            cells = [cell.strip() for cell in row]
            if any(cells) or (keep_empty and cells and rows):
                rows.append(cells if any(cells) else [""] * len(rows[0]))
                lines.append(line)
    except csv.Error as error:
        raise InputError(
            f"'{path}', line {line + 1}: cannot be read as {DELIMITERS.get(delimiter, delimiter)}-separated text "
            f'({error}); close the quotation mark, and double those within a cell: "a ""b"""'
        ) from None
    while rows and not any(rows[-1]):
        rows.pop()
        lines.pop()
    return rows, lines, delimiter


def _reader(text: str, delimiter: str, strict: bool) -> Any:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=strict)
