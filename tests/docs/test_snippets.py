"""The code blocks of ``README.md`` and ``docs/``: Python runs, and commands can be read.

Blocks of a page run one after the other in one namespace, which begins with :func:`names`. A block after the comment
``<!-- not run: REASON -->`` is compiled only.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
import pytest
import torch
from torch.nn import functional as F
from torch_geometric.data import Data
from torch_geometric.nn.models import GAT

from graphkit.cli.main import main
from graphkit.cli.running import KEYWORDS
from graphkit.data.sources import is_path
from graphkit.experiments import build_config, continual_layer, distill_layer, train_layer
from graphkit.nn import SPAGAN
from graphkit.registry import canonical_dataset, canonical_model, dataset_names, model_names
from tests.test_page_code import write_molecules

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [page for page in PAGES if "_build" not in page.parts]
BLOCK = re.compile(r"(?:^<!-- not run: (.+?) -->\n+)?^( *)```(\w+)\n(.*?)^ *```", re.M | re.S)
#: Loops that a page shows at full length, and shorter ones for the test.
SHORTER = {"range(200)": "range(3)", "np.random.rand(1000, 16)": "np.random.rand(1000, 4)"}
#: Keywords of ``graphkit train`` alone.
TRAIN = ("model", "split", "split_seed", "stream", "smiles", "metric")
#: Blocks that are not run, by page; the comment in the page has the reason.
NOT_RUN = {"docs/settings.md": 1}


class Block(NamedTuple):
    """Code block of a page, with the reason why it is not run."""

    line: int
    language: str
    code: str
    reason: str | None


def blocks(page: Path, language: str) -> list[Block]:
    """Returns the blocks of a page in one language."""
    text = page.read_text(encoding="utf-8")
    result = []
    for match in BLOCK.finditer(text):
        reason, indent, name, code = match.groups()
        code = re.sub(rf"^{indent}", "", code, flags=re.M)
        if name == language:
            result.append(Block(text.count("\n", 0, match.start(4)) + 1, name, code, reason))
    return result


def label(page: Path) -> str:
    return str(page.relative_to(ROOT))


def names(page: str = "") -> dict[str, Any]:
    """Returns the names that blocks of a page may use without having made them."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(20, 16, generator=generator), torch.arange(20) % 3
    edge_index = torch.stack([torch.arange(20), torch.arange(20).roll(1)])
    edge_index = torch.cat([edge_index, edge_index.flip(0)], dim=1)
    model = SPAGAN(16, 3) if page == "docs/batches.md" else GAT(16, 8, 2, 3)
    data = Data(x=x, y=y, edge_index=edge_index, edge_length=torch.rand(40, generator=generator))
    data.train_mask = torch.arange(20) < 10
    return {
        "torch": torch, "F": F, "x": x, "y": y, "edge_index": edge_index, "train": torch.arange(10),
        "length": torch.rand(40, generator=generator), "batch": torch.zeros(20, dtype=torch.long),
        "data": data, "cross_entropy": F.cross_entropy,
        "teacher": GAT(16, 16, 2, 3), "student": GAT(16, 8, 2, 3), "model": model,
        "optimizer": torch.optim.Adam(model.parameters()),
    }  # fmt: skip


def write_files(folder: Path) -> None:
    """Writes the files that pages on data of one's own read."""
    page = (ROOT / "docs" / "own_data.md").read_text(encoding="utf-8")
    edges, nodes = re.findall(r"```text\n(.*?)```", page, re.S)[:2]
    (folder / "my_graph").mkdir()
    (folder / "my_graph" / "edges.csv").write_text(edges)
    (folder / "my_graph" / "nodes.csv").write_text(nodes)
    write_molecules(folder)


def with_python() -> list[Path]:
    return [page for page in PAGES if blocks(page, "python")]


@pytest.mark.extended
@pytest.mark.parametrize("page", with_python(), ids=label)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if page.name == "molecules.md":
        pytest.importorskip("rdkit")
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path)
    torch.manual_seed(0)
    namespace = names(label(page))
    for block in blocks(page, "python"):
        code = block.code
        for long, short in SHORTER.items():
            code = code.replace(long, short)
        compiled = compile("\n" * (block.line - 1) + code, label(page), "exec")
        if block.reason is None:
            exec(compiled, namespace)


def test_blocks_that_are_not_run_are_few_and_have_a_reason() -> None:
    skipped = {label(page): [block.reason for block in blocks(page, "python") if block.reason] for page in PAGES}
    counts = {page: len(reasons) for page, reasons in skipped.items() if reasons}
    assert counts == NOT_RUN


def commands(code: str) -> Iterator[list[str]]:
    """Yields the words of every command line of a shell block, without comments, variables and redirections."""
    for line in code.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split, lexer.commenters = True, "#"
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("|&;<>"):
                if words:
                    yield words
                words = []
            elif not (not words and re.fullmatch(r"\w+=\S*", word)):
                words.append(word)


