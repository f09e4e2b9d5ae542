"""What holds for the package as a whole: the cost of importing it, which folder may use which, what a file may name."""

import ast
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import networkx
import pytest

from graphkit.plain_yaml import parse_yaml
from graphkit.registry import model_names

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "graphkit"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__main__.py")
PACKAGES = [path for path in MODULES if path.name == "__init__.py"]
OPTIONAL = ("matplotlib", "ogb", "rdkit", "torch_scatter", "pandas", "sklearn", "onnx", "onnxruntime", "onnxscript")

#: The levels of the package from the bottom up; a folder may import from its own level and from those before it.
LEVELS = (
    {"version", "coercion", "errors", "files", "lazy", "plain_yaml", "processes", "registry", "screen", "settings"},
    {"csrc"},
    {"ops"},
    {"nn"},
    {"data", "metrics", "sampling", "skeleton", "transforms"},
    {"tasks"},
    {"config"},
    {"distributed"},
    {"training"},
    {"continual", "distill"},
    {"experiments"},
    {"export", "report"},
    {"cli", "testing"},
)
#: Folders of one level that may not import each other.
APART = ({"continual", "distill"},)
#: File names that may exist once in the package only.
UNIQUE = {"run", "result", "config", "paths", "model", "trainer", "driver"}
RANK = {folder: rank for rank, level in enumerate(LEVELS) for folder in level}

IMPORTED = """
import json, sys
import graphkit

packages = {name.split(".")[0] for name in sys.modules} - set(sys.stdlib_module_names)
inner = [name for name in sys.modules if name.startswith("graphkit.")]
print(json.dumps([[name for name in %r if name in packages], inner]))
"""

SIDE_EFFECTS = """
import importlib, json, os, random, sys, threading
import numpy, torch, torch_geometric

for name in {optional!r}:
    sys.modules[name] = None  # as if it were not installed

events = []

def listen(event, args):
    if event.startswith(("socket.", "subprocess.", "os.system")):
        events.append(event)

sys.addaudithook(listen)

def state():
    drawn = torch.random.get_rng_state().tolist(), random.getstate(), numpy.random.get_state()[1].tolist()
    return drawn, torch.get_num_threads(), torch.get_default_dtype(), threading.active_count(), dict(os.environ)

before = state()
for name in {modules!r}:
    importlib.import_module(name)
print(json.dumps({{"events": events, "unchanged": before == state(), "cuda": torch.cuda.is_initialized()}}))
"""


