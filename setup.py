"""Builds the optional native operators. Everything else about the package is in setup.cfg.

The operators use only LibTorch's stable C++ interface (torch >= 2.10), so that one build serves several versions of
torch and of Python. torch is not imported: pip's build isolation hides the module, but its headers still lie in the
site-packages of the interpreter. Where there is no such torch, or no compiler, the package comes without them and
works all the same, on plain PyTorch.

There are two libraries: `_C` for the CPU and, beside a CUDA build of torch and where nvcc is found, `_cuda`. Neither
needs the other to be built. `_cuda` is bound to one major version of CUDA: it is for the machine that builds it, and a
wheel that holds it has a build tag such as `1cu13` in its name. `make dist` builds the wheels to hand on, without it.

In the environment:

    CUDA_HOME             where CUDA lies, if nvcc is not on the PATH
    TORCH_CUDA_ARCH_LIST  for which GPUs, as "8.0 9.0+PTX"; by default those that are seen, or else one per generation
    GRAPHKIT_BUILD_NATIVE 0: neither library, for a wheel of Python files; 1: a failure to build `_C` is an error
    GRAPHKIT_BUILD_CUDA   0: never, 1: also beside a torch without CUDA, only: nothing else, and a failure is an error
    GRAPHKIT_SANITIZE     1: `_C` for tests, with the address and the undefined-behaviour sanitizer
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CompileError

OLDEST = (2, 10)  # of the torch versions with the interface that the sources need
TARGET = ("TORCH_TARGET_VERSION", f"0x{(OLDEST[0] << 56) + (OLDEST[1] << 48):016x}")

# Code for one GPU runs on all later ones of its generation, and the last one's PTX on those that are still to come.
GENERATIONS = ("7.5", "8.0", "9.0", "10.0", "12.0+PTX")


class Torch(NamedTuple):
    """An installed torch that is new enough."""

    folder: Path
    cuda: str | None  # the version of CUDA that it was built with


def find_torch() -> Torch | None:
    """Returns the torch of this environment if it is new enough, without importing it."""
    for name in ("purelib", "platlib"):
        folder = Path(sysconfig.get_path(name)) / "torch"
        if not (folder / "version.py").is_file():
            continue
        text = (folder / "version.py").read_text(encoding="utf-8")
        version = re.search(r"__version__ = '(\d+)\.(\d+)", text)
        headers = (folder / "include/torch/csrc/stable/library.h").is_file()
        if version and headers and (int(version[1]), int(version[2])) >= OLDEST:
            cuda = re.search(r"^cuda\b.*= '([\d.]+)'", text, re.MULTILINE)
            return Torch(folder, cuda[1] if cuda else None)
    return None


def find_nvcc() -> Path | None:
    """Returns CUDA's compiler."""
    homes = [os.environ.get(name) for name in ("CUDA_HOME", "CUDA_PATH")]
    folders = [Path(home) / "bin" for home in homes if home]
    found = shutil.which("nvcc", path=os.pathsep.join(map(str, folders))) if folders else None
    found = found or shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")
    return Path(found) if found else None


def say(text: str) -> None:
    """Tells whoever installs the package."""
    print(f"graphkit: {text}", file=sys.stderr)


def output(*command: str | Path) -> str:
    """Returns what a command prints, or nothing if it fails."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return ""


def architectures(nvcc: Path) -> list[str]:
    """Returns nvcc's options for the GPUs to compile for."""
    wish = os.environ.get("TORCH_CUDA_ARCH_LIST", "").replace(";", " ").split()
    wish = wish or sorted(set(output("nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader").split()))
    if not wish:
        known = output(nvcc, "--list-gpu-arch").split()
        wish = [name for name in GENERATIONS if f"compute_{name.split('+')[0].replace('.', '')}" in known]
    options = []
    for name in wish:
        number = re.fullmatch(r"(\d+)\.(\d+[af]?)(\+PTX)?", name)
        if number is None:
            raise CompileError(f"TORCH_CUDA_ARCH_LIST must hold numbers like 8.0 or 9.0+PTX (got {name})")
        arch = number[1] + number[2]
        options.append(f"-gencode=arch=compute_{arch},code=sm_{arch}")
        if number[3]:
            options.append(f"-gencode=arch=compute_{arch},code=compute_{arch}")
    return options


