"""macOS and Windows, simulated: no call of one system without a guard, and runs without the modules of POSIX."""

import ast
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from graphkit import registry
from graphkit.data import load, write_folder
from graphkit.files import link_or_copy, write_atomically, write_text
from graphkit.ops import shortest_paths
from graphkit.ops.shortest_paths import _check_memory
from graphkit.processes import alive, machine_id
from graphkit.sampling import ClipLoader, NeighborLoader, ShortestPathLoader
from graphkit.training.environment import peak_memory_mb, rounded_mb

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "graphkit").rglob("*.py"))
#: Modules, and attributes of modules, that Windows or macOS do not have.
POSIX_MODULES = {"fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "posix", "syslog", "readline", "curses"}
POSIX_ATTRIBUTES = {
    "os": {
        "fork", "forkpty", "getuid", "geteuid", "getgid", "getegid", "getgroups", "getpgid", "setpgrp", "setsid",
        "kill", "killpg", "nice", "sched_getaffinity", "sched_setaffinity", "sysconf", "uname", "statvfs", "mkfifo",
        "chown", "lchown", "wait", "wait3", "wait4", "waitid", "getloadavg", "register_at_fork", "posix_spawn",
        "posix_fadvise", "pread", "pwrite", "sendfile", "sync", "fdatasync", "memfd_create", "openpty", "symlink",
        "link", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK", "O_SYNC",
    },
    "signal": {
        "SIGKILL", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGHUP", "SIGQUIT", "SIGCHLD", "SIGPIPE", "SIGSTOP", "SIGCONT",
        "SIG_UNBLOCK", "SIG_BLOCK", "alarm", "setitimer", "pthread_kill", "pthread_sigmask", "sigwait", "siginterrupt",
    },
    "time": {"tzset"},
    "socket": {"AF_UNIX"},
    "mmap": {"MADV_DONTNEED", "MADV_SEQUENTIAL", "MADV_HUGEPAGE", "MAP_PRIVATE", "PROT_READ"},
}  # fmt: skip
#: Text that names a file or a library of one system.
POSIX_TEXT = re.compile(r"^/(proc|dev|sys|tmp|var|etc)/|^libc\.so|^(fork|forkserver)$")
GUARD = re.compile(
    r"sys\.platform|os\.name|hasattr\((os|signal|time|socket|mmap)\b|platform\.system|get_all_start_methods"
)
CAUGHT = {"ImportError", "ModuleNotFoundError", "AttributeError", "OSError", "NotImplementedError"}


def unguarded(tree: ast.AST) -> list[tuple[int, str]]:
    """Returns line and name of everything that exists on some systems only and is neither tested for nor caught."""
    return list(_unguarded(tree, False))


def _unguarded(node: ast.AST, guarded: bool) -> Iterator[tuple[int, str]]:
    name = _posix_name(node)
    if name and not guarded:
        yield node.lineno, name  # type: ignore[attr-defined]
    guarded = guarded or (isinstance(node, ast.For) and _catches_os_error(node))  # a loop over paths that may be absent
    guarded = guarded or (isinstance(node, ast.IfExp) and bool(GUARD.search(ast.unparse(node.test))))
    if isinstance(node, ast.With):
        items = [ast.unparse(item.context_expr) for item in node.items]
        guarded = guarded or any("suppress(" in item and CAUGHT & {*re.findall(r"\w+", item)} for item in items)
    if isinstance(node, ast.Try):
        caught = {text for handler in node.handlers for text in re.findall(r"\w+", ast.unparse(handler.type or node))}
        yield from _of_statements(node.body, guarded or bool(caught & CAUGHT))
        for rest in (*node.handlers, *node.orelse, *node.finalbody):
            yield from _unguarded(rest, guarded)
        return
    if isinstance(node, ast.With):
        yield from _of_statements(node.body, guarded)
        return
    for _, value in ast.iter_fields(node):
        if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
            test = ast.unparse(node.test) if isinstance(node, ast.If) else ""
            yield from _of_statements(value, guarded or bool(GUARD.search(test)))
        else:
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _unguarded(child, guarded)


def _of_statements(statements: list[ast.stmt], guarded: bool) -> Iterator[tuple[int, str]]:
    for statement in statements:
        yield from _unguarded(statement, guarded)
        ends = isinstance(statement, ast.If) and isinstance(statement.body[-1], ast.Return | ast.Raise | ast.Continue)
        guarded = guarded or (ends and bool(GUARD.search(ast.unparse(statement.test))))  # type: ignore[attr-defined]


def _catches_os_error(node: ast.For) -> bool:
    return any(isinstance(child, ast.Try) and "except OSError" in ast.unparse(child) for child in node.body)


def _posix_name(node: ast.AST) -> str:
    if isinstance(node, ast.Import):
        return next((alias.name for alias in node.names if alias.name in POSIX_MODULES), "")
    if isinstance(node, ast.ImportFrom):
        names = POSIX_ATTRIBUTES.get(node.module or "", set())
        return next((alias.name for alias in node.names if alias.name in names), "") or (
            node.module if node.module in POSIX_MODULES else ""
        )
    if isinstance(node, ast.Attribute):
        owner = node.value.id if isinstance(node.value, ast.Name) else ""
        missing = node.attr in POSIX_ATTRIBUTES.get(owner, set()) or node.attr in ("symlink_to", "hardlink_to")
        return f"{owner}.{node.attr}" if missing else ""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value:
        return node.value if POSIX_TEXT.search(node.value) else ""
    return ""


def without_encoding(tree: ast.AST) -> list[int]:
    """Returns the lines that read or write text in the encoding of the system."""
    lines = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or any(word.arg in ("encoding", None) for word in node.keywords):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = ast.unparse(node.func.value) if isinstance(node.func, ast.Attribute) else ""
        texts = [word.value for word in node.keywords if word.arg == "mode"] + list(node.args)
        modes = [text.value for text in texts if isinstance(text, ast.Constant) and isinstance(text.value, str)]
        binary = any("b" in mode for mode in modes) or owner in ("os", "tarfile", "webbrowser", "archive", "opener")
        text = called in ("read_text", "write_text") and owner not in ("", "graphkit.files")
        text |= called == "open" and not binary and not (owner == "gzip" and "rt" not in modes)
        text |= any(word.arg in ("text", "universal_newlines") for word in node.keywords) and owner == "subprocess"
        lines += [node.lineno] if text else []
    return lines


def test_nothing_of_one_system_is_used_without_a_guard() -> None:
    """A failure is fixed by a test of sys.platform, by hasattr, by a try, or by encoding='utf-8'."""
    names = {name for attributes in POSIX_ATTRIBUTES.values() for name in attributes} | POSIX_MODULES
    words = re.compile(r"\b(" + "|".join((*names, "symlink_to", "hardlink_to", "fork", "libc")) + r")\b|['\"]/[a-z]+/")
    text = re.compile(r"\b(open|read_text|write_text)\(|subprocess")
    wrong = []
    for path in MODULES:
        content = path.read_text(encoding="utf-8")
        if words.search(content):
            wrong += [(path.relative_to(ROOT), *use) for use in unguarded(ast.parse(content))]
        if text.search(content):
            wrong += [(path.relative_to(ROOT), line, "encoding") for line in without_encoding(ast.parse(content))]
    assert not wrong


@pytest.mark.parametrize(
    "code",
    [
        "import fcntl",
        "def f():\n    from resource import getrusage",
        "os.fork()",
        "def f():\n    if x:\n        os.kill(1, signal.SIGTERM)",
        "link.symlink_to(path)",
        "open('/proc/stat', 'rb')",
        "get_context('fork')",
    ],
)
def test_the_check_sees_a_missing_guard(code: str) -> None:
    assert unguarded(ast.parse(code))
    lines = code.replace("\n", "\n    ")
    assert not unguarded(ast.parse(f"if sys.platform != 'win32':\n    {lines}"))
    assert not unguarded(ast.parse(f"try:\n    {lines}\nexcept (OSError, ImportError):\n    pass"))
    returned = f"def g():\n    if sys.platform == 'win32':\n        return 0\n    {lines}"
    assert not unguarded(ast.parse(returned))
    assert not unguarded(ast.parse("get_context('forkserver' if 'forkserver' in get_all_start_methods() else 'spawn')"))


@pytest.mark.parametrize(
    "code", ["open(p", "p.open('w'", "p.read_text(", "p.write_text(t", "subprocess.run(c, text=True"]
)
def test_the_check_sees_a_missing_encoding(code: str) -> None:
    assert without_encoding(ast.parse(f"{code})"))
    assert not without_encoding(ast.parse(f"{code}{'' if code.endswith('(') else ', '}encoding='utf-8')"))
    assert not without_encoding(ast.parse("open(p, 'rb')"))


#: A fresh interpreter without what Windows does not have; only libraries that graphkit does not own are imported first.
WINDOWS = """
import os, signal, sys
import numpy, scipy.sparse.csgraph, networkx, torch, torch_geometric.nn, torch_geometric.datasets, pydantic, click
import matplotlib.font_manager, torch._dynamo, torch.distributed, torch.utils.data, tqdm, yaml, jinja2
import safetensors.torch
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
for module, names in ((os, {os_names!r}), (signal, {signal_names!r})):
    for name in names:
        if hasattr(module, name):
            delattr(module, name)
from pathlib import Path
def refuse(*args, **options):
    raise OSError("a required privilege is not held by the client")
Path.symlink_to = refuse
sys.platform = "win32"
"""
WINDOWS = WINDOWS.format(
    os_names=sorted(POSIX_ATTRIBUTES["os"] - {"kill", "O_CLOEXEC"}), signal_names=sorted(POSIX_ATTRIBUTES["signal"])
)


def on_windows(code: str, folder: Path) -> str:
    """Runs code in an interpreter that lacks what Windows lacks, without native operators; returns what it prints."""
    environment = {**os.environ, "GRAPHKIT_LIBRARY": str(folder / "none"), "GRAPHKIT_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", WINDOWS + code],
        cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.extended
def test_runs_and_commands_work_without_what_windows_lacks(tmp_path: Path) -> None:
    code = """
from click.testing import CliRunner
import graphkit
from graphkit.cli.main import main
run = graphkit.fit("gcn", "karate", epochs=2, output="run")
assert run.result["peak_memory_mb"] is None, run.result
assert run.result["environment"]["operators"] == "torch" if "environment" in run.result else True
for line in (
    "distill --dataset karate --teacher train --epochs 1 --output distill --quiet",
    "continual --dataset sbm-continual --epochs 1 --output continual --quiet --set data.size=12",
    "paths --dataset karate --all --output paths",
    "predict run karate --output predictions.csv",
    "report run",
):
    done = CliRunner().invoke(main, line.split())
    assert done.exit_code == 0, (line, done.output, done.exception)
print(CliRunner().invoke(main, ["doctor"]).output)
"""
    text = on_windows(code, tmp_path)
    assert text.count("for native operators on CPU: use Linux, macOS or WSL 2") == 1
    assert "native operators are not built on Windows" in text and "compiler" not in text
    result = (tmp_path / "run" / "result.json").read_bytes()
    assert b"\r" not in result


def test_unknown_memory_is_no_limit_and_no_number_in_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    peak = peak_memory_mb(torch.device("cpu"))
    assert peak != peak and rounded_mb(peak) is None and rounded_mb(1.26) == 1.3
    _check_memory(2**40, 1, 1)
    assert shortest_paths(torch.tensor([[0], [1]]), None, 1, num_nodes=2)[0][0].tolist() == [[0], [1]]


def test_a_process_of_windows_is_never_signaled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.delattr(os, "kill")
    assert alive(os.getpid())


def test_a_machine_has_an_id_without_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*arguments: object, **options: object) -> str:
        raise FileNotFoundError("no such file")

    monkeypatch.setattr(os, "readlink", absent)
    monkeypatch.setattr(Path, "read_text", absent)
    assert re.fullmatch("[0-9a-f]{8}", machine_id.__wrapped__())


