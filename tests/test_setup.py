"""What setup.py decides: which libraries are built, for which GPUs, and that a failure costs no more than itself.

And the requirements in setup.cfg. tests/test_dist.py compares the files of what is handed on.
"""

import ast
import importlib.util
import re
import sys
from configparser import ConfigParser
from pathlib import Path
from types import ModuleType

import pytest
import setuptools
from setuptools import Distribution

from graphkit.cli.doctor import _OPTIONAL

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """setup.py, as far as it does nothing yet, in an environment with a torch that the test may change."""
    for name in (
        "CUDA_HOME",
        "CUDA_PATH",
        "TORCH_CUDA_ARCH_LIST",
        "GRAPHKIT_BUILD_NATIVE",
        "GRAPHKIT_BUILD_CUDA",
        "GRAPHKIT_SANITIZE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(setuptools, "setup", lambda **_: None)
    monkeypatch.chdir(ROOT)
    spec = importlib.util.spec_from_file_location("graphkit_setup", ROOT / "setup.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module.sysconfig, "get_path", lambda name: str(tmp_path))
    return module


def install_torch(folder: Path, version: str = "2.11.0", cuda: str | None = None) -> None:
    (folder / "torch/include/torch/csrc/stable").mkdir(parents=True)
    (folder / "torch/include/torch/csrc/stable/library.h").touch()
    line = f"cuda: Optional[str] = {cuda!r}"
    (folder / "torch/version.py").write_text(f"__version__ = '{version}'\n{line}\nhip: Optional[str] = None\n")


def install_nvcc(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str = "") -> Path:
    """A compiler that says it is of CUDA 13, and does what ``body`` says."""
    nvcc = folder / "cuda/bin/nvcc"
    nvcc.parent.mkdir(parents=True)
    nvcc.write_text(f'#!/bin/sh\ncase "$1" in\n--version) echo "release 13.0, V13";;\n*) {body or ":"};;\nesac\n')
    nvcc.chmod(0o755)
    monkeypatch.setenv("CUDA_HOME", str(folder / "cuda"))
    return nvcc


def names(module: ModuleType) -> list[str]:
    return [extension.name for extension in module.extensions()]


def test_what_is_built_beside_which_torch(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    assert names(script) == [] and "no torch >= 2.10" in capsys.readouterr().err
    install_nvcc(tmp_path, monkeypatch)
    for version, cuda, expected in (
        ("2.9.1", "13.0", []),
        ("2.13.0+cpu", None, ["graphkit._C"]),
        ("2.13.0+cu130", "13.0", ["graphkit._C", "graphkit._cuda"]),
        ("2.13.0+cu128", "12.8", ["graphkit._C"]),
    ):
        site_dir = tmp_path / version
        install_torch(site_dir, version, cuda)
        monkeypatch.setattr(script.sysconfig, "get_path", lambda name, site_dir=site_dir: str(site_dir))
        assert names(script) == expected
    assert "nvcc is of CUDA 13 and torch of CUDA 12.8" in capsys.readouterr().err
    assert all(extension.optional for extension in script.extensions())


def test_a_wheel_with_cuda_kernels_says_so_in_its_name(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_torch(tmp_path, "2.13.0+cu130", "13.0")
    install_nvcc(tmp_path, monkeypatch)
    assert script.wheel_options(script.extensions()) == {"bdist_wheel": {"build_number": "1cu13"}}
    monkeypatch.setenv("GRAPHKIT_BUILD_CUDA", "0")
    assert script.wheel_options(script.extensions()) == {}


def test_the_hash_of_the_kernels_changes_with_any_of_their_files(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    kernels, groups = Path("graphkit/csrc/cuda"), Path("graphkit/ops/_cuda_groups.py")
    kernels.mkdir(parents=True)
    groups.parent.mkdir()
    hashes = set()
    for path, text in ((groups, "a"), (kernels / "x.cu", "a"), (kernels / "x.cu", "b"), (groups, "b")):
        path.write_text(text)
        groups.touch()
        hashes.add(script.hash_of_kernels())
    assert len(hashes) == 4


def test_wishes(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_torch(tmp_path)
    install_nvcc(tmp_path, monkeypatch)
    monkeypatch.setenv("GRAPHKIT_BUILD_CUDA", "1")
    assert names(script) == ["graphkit._C", "graphkit._cuda"]
    monkeypatch.setenv("GRAPHKIT_BUILD_CUDA", "only")
    assert names(script) == ["graphkit._cuda"] and not script.extensions()[0].optional
    monkeypatch.setenv("GRAPHKIT_BUILD_CUDA", "0")
    assert names(script) == ["graphkit._C"]
    monkeypatch.setenv("GRAPHKIT_BUILD_NATIVE", "1")
    assert names(script) == ["graphkit._C"] and not script.extensions()[0].optional
    monkeypatch.setenv("GRAPHKIT_BUILD_NATIVE", "0")
    assert names(script) == []
    monkeypatch.delenv("GRAPHKIT_BUILD_NATIVE")
    monkeypatch.setenv("GRAPHKIT_SANITIZE", "1")
    assert "-fsanitize=address,undefined" in script.extensions()[0].extra_compile_args


def test_native_wheel_is_not_built_without_torch(script: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHKIT_BUILD_NATIVE", "1")
    with pytest.raises(script.CompileError, match="there is no torch >= 2.10 in this environment; install torch"):
        script.extensions()


def test_without_nvcc_a_line_says_so(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    install_torch(tmp_path, "2.13.0+cu130", "13.0")
    monkeypatch.setattr(script, "find_nvcc", lambda: None)
    assert names(script) == ["graphkit._C"]
    assert "there is no nvcc; set CUDA_HOME" in capsys.readouterr().err


def test_architectures(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nvcc = install_nvcc(tmp_path, monkeypatch, 'printf "compute_75\\ncompute_80\\ncompute_90\\ncompute_100\\n"')
    monkeypatch.setenv("TORCH_CUDA_ARCH_LIST", "8.0;9.0a+PTX 12.0")
    assert script.architectures(nvcc) == [
        "-gencode=arch=compute_80,code=sm_80",
        "-gencode=arch=compute_90a,code=sm_90a",
        "-gencode=arch=compute_90a,code=compute_90a",
        "-gencode=arch=compute_120,code=sm_120",
    ]
    monkeypatch.setenv("TORCH_CUDA_ARCH_LIST", "Hopper")
    with pytest.raises(script.CompileError, match="numbers like 8.0 or 9.0\\+PTX \\(got Hopper\\)"):
        script.architectures(nvcc)

    monkeypatch.delenv("TORCH_CUDA_ARCH_LIST")
    real = script.output
    seen = {"nvidia-smi": "9.0\n9.0\n"}
    monkeypatch.setattr(script, "output", lambda *command: seen.get(str(command[0]), "") or real(*command))
    assert script.architectures(nvcc) == ["-gencode=arch=compute_90,code=sm_90"]
    seen.clear()
    monkeypatch.setattr(script, "output", lambda *command: "" if command[0] == "nvidia-smi" else real(*command))
    options = script.architectures(nvcc)
    assert [option[-5:] for option in options] == ["sm_75", "sm_80", "sm_90", "m_100"]  # what this nvcc knows


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands in for nvcc")
def test_a_compiler_that_fails_costs_the_cuda_kernels_only(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    install_torch(tmp_path, "2.13.0+cu130", "13.0")
    install_nvcc(tmp_path, monkeypatch, "echo this nvcc is broken; exit 1")
    monkeypatch.setenv("TORCH_CUDA_ARCH_LIST", "9.0")
    cuda = script.extensions()[1]
    command = script.BuildNative(Distribution({"ext_modules": [cuda]}))
    command.build_lib, command.build_temp = str(tmp_path / "lib"), str(tmp_path / "temp")
    command.ensure_finalized()
    command.run()  # optional: a failure is a warning
    assert "this nvcc is broken" in capsys.readouterr().err
    assert not list((tmp_path / "lib").rglob("*.so"))
    cuda.optional = False
    with pytest.raises(script.CompileError, match="the CUDA kernels were not built"):
        command.build_extension(cuda)


def test_every_import_of_the_package_is_a_requirement() -> None:
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    groups = [settings["options"]["install_requires"], *settings["options.extras_require"].values()]
    lines = "\n".join(groups).split()
    requirements = {re.split("[<>=]", line)[0].lower().replace("-", "_") for line in lines}
    requirements |= {"yaml" if "pyyaml" in requirements else "", "markupsafe" if "jinja2" in requirements else ""}
    missing = set()
    for path in (ROOT / "graphkit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else names
            missing |= {name.split(".")[0] for name in names} - sys.stdlib_module_names - requirements - {"graphkit"}
    assert not missing


def test_doctor_lists_every_optional_package_and_all_contains_them() -> None:
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = {name: set(lines.split()) for name, lines in settings["options.extras_require"].items()}
    optional = {line for name in extras.keys() - {"docs", "lint", "release", "test", "all"} for line in extras[name]}
    assert set(_OPTIONAL) == {re.split("[<>=]", line)[0] for line in optional}
    assert extras["all"] == optional - extras["scatter"]  # takes minutes to compile
