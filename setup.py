"""Builds the optional native operators. Everything else about the package is in setup.cfg.

The operators use only LibTorch's stable C++ interface (torch >= 2.10), so that one build serves several versions of
torch and of Python. torch is not imported: pip's build isolation hides the module, but its headers still lie in the
site-packages of the interpreter. Where there is no such torch, or no compiler, the package comes without them and
works all the same, on plain PyTorch.
"""

import re
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup

OLDEST = (2, 10)  # of the torch versions with the interface that the sources need


def find_torch() -> Path | None:
    """Returns the folder of an installed torch that is new enough, without importing it."""
    for name in ("purelib", "platlib"):
        folder = Path(sysconfig.get_path(name)) / "torch"
        if not (folder / "version.py").is_file():
            continue
        version = re.search(r"__version__ = '(\d+)\.(\d+)", (folder / "version.py").read_text(encoding="utf-8"))
        headers = (folder / "include/torch/csrc/stable/library.h").is_file()
        if version and headers and (int(version[1]), int(version[2])) >= OLDEST:
            return folder
    return None


def extensions() -> list[Extension]:
    """Returns the native extension, or nothing where it cannot be built."""
    torch = find_torch()
    if torch is None or sys.platform == "win32":
        reason = "there is no torch >= 2.10 in this environment" if torch is None else "Windows is not supported"
        print(f"graphkit: native operators are not built, since {reason}; PyTorch serves instead", file=sys.stderr)
        return []
    target = (OLDEST[0] << 56) + (OLDEST[1] << 48)
    return [
        Extension(
            "graphkit._C",  # a plain library for torch.ops.load_library: it has no Python in it
            sources=sorted(str(path) for path in Path("graphkit/csrc").glob("cpu/*.cpp")),
            depends=sorted(str(path) for path in Path("graphkit/csrc").glob("cpu/*.h")),
            include_dirs=[str(torch / "include")],
            library_dirs=[str(torch / "lib")],
            libraries=["torch_cpu"],
            define_macros=[("TORCH_TARGET_VERSION", f"0x{target:016x}")],
            extra_compile_args=["-std=c++17", "-O3", "-fvisibility=hidden", "-g0", "-Wno-psabi"],
            extra_link_args=["-Wl,-s"] if sys.platform == "linux" else [],
            language="c++",
            py_limited_api=True,
            optional=True,
        )
    ]


setup(ext_modules=extensions())