def test_a_file_that_another_process_reads_is_replaced_when_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals, replace = [1, 2, 3], os.replace

    def busy(source: Path, target: Path) -> None:
        if refusals:
            refusals.pop()
            raise PermissionError(13, "The process cannot access the file", str(source))
        replace(source, target)

    monkeypatch.setattr(os, "replace", busy)
    with pytest.raises(OSError, match="cannot be written"):
        write_text(tmp_path / "file", "new")  # on other systems it has a lasting reason
    refusals[:] = [1, 2, 3]
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    write_text(tmp_path / "file", "a\nb")
    assert (tmp_path / "file").read_bytes() == b"a\nb" and not refusals
    refusals[:] = range(20)
    with pytest.raises(OSError, match="cannot be written"):
        write_text(tmp_path / "file", "other")
    assert (tmp_path / "file").read_bytes() == b"a\nb" and len(refusals) == 10


def test_a_temporary_file_in_use_does_not_hide_the_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_use(self: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "The process cannot access the file", str(self))

    def write(temporary: Path) -> None:
        raise ValueError("expected 3 rows, got 2")

    monkeypatch.setattr(Path, "unlink", in_use)
    with pytest.raises(ValueError, match="expected 3 rows, got 2"):
        write_atomically(tmp_path / "x.npy", write)