def graphkit_arguments(words: list[str]) -> list[str] | None:
    """Returns the arguments of ``graphkit``, called directly, by ``python -m`` or by ``torchrun -m``; else ``None``."""
    words = words[words.index("do") + 1 :] if "do" in words else words
    for start in (["graphkit"], ["-m", "graphkit"], [".venv/bin/graphkit"]):
        for at in range(len(words)):
            is_program = at == 0 or start[0] == "-m" or words[0] in ("python", "nice")
            if words[at : at + len(start)] == start and is_program:
                return words[at + len(start) :]
    return None


def shell_lines() -> list[tuple[str, list[str]]]:
    lines = []
    for page in PAGES:
        for block in blocks(page, "bash"):
            lines += [(f"{label(page)}:{block.line}", words) for words in commands(block.code)]
    return lines


def parse(arguments: list[str]) -> tuple[str, dict[str, Any], list[str]]:
    """Parses a command line as click does, without running it.

    Returns:
        The name of the command, its options by name and its positional arguments.
    """
    arguments = [word for word in arguments if word != "..."]
    name, *rest = arguments
    context = click.Context(main)
    command = main.get_command(context, name)
    assert command is not None, f"there is no command '{name}'"
    context = click.Context(command, parent=context, info_name=name)
    if isinstance(command, click.Group):
        if rest and not rest[0].startswith("-"):
            inner = command.get_command(context, rest[0])
            assert inner is not None, f"there is no command '{name} {rest[0]}'"
            command, rest = inner, rest[1:]
            context = click.Context(command, parent=context)
        else:
            return name, {}, rest
    values, positional, _ = command.make_parser(context).parse_args(list(rest))
    options = {}
    for parameter in command.params:
        value = values.get(parameter.name)
        is_given = value is not None and not repr(value).startswith("Sentinel")
        if is_given and not isinstance(parameter.type, click.Path) and "$" not in str(value):
            value = parameter.type_cast_value(context, value)
        options[str(parameter.name)] = value if is_given else None
    return name, options, positional


def check_names(name: str, options: dict[str, Any]) -> None:
    """Checks models, data sets, recipes, losses, strategies and settings of a command line."""
    for option in ("model", "teacher_model", "student"):
        if options.get(option):
            assert canonical_model(options[option]) in model_names(), options[option]
    dataset = options.get("dataset")
    is_own = dataset is not None and (is_path(dataset) or dataset.startswith("my_") or dataset == "large_graph")
    if dataset is not None and not is_own:
        assert canonical_dataset(dataset) in dataset_names(), dataset
    resumed = options.get("run") is not None or options.get("config") is not None
    trained = options.get("teacher") not in (None, "train")
    if name not in ("train", "distill", "continual") or is_own or resumed or trained:
        return
    if any("$" in str(value) for value in options.values()):
        return
    keywords = {key: options.get(key) for key in KEYWORDS}
    if name == "train":
        layer = train_layer(**keywords, **{key: options[key] for key in TRAIN})
        chosen = None
    elif name == "distill":
        layer = distill_layer(**keywords, **{key: options[key] for key in ("teacher", "teacher_model", "student")})
        chosen = options["compare"] or options["loss"]
    else:
        keys = ("classes_per_task", "tasks", "scenario", "visible", "protocol", "model")
        layer = continual_layer(**keywords, **{key: options[key] for key in keys})
        chosen = options["compare"] or options["strategy"]
    kwargs = {} if name == "train" else {"names": chosen}
    build_config(name, layer, recipe=options["recipe"], set=options["sets"] or (), **kwargs)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "bash")], ids=label)
def test_commands_can_be_read(page: Path) -> None:
    for block in blocks(page, "bash"):
        for words in commands(block.code):
            arguments = graphkit_arguments(words)
            if arguments:
                name, options, _ = parse(arguments)
                check_names(name, options)


def test_make_targets_and_scripts_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    for where, words in shell_lines():
        if words[0] == "make":
            asked = [word for word in words[1:] if "=" not in word]
            assert set(asked) <= targets, (where, words)
        elif words[0] == "python" and words[1].endswith(".py"):
            assert (ROOT / words[1]).is_file(), (where, words[1])


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_links_lead_to_files(page: str) -> None:
    targets = re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", (ROOT / page).read_text(encoding="utf-8"))
    assert not [target for target in targets if not (ROOT / target).exists()]


def test_files_that_contributing_names_exist() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:[\w.-]+/)+(?:[\w.-]+)?|\w+\.(?:py|md|txt))`", text)
    paths = [path for path in paths if not re.search("NAME|MODEL", path)]
    missing = [path for path in paths if not (ROOT / path).exists() and not (ROOT / "graphkit" / path).exists()]
    assert len(paths) > 20 and not missing


def test_wrong_command_is_noticed() -> None:
    with pytest.raises(click.UsageError):
        parse(["train", "--runs", "5"])
    with pytest.raises(ValueError, match="unknown configuration key"):
        name, options, _ = parse(["train", "--set", "train.lrr=1"])
        check_names(name, options)
    assert graphkit_arguments(["torchrun", "--nproc-per-node", "2", "-m", "graphkit", "train"]) == ["train"]
    assert [*commands("A=1 make demo  # x\ngraphkit train \\\n --seeds 2 | head")] == [
        ["make", "demo"], ["graphkit", "train", "--seeds", "2"], ["head"],
    ]  # fmt: skip
