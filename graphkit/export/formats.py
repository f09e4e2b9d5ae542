"""File formats of exported models: writing, loading and metadata.

Loading never executes code from a file: see :mod:`graphkit.export.pt2_check` for ``.pt2``. ONNX files may contain only
the standard operators of an export, and no external data.
"""

import importlib.util
import inspect
import io
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
from graphkit.export.pt2_check import checked_archive
from graphkit.files import PARSER_ERRORS

FORMATS = ("onnx", "pt2")
#: Location of the metadata: key in an ONNX file, file name in a ``.pt2`` archive.
KEY, BESIDE = "graphkit", "graphkit.json"
INPUT, OUTPUT = "clips", "scores"
#: Size limit of files in bytes.
_LARGEST = 2**31
_ONNX_OPERATORS = re.compile(
    "Add|AveragePool|BatchNormalization|Cast|Clip|Concat|Constant|Conv|Div|Equal|Expand|Floor|Gather|Gemm|Greater|"
    "GlobalAveragePool|Identity|Less|MatMul|Max|MaxPool|Min|Mod|Mul|Neg|Not|Pad|ReduceMean|ReduceSum|Relu|Reshape|"
    "Shape|Sigmoid|Slice|Softmax|Split|Sqrt|Squeeze|Sub|Tanh|Transpose|Unsqueeze|Where"
)

#: Maps clips ``[batch, C, T, V, P]`` to scores ``[batch, classes]``.
Runner = Callable[[Tensor], Tensor]


def require_export() -> None:
    """Raises an error with the install command if a package for ONNX is missing."""
    for name in ("onnx", "onnxscript", "onnxruntime"):
        if importlib.util.find_spec(name) is None:
            raise MissingPackageError(
                f"the format onnx needs {name}, which is not installed; pip install onnx onnxruntime onnxscript"
            )


def trace(model: torch.nn.Module, shape: tuple[int, ...], least_frames: int) -> torch.export.ExportedProgram:
    """Exports the graph of a clip model with dynamic numbers of clips and frames.

    Args:
        model (Module): Model in its plain form.
        shape (tuple[int, ...]): Shape of the example clips ``[batch, C, T, V, P]``.
        least_frames (int): Smallest number of frames. It must give at least 2 frames in the last layer, since PyTorch
            specializes sizes 0 and 1.

    Raises:
        MissingPackageError: If PyTorch is too old for a dynamic number of frames.
    """
    if "prefer_deferred_runtime_asserts_over_guards" not in inspect.signature(torch.export.export).parameters:
        raise MissingPackageError(
            f"torch {torch.__version__} does not support a dynamic number of frames; pip install -U torch"
        )
    dims = {0: torch.export.Dim("batch"), 2: torch.export.Dim("frames", min=least_frames)}
    with _quiet(), torch.no_grad():
        try:
            return torch.export.export(
                model,
                (torch.zeros(shape),),
                dynamic_shapes=(dims,),
                strict=False,
                # Avoids a guard on the number of frames for each reshape.
                prefer_deferred_runtime_asserts_over_guards=True,
            )
        except AssertionError as error:  # of PyTorch 2.10, on bounds that it derives
            raise MissingPackageError(
                f"torch {torch.__version__} does not support a dynamic number of frames ({error}); pip install -U torch"
            ) from None


def write_pt2(program: torch.export.ExportedProgram, path: Path, metadata: dict[str, Any]) -> None:
    """Writes a graph as a ``.pt2`` archive."""
    # Written to memory first: PyTorch's writer aborts the process if the disk is full.
    archive = io.BytesIO()
    with _quiet():
        torch.export.save(program, archive, extra_files={BESIDE: json.dumps(metadata)})
    path.write_bytes(archive.getbuffer())


def write_onnx(program: torch.export.ExportedProgram, path: Path, metadata: dict[str, Any]) -> None:
    """Writes a graph as an ONNX file with its weights."""
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
    """Loads an ONNX file with onnxruntime on the CPU.

    Raises:
        InputError: If it cannot be read or was not written by graphkit.
    """
    require_export()
    import onnxruntime

    content = _content(path)
    metadata = _metadata(path, _checked_onnx(path, content))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised as exceptions
    if threads is not None:
        options.intra_op_num_threads = threads
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no other common base class
        raise InputError(f"'{path}' is no ONNX file that can be run ({_line(error)}); export it again") from None

    def run(x: Tensor) -> Tensor:
        return torch.from_numpy(session.run([OUTPUT], {INPUT: x.contiguous().numpy()})[0])

    return run, metadata


def run_pt2(path: Path) -> tuple[Runner, dict[str, Any]]:
    """Loads a ``.pt2`` archive with PyTorch.

    Raises:
        InputError: If it cannot be read or was not written by graphkit.
    """
    _content(path, size_only=True)
    archive = checked_archive(path)
    beside = {BESIDE: ""}
    try:
        with _quiet():
            module = torch.export.load(archive, extra_files=beside).module()
    except Exception as error:  # damaged archives raise many classes of errors
        raise InputError(f"'{path}' is no .pt2 archive that can be run ({_line(error)}); export it again") from None
    text: Any = beside[BESIDE]
    return torch.inference_mode()(module), _metadata(path, text.decode() if isinstance(text, bytes) else text)


def _content(path: Path, size_only: bool = False) -> bytes:
    """Returns the content of a file, with a limit on its size."""
    if path.stat().st_size > _LARGEST:
        raise InputError(f"'{path}' must have at most 2 GB (got {path.stat().st_size:,} bytes); export it again")
    return b"" if size_only else path.read_bytes()


def _checked_onnx(path: Path, content: bytes) -> str | None:
    """Returns the metadata of an ONNX file after validating its operators.

    Raises:
        InputError: If the file is damaged, refers to other files, or contains other operators or subgraphs.
    """
    import onnx

    try:
        proto = onnx.load_model_from_string(content)
        onnx.checker.check_model(proto)
    except Exception as error:  # protobuf's errors have no public class
        raise InputError(f"'{path}' is no ONNX file that can be run ({_line(error)}); export it again") from None
    nodes = [f"{node.domain}{node.op_type}" for node in proto.graph.node]
    wrong = next((name for name in nodes if not _ONNX_OPERATORS.fullmatch(name)), None)
    inner = any(attribute.g.node or attribute.graphs for node in proto.graph.node for attribute in node.attribute)
    outside = any(tensor.data_location or tensor.external_data for tensor in proto.graph.initializer)
    if wrong or inner or outside or proto.functions or proto.graph.sparse_initializer:
        what = f"the operator '{wrong:.80}'" if wrong else "functions, inner graphs, or weights in other files"
        raise InputError(f"'{path}' holds {what}, which graphkit does not export; it is rejected")
    return next((entry.value for entry in proto.metadata_props if entry.key == KEY), None)


def _metadata(path: Path, text: str | None) -> dict[str, Any]:
    try:
        content = json.loads(text or "")
        if isinstance(content, dict):
            return content
    except PARSER_ERRORS:
        pass
    raise InputError(f"'{path}' was not written by graphkit export: it has no metadata of clips") from None


def _name_axes(proto: Any) -> None:
    """Names the two dynamic axes in all shapes."""
    sizes = proto.graph.input[0].type.tensor_type.shape.dim
    names = {sizes[0].dim_param: "batch", sizes[2].dim_param: "frames"}
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.value_info):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param = re.sub(r"\w+", lambda match: names.get(match[0], match[0]), size.dim_param)


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:150]


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppresses the output of PyTorch's exporters."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, before in zip(loggers, levels, strict=True):
            logger.setLevel(before)