def test_a_written_file_is_synchronized_with_a_handle_that_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    fsync = os.fsync
    fcntl = pytest.importorskip("fcntl")

    def noted(number: int) -> None:
        modes.append(fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE)
        fsync(number)

    monkeypatch.setattr(os, "fsync", noted)
    write_text(tmp_path / "file", "x")
    assert modes == [os.O_RDWR]


def test_without_links_files_and_folders_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path, target_is_directory: bool = False) -> None:
        raise OSError("a required privilege is not held by the client")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("x", encoding="utf-8")
    link_or_copy(tmp_path / "folder", tmp_path / "copy")
    link_or_copy(tmp_path / "folder" / "file", tmp_path / "file")
    assert (tmp_path / "copy" / "file").read_bytes() == (tmp_path / "file").read_bytes() == b"x"
    assert not (tmp_path / "copy").is_symlink()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_a_written_folder_has_the_permissions_of_any_new_folder(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        write_folder(tmp_path / "graph", x=torch.ones(2, 1), edge_index=torch.tensor([[0], [1]]), y=torch.arange(2))
        (tmp_path / "other").mkdir()
    finally:
        os.umask(before)
    assert (tmp_path / "graph").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_what_worker_processes_get_can_be_pickled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers are forked on Linux, and started from a pickle on macOS and Windows."""
    sizes = []

    def started(made: Any, sampler: Any, **options: Any) -> list[Any]:
        made, items = pickle.loads(pickle.dumps((made, sampler)))
        sizes.append(len(items))
        return [made[item] for item in items]

    for module in ("node_loader", "clip_loader"):
        monkeypatch.setattr(f"graphkit.sampling.{module}.DataLoader", started)
    graph = load("karate").graphs[0]
    for loader in (
        NeighborLoader(graph, [2, 2], batch_size=10, num_workers=2),
        ShortestPathLoader(graph, 2, num_workers=2),
    ):
        assert sum(int(batch.batch_size) for batch in loader) == 34
    clips = load("synthetic-skeleton", num_clips=20)
    assert len(list(ClipLoader(clips.graphs, torch.arange(20), 10, workers=2))) == 2
    assert len(sizes) == 3


RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def test_no_file_has_a_name_that_windows_refuses_or_that_differs_in_case_only() -> None:
    skipped = {"__pycache__", "_build", ".git", ".venv", "build"}
    folders = [ROOT / name for name in ("graphkit", "tests", "docs", "examples", "benchmarks", ".github")]
    paths = [path for folder in folders for path in folder.rglob("*") if not skipped & {*path.parts}]
    wrong = [path for path in paths if RESERVED.fullmatch(path.name) or set('<>:"|?*\\') & {*path.name}]
    wrong += [path for path in paths if path.name.endswith((".", " "))]
    assert not wrong
    names = [str(path).lower() for path in paths]
    assert len(names) == len(set(names))


def test_registered_names_are_names_of_folders_on_every_system() -> None:
    for entries in registry.manifest().values():
        assert not [name for name in entries if RESERVED.fullmatch(name) or not re.fullmatch("[a-z0-9-]+", name)]