def python(script: str) -> object:
    """Runs a script in a fresh interpreter and returns the JSON that it prints."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Yields what a file imports from the package when it runs, wherever in the file, and the lines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test).endswith("TYPE_CHECKING")
        for statement in block.body
        for node in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in for_types_only:
            continue
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            targets = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for target in targets:
            parts = target.split(".")
            if parts[0] == "graphkit" and len(parts) > 1 and parts[1] != "__version__":
                yield target, node.lineno


def import_graph() -> dict[str, set[str]]:
    """Returns the modules of the package that each module imports."""
    names = {module_name(path) for path in MODULES}
    graph: dict[str, set[str]] = {}
    for path in MODULES:
        targets = {target for target, _ in imports(path)}
        graph[module_name(path)] = {t if t in names else t.rpartition(".")[0] for t in targets} & names
    return graph


@cache
def family(*roots: str) -> set[str]:
    """Returns the names of some classes and of all their sub-classes in the package."""
    nodes = [node for path in MODULES for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    bases = [(node.name, {ast.unparse(base).rpartition(".")[2] for base in node.bases}) for node in classes]
    names, size = set(roots), 0
    while len(names) > size:
        size = len(names)
        names |= {name for name, parents in bases if parents & names}
    return names


def class_tests(tree: ast.AST, classes: set[str], names: set[str]) -> list[int]:
    """Returns the lines that test an object for one of some classes.

    These are ``isinstance``, ``issubclass`` and a ``match`` on a class; comparisons of ``type(x)``, ``x.__class__`` or
    the name of a class; and comparisons with one of ``names``, which classes are registered by. Aliases of imports,
    names for tuples of classes, and tuples and unions in place are resolved.
    """
    aliases: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            aliases |= {alias.asname: {alias.name} for alias in node.names if alias.asname}

    def mentions(node: ast.AST) -> set[str]:
        identifiers = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
        identifiers |= {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}
        return set().union(*(aliases.get(name, {name}) for name in identifiers))

    def texts(node: ast.AST) -> set[str]:
        constants = {inner.value for inner in ast.walk(node) if isinstance(inner, ast.Constant)}
        return {text for text in constants if isinstance(text, str)}

    for node in ast.walk(tree):  # names such as CLASSES = (A, B); a call makes an object, not a name for a class
        if isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Tuple | ast.Name | ast.BinOp):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if mentions(node.value) & classes:
                aliases |= {target.id: mentions(node.value) for target in targets if isinstance(target, ast.Name)}
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("isinstance", "issubclass"):
            wrong = mentions(node.args[1]) & classes
        elif isinstance(node, ast.MatchClass):
            wrong = mentions(node.cls) & classes
        elif isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            of_type = any({"type", "__class__", "__name__", "__qualname__"} & mentions(side) for side in sides)
            wrong = {name for side in sides if of_type for name in (mentions(side) | texts(side)) & classes}
            wrong |= {name for side in sides for name in texts(side) & names}
        else:
            continue
        lines += [node.lineno if hasattr(node, "lineno") else node.cls.lineno] if wrong else []
    return sorted(lines)


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Returns the strongly connected components of more than one module."""
    components = networkx.strongly_connected_components(networkx.DiGraph(graph))
    return [sorted(component) for component in components if len(component) > 1]


def test_import_loads_no_other_package_and_two_small_modules() -> None:
    assert python(IMPORTED % (("torch", "torch_geometric", "numpy", "scipy", *OPTIONAL),)) == [
        [],
        ["graphkit.lazy", "graphkit.version"],
    ]


def test_import_has_no_side_effect_and_needs_no_extra() -> None:
    result = python(SIDE_EFFECTS.format(optional=OPTIONAL, modules=[module_name(path) for path in MODULES]))
    assert result == {"events": [], "unchanged": True, "cuda": False}


def test_every_folder_has_a_level() -> None:
    folders = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in MODULES}
    assert folders - {"__init__"} == RANK.keys() - {"csrc"}


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_imports_only_from_below(path: Path) -> None:
    folder = (module_name(path).split(".") + ["version"])[1]  # graphkit/__init__.py may use the lowest level
    others = {other for siblings in APART if folder in siblings for other in siblings - {folder}}
    targets = [(target.split(".")[1], line) for target, line in imports(path)]
    wrong = [(name, line) for name, line in targets if RANK[name] > RANK[folder] or name in others]
    assert not wrong, f"{path.relative_to(ROOT)} imports from a folder above or beside '{folder}': {wrong}"


def test_no_import_cycles() -> None:
    assert cycles(import_graph()) == []


def test_cycle_check_sees_a_cycle() -> None:
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}) == [["a", "b", "c"]]


def test_layering_check_sees_a_wrong_import(tmp_path: Path) -> None:
    file = tmp_path / "conv.py"
    file.write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from graphkit.experiments import Result\n"
        "def f():\n    from graphkit.data import load\n    from graphkit import cli\n    import graphkit.ops\n"
    )
    assert [target for target, _ in imports(file)] == ["graphkit.data.load", "graphkit.cli", "graphkit.ops"]


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_capabilities_are_asked_for_and_not_classes(path: Path) -> None:
    folder = (module_name(path).split(".") + [""])[1]
    models, data_sets = family("GraphModel"), family("GraphDataset", "GraphCollection", "ClipCollection")
    classes = (set() if folder == "nn" else models) | (set() if folder == "data" else data_sets)
    names = set() if folder == "nn" else set(model_names())
    lines = class_tests(ast.parse(path.read_text(encoding="utf-8")), classes, names)
    assert not lines, f"{path.relative_to(ROOT)} tests for the class of a model or data set in line(s) {lines}"


