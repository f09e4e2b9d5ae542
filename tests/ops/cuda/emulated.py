"""CUDA kernels without a GPU: the very same sources, compiled as C++ for an emulated one (see ``emulator/``).

The library runs under the address and the undefined-behavior sanitizer where the compiler has them, in a process of
its own, and every call is made with the threads taking turns in two orders: both must give the same bits.
"""

import fcntl
import hashlib
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

HERE = Path(__file__).parent
SOURCES = HERE.parents[2] / "graphkit" / "csrc" / "cuda"
HEADERS = tuple((HERE / "emulator").glob("*.h"))
ORDERS = (0, 1)
TYPES = {torch.float32: 0, torch.float64: 1, torch.float16: 2, torch.bfloat16: 3}


class Int(NamedTuple):
    """A C ``int``; Python's own whole numbers are passed as ``int64_t``."""

    value: int


class Shifted(NamedTuple):
    """A tensor whose memory does not begin at a multiple of 16 bytes."""

    tensor: Tensor


def wide(dtype: torch.dtype) -> torch.dtype:
    """The type that sums are formed in."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def groups(ptr: Tensor, rows: int, longest: int, any_long: bool = True) -> tuple:
    """The structure ``Groups`` of ``groups.h``."""
    return (ptr, ptr.numel() - 1, rows, longest, any_long)


def slots(rows: int, longest: int) -> int:
    """The function ``count_slots`` of ``groups.h``."""
    return 2 * -(-rows // longest)


def unset(*shape: int, dtype: torch.dtype) -> Tensor:
    """Memory that nobody has written to: every number is NaN, or a large one."""
    return torch.full(shape, float("nan") if dtype.is_floating_point else 2**40, dtype=dtype)


class Emulator:
    """An emulated GPU.

    Args:
        library: Kernels compiled for it.
    """

    def __init__(self, library: Path) -> None:
        self.library = library
        self.process: subprocess.Popen | None = None
        self.errors = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115

    def __call__(self, name: str, *arguments: Any, orders: tuple[int, ...] = ORDERS) -> None:
        """Calls a launcher. Tensors among the arguments are memory of the GPU: they hold afterwards what it wrote."""
        tensors: list[Tensor] = []
        request = (name, [_pack(argument, tensors) for argument in arguments], orders)
        if self.process is None:
            self.process = self._start()
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            pickle.dump(request, self.process.stdin)
            self.process.stdin.flush()
            answers = pickle.load(self.process.stdout)
        except (EOFError, BrokenPipeError):
            self._stop()
            self.errors.seek(0)
            raise AssertionError(f"{name} ended the emulated GPU:\n{self.errors.read()[-6000:]}") from None
        error, contents = answers[0]
        assert error is None, error
        assert all(answer == answers[0] for answer in answers), "the result depends on which thread comes first"
        for tensor, content in zip(tensors, contents, strict=True):
            if content != _bytes(tensor):  # what was only read stays as it is, also to autograd
                tensor.view(torch.uint8).flatten()[:] = torch.frombuffer(bytearray(content), dtype=torch.uint8)

    def close(self) -> None:
        """Ends the process."""
        self._stop()
        self.errors.close()

    def _stop(self) -> None:
        if self.process is not None:
            with suppress(BrokenPipeError):
                self.process.communicate()
        self.process = None

    def _start(self) -> subprocess.Popen:
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"}
        if SANITIZER:
            environment["LD_PRELOAD"] = SANITIZER
        command = [sys.executable, "-I", str(HERE / "server.py"), str(self.library)]
        self.errors.seek(0)
        self.errors.truncate()
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, env=environment
        )


def _pack(argument: Any, tensors: list[Tensor]) -> tuple:
    if argument is None:
        return ("null",)
    if isinstance(argument, Int):
        return ("int", argument.value)
    if isinstance(argument, bool):
        return ("bool", argument)
    if isinstance(argument, int):
        return ("int64", argument)
    if isinstance(argument, float):
        return ("double", argument)
    if isinstance(argument, tuple) and not isinstance(argument, Shifted):
        return ("struct", [_pack(field, tensors) for field in argument])
    tensor = argument.tensor if isinstance(argument, Shifted) else argument
    assert tensor.is_contiguous()
    tensors.append(tensor)
    return ("buffer", _bytes(tensor), tensor.element_size() if isinstance(argument, Shifted) else 0)


def _bytes(tensor: Tensor) -> bytes:
    return tensor.detach().view(torch.uint8).numpy().tobytes() if tensor.numel() > 0 else b""


def _find_sanitizer() -> str | None:
    """Returns the library that must be loaded first, or nothing where the compiler has no sanitizers."""
    if shutil.which("g++") is None:
        return None
    names = ("libasan.so", "libubsan.so")
    paths = [subprocess.run(["g++", f"-print-file-name={name}"], capture_output=True, text=True) for name in names]
    library_paths = [path.stdout.strip() for path in paths]
    return library_paths[0] if all(Path(path).is_absolute() for path in library_paths) else None


SANITIZER = _find_sanitizer()


def build(
    folder: Path,
    sources: Sequence[Path],
    options: Sequence[str] = (),
    libraries: Sequence[str] = (),
    sanitize: bool = True,
) -> Path:
    """Compiles kernels, two files at a time, unless the folder has a library of these very files."""
    sources = [*sources, HERE / "emulator" / "emulator.cpp"]
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"] if SANITIZER and sanitize else []
    compiler = ["g++", "-std=c++17", "-O0", "-g1", "-fPIC", *sanitizers]
    compiler += ["-I", str(HERE / "emulator"), *options]
    key = hashlib.sha256(" ".join([*compiler, *libraries]).encode())
    for path in [*sources, *sorted(SOURCES.glob("*.h")), *sorted(SOURCES.glob("*.cuh")), *sorted(HEADERS)]:
        key.update(path.read_bytes())
    library = folder / f"emulated-{key.hexdigest()[:16]}.so"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock, tempfile.TemporaryDirectory(dir=folder) as scratch:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the workers of a run share the library
        if not library.exists():
            objects = [str(Path(scratch) / f"{source.name}.o") for source in sources]
            commands = [
                [*compiler, "-x", "c++", "-c", str(source), "-o", target]
                for source, target in zip(sources, objects, strict=True)
            ]
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(_compile, commands))
            linked = Path(scratch) / library.name
            _compile(["g++", "-shared", *sanitizers, *objects, "-o", str(linked), *libraries])
            linked.rename(library)
    return library


def _compile(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"a kernel does not compile as C++:\n{done.stderr}")