class BuildNative(build_ext):
    """Builds `_C` as any extension, and `_cuda` with nvcc alone, which knows where CUDA's own libraries are."""

    def build_extension(self, extension: Extension) -> None:
        """Builds one of the two."""
        if extension.name != "graphkit._cuda":
            self.build_cpu(extension)
            return
        try:
            self.build_cuda(extension)
        except (OSError, subprocess.CalledProcessError) as error:
            raise CompileError(f"the CUDA kernels were not built: {error}") from error

    def build_cpu(self, extension: Extension) -> None:
        """Builds as setuptools does, but compiles as many files at a time as there are processors."""
        compile_all = self.compiler.compile

        def compile_side_by_side(sources: list[str], **options: object) -> list[str]:
            # The longest file first: the others fill the gap.
            order = sorted(sources, key=lambda source: -Path(source).stat().st_size)
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                compiled = pool.map(lambda source: compile_all([source], **options), order)
                return [path for paths in compiled for path in paths]

        self.compiler.compile = compile_side_by_side
        try:
            super().build_extension(extension)
        finally:
            self.compiler.compile = compile_all

    def build_cuda(self, extension: Extension) -> None:
        """Compiles the kernels and the files that register them, as many at a time as there are processors."""
        nvcc = find_nvcc()
        if nvcc is None:
            raise CompileError("the CUDA kernels were not built: there is no nvcc")
        common = [str(nvcc), "-std=c++17", "-O3", "-Xcompiler=-fPIC,-fvisibility=hidden"]
        # torch's headers hold what compilers warn of, and nvcc passes no -isystem on for files that are plain C++.
        headers = [f"-D{'='.join(TARGET)}", *(f"-I{path}" for path in extension.include_dirs)]
        headers.append(f'-DGRAPHKIT_CUDA_BUILD="{cuda_version(nvcc)} {hash_of_kernels()}"')
        device = [*architectures(nvcc), "-Xfatbin=-compress-all"]
        folder = Path(self.build_temp) / "cuda"
        folder.mkdir(parents=True, exist_ok=True)
        # The longest file first: the others fill the gap.
        sources = sorted(map(Path, extension.sources), key=lambda path: -path.stat().st_size)
        objects = [str(folder / f"{source.name}.o") for source in sources]
        commands = [
            [*common, *(device if source.suffix == ".cu" else headers), "-c", str(source), "-o", target]
            for source, target in zip(sources, objects, strict=True)
        ]
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(self.call, commands))
        target = Path(self.get_ext_fullpath(extension.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        libraries = [f"-L{extension.library_dirs[0]}", "-ltorch_cpu", "--cudart=static"]
        self.call([*common, "-shared", *objects, "-o", str(target), *libraries, "-Xlinker=-s,--exclude-libs=ALL"])

    def call(self, command: list[str]) -> None:
        """Runs a command, shown if it fails or if setup.py was asked to be talkative."""
        if self.verbose:
            print(" ".join(command))
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            say(f"{' '.join(command)}\n{done.stdout}")
            raise subprocess.CalledProcessError(done.returncode, f"{Path(command[0]).name} ... {command[-1]}")


def cuda_version(nvcc: Path) -> str:
    """Returns the version of CUDA that a compiler is of."""
    release = re.search(r"release (\d+\.\d+)", output(nvcc, "--version"))
    if release is None:
        raise CompileError(f"the CUDA kernels were not built: {nvcc} does not say of which CUDA it is")
    return release[1]


def hash_of_kernels() -> str:
    """Returns a hash of all that the CUDA kernels are made of: a test on a GPU counts for the tested sources only."""
    key = hashlib.sha256()
    for path in (*sorted(Path("graphkit/csrc/cuda").iterdir()), Path("graphkit/ops/_cuda_groups.py")):
        key.update(path.name.encode() + path.read_bytes())
    return key.hexdigest()[:16]


def cuda_sources(torch: Torch) -> list[str]:
    """Returns the files of the CUDA library, none where it is not built."""
    wish = os.environ.get("GRAPHKIT_BUILD_CUDA", "")
    if wish == "0" or (wish == "" and torch.cuda is None):
        return []
    nvcc = find_nvcc()
    if nvcc is None:
        say("CUDA kernels are not built, since there is no nvcc; set CUDA_HOME to where CUDA is installed")
        return []
    release = re.search(r"release (\d+)\.", output(nvcc, "--version"))
    if torch.cuda and wish == "" and release and release[1] != torch.cuda.split(".")[0]:
        say(f"CUDA kernels are not built, since nvcc is of CUDA {release[1]} and torch of CUDA {torch.cuda}")
        return []
    return [str(path) for path in sorted(Path("graphkit/csrc/cuda").glob("*.c*")) if path.suffix in (".cu", ".cpp")]


def extensions() -> list[Extension]:
    """Returns the libraries that can be built: both, one, or none."""
    native = os.environ.get("GRAPHKIT_BUILD_NATIVE", "")
    if native == "0":
        return []
    torch = find_torch()
    if torch is None or sys.platform == "win32":
        reason = "there is no torch >= 2.10 in this environment" if torch is None else "Windows is not supported"
        if native == "1":
            raise CompileError(f"GRAPHKIT_BUILD_NATIVE=1, but {reason}; install torch, and build without isolation")
        say(f"native operators are not built, since {reason}; PyTorch serves instead")
        return []
    sanitize = os.environ.get("GRAPHKIT_SANITIZE") == "1"
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    cpu = Extension(
        "graphkit._C",  # a plain library for torch.ops.load_library: it has no Python in it
        sources=sorted(str(path) for path in Path("graphkit/csrc").glob("cpu/*.cpp")),
        depends=sorted(str(path) for path in Path("graphkit/csrc").glob("cpu/*.h")),
        include_dirs=[str(torch.folder / "include")],
        library_dirs=[str(torch.folder / "lib")],
        libraries=["torch_cpu"],
        define_macros=[TARGET],
        extra_compile_args=["-std=c++17", "-fvisibility=hidden", "-Wno-psabi"]
        + (["-O1", "-g1", *sanitizers] if sanitize else ["-O3", "-g0"]),
        extra_link_args=sanitizers if sanitize else ["-Wl,-s"] if sys.platform == "linux" else [],
        language="c++",
        py_limited_api=True,
        optional=not sanitize and native != "1",
    )
    only_cuda = os.environ.get("GRAPHKIT_BUILD_CUDA") == "only"
    cuda = Extension(
        "graphkit._cuda",  # adds kernels to the operators that `_C` defines
        sources=cuda_sources(torch),
        include_dirs=[str(torch.folder / "include")],
        library_dirs=[str(torch.folder / "lib")],
        py_limited_api=True,
        optional=not only_cuda,
    )
    return ([] if only_cuda else [cpu]) + ([cuda] if cuda.sources else [])


def wheel_options(built: list[Extension]) -> dict[str, dict[str, str]]:
    """Returns options of commands: a wheel with CUDA kernels has the major version of CUDA in its name."""
    nvcc = find_nvcc() if any(extension.name == "graphkit._cuda" for extension in built) else None
    return {"bdist_wheel": {"build_number": f"1cu{cuda_version(nvcc).split('.')[0]}"}} if nvcc else {}


BUILT = extensions()
setup(ext_modules=BUILT, options=wheel_options(BUILT), cmdclass={"build_ext": BuildNative})