@pytest.mark.parametrize(
    "code",
    [
        "isinstance(x, GCN)",
        "isinstance(x, nn.GCN)",
        "isinstance(x, (int, GCN))",
        "isinstance(x, int | GCN)",
        "issubclass(cls, Model)",
        "isinstance(x, BOTH)",
        "type(x) is GCN",
        "type(x) in (GCN, GAT)",
        "x.__class__ == Model",
        "type(x).__name__ == 'GCN'",
        "config['model']['name'] != 'gcn'",
        "name in ('gcn', 'gat')",
        "match x:\n    case GCN():\n        pass",
    ],
)
def test_capability_check_sees_a_test_for_a_class(code: str) -> None:
    head = "from graphkit.nn import GCN as Model, GCN\nimport graphkit.nn as nn\nBOTH = (int, Model)\n"
    assert class_tests(ast.parse(head + code), {"GCN", "GAT"}, {"gcn", "gat"})
    assert not class_tests(ast.parse(head + "model = GCN()\nisinstance(model, int)\nx == 'cora'"), {"GCN"}, {"gcn"})


def test_file_names_are_unique_where_they_would_be_confused() -> None:
    names = [path.stem for path in MODULES if path.stem in UNIQUE and path.parent.name != "cli"]
    assert len(names) == len(set(names)), names


@pytest.mark.parametrize("name", [module_name(path) for path in PACKAGES])
def test_package_exports_what_it_names(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    missing = [export for export in getattr(module, "__all__", ()) if not hasattr(module, export)]
    assert not missing


@pytest.mark.parametrize("path", sorted((PACKAGE / "config" / "recipes").rglob("*.yaml")), ids=lambda path: path.stem)
def test_recipe_is_valid_yaml(path: Path) -> None:
    assert {"title", "data"} <= parse_yaml(path.read_text(encoding="utf-8")).keys()


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_example_has_main(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    is_script = path.stem == "networkx_graph"  # the short script of the front page
    assert is_script or "main" in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert ast.get_docstring(tree)


def test_no_file_names_a_private_path() -> None:
    private = re.compile(r"(?<![\w.~-])/(?:work|root|home|Users|opt/pypi|opt/wheels)/|\.\./shared|/tmp/team")
    folders = ("graphkit", "tests", "examples", "benchmarks", "docs")
    suffixes = {".py", ".md", ".yaml", ".cpp", ".h", ".cu", ".css", ".html", ".json", ".cfg", ".toml", ".txt", ".in"}
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if "_build" not in path.parts]
    files += [path for path in ROOT.iterdir() if path.is_file() and not path.name.startswith(".")]
    matches = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in files
        if (path.suffix in suffixes or path.name == "Makefile") and path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if private.search(line)
    ]
    assert not matches


#: Words that documentation of software does without, with what to write instead in CONTRIBUTING.md.
ODD_WORDS = re.compile(
    r"\b(anew|whoever|nobody|somebody|beside|told|tells|taught|hears?|heard|thinks?|wants?|knows?|"
    r"in the place of|of its own accord)\b",
    re.IGNORECASE,
)
OPENINGS = ("What", "Who", "How", "Whether", "Which", "Where", "Why", "When")


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    """Yields the line and the text of every docstring of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text


@pytest.mark.parametrize("path", MODULES, ids=module_name)
def test_docstrings_begin_with_a_noun_or_a_verb_and_are_plain(path: Path) -> None:
    for line, text in docstrings(path):
        first = text.split("\n", 1)[0]
        assert first.split(" ", 1)[0] not in OPENINGS, f"{path.name}:{line}: {first}"
        assert len(first) <= 80, f"{path.name}:{line}: {len(first)} characters: {first}"
        odd = ODD_WORDS.search(text)
        assert odd is None, f"{path.name}:{line}: '{odd[0] if odd else ''}' in: {first}"
