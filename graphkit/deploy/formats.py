"""The two formats of exported models: how each is written and run, and where the metadata lie in it."""

import importlib.util
import inspect
import json
import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from graphkit.errors import InputError, MissingPackageError
from graphkit.files import check_zip

FORMATS = ("onnx", "pt2")
#: Where the metadata lie: the key in an ONNX file, the name of the file beside the graph in a ``.pt2`` archive.
KEY, BESIDE = "graphkit", "graphkit.json"
INPUT, OUTPUT = "clips", "scores"

#: Takes clips ``[batch, C, T, V, P]`` and returns scores ``[batch, classes]``.
Runner = Callable[[Tensor], Tensor]


def require_export() -> None:
    """Raises an ``ImportError`` that says what to install where a package for ONNX is missing."""
    for name in ("onnx", "onnxscript", "onnxruntime"):
        if importlib.util.find_spec(name) is None:
            raise MissingPackageError(
                f"the format onnx needs {name}, which is not installed; pip install onnx onnxruntime onnxscript"
            )


def trace(model: torch.nn.Module, shape: tuple[int, ...], least_frames: int) -> torch.export.ExportedProgram:
    """Returns the graph of a model of clips ``[batch, C, T, V, P]`` with the numbers of clips and of frames left open.

    Args:
        model: The model in its plain form.
        shape: The shape of clips to trace it with.
        least_frames: Fewest frames that the graph is to take; below 2 in the last layer, PyTorch would make a
            special case of it.

    Raises:
        ImportError: If this PyTorch is too old to leave the number of frames open.
    """
    if "prefer_deferred_runtime_asserts_over_guards" not in inspect.signature(torch.export.export).parameters:
        raise MissingPackageError(
            f"torch {torch.__version__} cannot leave the number of frames open; pip install -U torch"
        )
    dims = {0: torch.export.Dim("batch"), 2: torch.export.Dim("frames", min=least_frames)}
    with _quiet(), torch.no_grad():
        return torch.export.export(
            model,
            (torch.zeros(shape),),
            dynamic_shapes=(dims,),
            strict=False,
            # The other way, each reshaping would be one more condition on the number of frames.
            prefer_deferred_runtime_asserts_over_guards=True,
        )


def write_pt2(program: torch.export.ExportedProgram, path: Path, metadata: dict[str, Any]) -> None:
    """Writes a graph as a ``.pt2`` archive."""
    # As a stream: of a name, torch.export.save would want another ending than that of the temporary file.
    with _quiet(), path.open("wb") as file:
        torch.export.save(program, file, extra_files={BESIDE: json.dumps(metadata)})


def write_onnx(program: torch.export.ExportedProgram, path: Path, metadata: dict[str, Any]) -> None:
    """Writes a graph as an ONNX file that holds its weights."""
    require_export()
    import onnx

    with _quiet():
        made = torch.onnx.export(
            program, dynamo=True, optimize=True, verbose=False, input_names=[INPUT], output_names=[OUTPUT]
        )
        assert made is not None
        proto = made.model_proto
    _name_axes(proto)
    proto.producer_name = "graphkit"
    entry = proto.metadata_props.add()
    entry.key, entry.value = KEY, json.dumps(metadata)
    onnx.checker.check_model(proto)
    path.write_bytes(proto.SerializeToString())


def run_onnx(path: Path, threads: int | None = None) -> tuple[Runner, dict[str, Any]]:
    """Opens an ONNX file in onnxruntime on the CPU.

    Raises:
        ValueError: If it cannot be read or graphkit did not write it.
    """
    require_export()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common class but this one
        raise InputError(f"'{path}' is no ONNX file that can be run ({_line(error)}); export it again") from None
    text = session.get_modelmeta().custom_metadata_map.get(KEY)

    def run(x: Tensor) -> Tensor:
        return torch.from_numpy(session.run([OUTPUT], {INPUT: x.contiguous().numpy()})[0])

    return run, _metadata(path, text)


def run_pt2(path: Path) -> tuple[Runner, dict[str, Any]]:
    """Opens a ``.pt2`` archive in PyTorch.

    Raises:
        ValueError: If it cannot be read or graphkit did not write it.
    """
    check_zip(path)
    beside = {BESIDE: ""}
    try:
        with _quiet():
            module = torch.export.load(str(path), extra_files=beside).module()
    except Exception as error:  # as many classes as ways to be damaged
        raise InputError(f"'{path}' is no .pt2 archive that can be run ({_line(error)}); export it again") from None
    text: Any = beside[BESIDE]
    return torch.inference_mode()(module), _metadata(path, text.decode() if isinstance(text, bytes) else text)


def _metadata(path: Path, text: str | None) -> dict[str, Any]:
    try:
        content = json.loads(text or "")
    except ValueError:
        raise InputError(f"'{path}' was not written by graphkit export: it says nothing about its clips") from None
    return content


def _name_axes(proto: Any) -> None:
    """Gives the two open axes their names, wherever they occur."""
    sizes = proto.graph.input[0].type.tensor_type.shape.dim
    names = {sizes[0].dim_param: "batch", sizes[2].dim_param: "frames"}
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.value_info):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param = re.sub(r"\w+", lambda found: names.get(found[0], found[0]), size.dim_param)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:150]


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what PyTorch's exporters say about themselves from the user."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [each.level for each in loggers]
    try:
        for each in loggers:
            each.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for each, before in zip(loggers, levels, strict=True):
            each.setLevel(before)
