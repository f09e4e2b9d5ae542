"""Validation of ``.pt2`` archives before loading with PyTorch.

``torch.export.load`` is unsafe for untrusted files: it unpickles sample inputs and constants, loads compiled libraries,
resolves operators by any name below ``torch``, and evaluates expressions as Python. :func:`checked_archive` copies only
the content of a model that graphkit exports: a graph of allowed operators, sizes computed from the dynamic axes, and
plain weights.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from graphkit.errors import InputError
from graphkit.files import check_zip, parsing

_REMEDY = "export it again"
_MEMBERS = re.compile(
    r"(archive_format|archive_version|byteorder|\.data/version|\.data/serialization_id|models/model\.json"
    r"|data/weights/(weight_\d+|model_weights_config\.json)|data/constants/(tensor_\d+|model_constants_config\.json)"
    r"|data/sample_inputs/model\.pt|extra/graphkit\.json)"
)
_ATEN = (
    "_adaptive_avg_pool2d|_assert_scalar|_assert_tensor_metadata|_softmax|_to_copy|_unsafe_view|adaptive_avg_pool2d|add|"
    "addmm|alias|amax|avg_pool2d|batch_norm|bmm|cat|chunk|clamp|clone|constant_pad_nd|contiguous|conv1d|conv2d|"
    "convolution|detach|div|dropout|expand|flatten|ge|gt|index_select|le|linear|lt|matmul|max_pool2d|mean|mm|movedim|"
    "mul|narrow|neg|pad|permute|relu|reshape|rsqrt|select|sigmoid|slice|softmax|split|split_with_sizes|sqrt|squeeze|"
    "stack|sub|sum|sym_numel|sym_size|sym_stride|t|tanh|to|transpose|unbind|unflatten|unsqueeze|view"
)
_OPERATOR = "add|sub|mul|floordiv|truediv|mod|eq|ne|lt|le|gt|ge|neg|pos|abs|and_|or_|not_|getitem"
_TARGETS = re.compile(
    rf"torch\.ops\.aten\.({_ATEN})\.\w+|_operator\.({_OPERATOR})|torch\.sym_(max|min|not|int|float|ite|sum)"
    r"|math\.(ceil|floor|trunc)"
)
_NAMES = (
    "Abs|Add|And|CeilDiv|CeilToInt|CleanDiv|Eq|Equality|False|Float|FloorDiv|FloorToInt|Ge|GreaterThan|Gt|Integer|"
    "IntTrueDiv|Le|LessThan|Lt|Max|Min|Mod|ModularIndexing|Mul|Ne|Not|Or|PythonMod|Rational|StrictGreaterThan|"
    "StrictLessThan|Symbol|ToFloat|True|TruncToInt|Unequality|evaluate|finite|integer|nonnegative|nonzero|positive|"
    "real|zero"
)
_EXPRESSION = re.compile(rf"(?:'[su]\d+'|[su]\d{{1,6}}\b|\b(?:{_NAMES})\b|\d{{1,18}}\b|\*(?!\*)|[\s(),=+\-/<>])*")
_TYPES = (None, "builtins.tuple", "builtins.list", "builtins.dict")


def checked_archive(path: Path) -> io.BytesIO:
    """Returns a copy of a ``.pt2`` archive without executable content.

    Raises:
        InputError: If the file is damaged, or is not a model exported by graphkit.
    """
    check_zip(path)
    content: dict[str, bytes] = {}
    with parsing(path, _REMEDY), zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename.split("/", 1)[-1]
            if not _MEMBERS.fullmatch(name) or name in content:
                raise _refused(path, f"the member '{member.filename[:80]}'")
            content[name] = archive.read(member)
    with parsing(path, _REMEDY):
        for name in ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json"):
            for entry in json.loads(content[name])["config"].values():
                if entry["use_pickle"] is not False:
                    raise _refused(path, "a pickled tensor")
        if content["data/sample_inputs/model.pt"]:  # PyTorch falls back to an unrestricted load if this one fails
            torch.load(io.BytesIO(content["data/sample_inputs/model.pt"]), weights_only=True)
        program = json.loads(content["models/model.json"])
        _check_program(path, program)
        content["models/model.json"] = json.dumps(program).encode()
    copy = io.BytesIO()
    with zipfile.ZipFile(copy, "w") as archive:
        for name, data in content.items():
            archive.writestr(f"archive/{name}", data)
    copy.seek(0)
    return copy


def _check_program(path: Path, program: dict[str, Any]) -> None:
    """Raises an error for a program with code, and removes its debug metadata."""
    if program.get("guards_code"):
        raise _refused(path, "guards, which are code")
    for node in program["graph_module"]["graph"]["nodes"]:
        node["metadata"] = {}
        if not _TARGETS.fullmatch(node["target"]):
            raise _refused(path, f"the operator '{str(node['target'])[:80]}'")
    for key, value in _entries(program):
        if key in ("expr_str", "as_expr") and isinstance(value, str) and not _EXPRESSION.fullmatch(value):
            raise _refused(path, f"the expression '{value[:80]}'")
        if key in ("in_spec", "out_spec", "as_str_spec", "treespec") and isinstance(value, str):
            types = [kind for name, kind in _entries(json.loads(value)) if name == "type"]
            if any(kind not in _TYPES for kind in types):
                raise _refused(path, f"a value of the type '{next(k for k in types if k not in _TYPES)!s:.80}'")
        if key in ("as_operator", "as_graph", "as_custom_obj", "custom_obj") and value:
            raise _refused(path, f"an argument of the kind '{key}'")


def _entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Yields all keys and values of nested mappings."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            yield from item.items()
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item


def _refused(path: Path, what: str) -> InputError:
    return InputError(f"'{path}' holds {what}, which graphkit does not export; it is rejected; {_REMEDY}")
