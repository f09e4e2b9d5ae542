"""Exported files from outside: nothing in them is run, and whatever is wrong is one line."""

import io
import json
import os
import pickle
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from graphkit.experiments import open_run
from graphkit.export import export_run, open_exported
from tests.export.conftest import HAS_ONNX


class Touch:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.path}",)


@pytest.fixture(scope="module")
def archive(clip_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pt2") / "model.pt2"
    export_run(open_run(clip_run), "pt2", path)
    return path


def rewritten(archive: Path, target: Path, changes: dict[str, Callable[[bytes], bytes]]) -> Path:
    """Writes an archive with changed members; a member that is not in it is added."""
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w") as new:
        root = old.namelist()[0].split("/")[0]
        for name in dict.fromkeys([*old.namelist(), *(f"{root}/{name}" for name in changes)]):
            content = old.read(name) if name in old.namelist() else b""
            change = changes.get(name.removeprefix(f"{root}/"))
            new.writestr(name, change(content) if change else content)
    return target


def in_json(change: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    def changed(content: bytes) -> bytes:
        value = json.loads(content)
        change(value)
        return json.dumps(value).encode()

    return changed


def node(program: dict) -> dict:
    return program["graph_module"]["graph"]["nodes"][0]


def pickled(path: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save((Touch(path),), buffer)
    return buffer.getvalue()


MODEL, WEIGHTS, INPUTS = "models/model.json", "data/weights/model_weights_config.json", "data/sample_inputs/model.pt"


def attacks(marker: Path) -> dict[str, tuple[dict[str, Callable[[bytes], bytes]], str]]:
    """Returns changes of members, and a part of the error for each."""
    code = f"__import__('os').system('touch {marker}')"

    def expression(program: dict) -> None:
        values = program["graph_module"]["graph"]["sym_int_values"]
        next(iter(values.values()))["as_expr"]["expr_str"] = code

    def operator(program: dict) -> None:
        node(program)["target"] = "torch.os.system"
        node(program)["inputs"] = [{"name": "", "arg": {"as_string": f"touch {marker}"}, "kind": 1}]

    def pickled_weight(config: dict) -> None:
        next(iter(config["config"].values()))["use_pickle"] = True

    def spec(program: dict) -> None:
        call = program["graph_module"]["module_call_graph"][0]["signature"]
        call["in_spec"] = call["in_spec"].replace("builtins.dict", "collections.defaultdict")

    return {
        "inputs": ({INPUTS: lambda _: pickled(marker)}, "cannot be read"),
        "weight": ({WEIGHTS: in_json(pickled_weight), "data/weights/weight_0": lambda _: pickled(marker)}, "a pickled"),
        "opaque": ({"data/constants/opaque_obj_0": lambda _: pickle.dumps(Touch(marker))}, "the member '"),
        "library": ({"data/aotinductor/model/model.so": lambda _: b"ELF"}, "the member '"),
        "expression": ({MODEL: in_json(expression)}, "the expression '__import__"),
        "operator": ({MODEL: in_json(operator)}, "the operator 'torch.os.system'"),
        "file": ({MODEL: in_json(lambda p: node(p).update(target="torch.ops.aten.from_file.default"))}, "the operator"),
        "guards": ({MODEL: in_json(lambda p: p.update(guards_code=[code]))}, "guards, which are code"),
        "spec": ({MODEL: in_json(spec)}, "a value of the type 'collections.defaultdict'"),
        "nested": ({MODEL: lambda _: b"[" * 100_000}, "cannot be read (RecursionError"),
        "empty": ({MODEL: lambda _: b"{}"}, "cannot be read (KeyError"),
    }


@pytest.mark.parametrize("kind", sorted(attacks(Path("x"))))
def test_a_pt2_archive_with_code_is_refused_and_the_code_not_run(archive: Path, tmp_path: Path, kind: str) -> None:
    marker = tmp_path / "marker"
    changes, message = attacks(marker)[kind]
    path = rewritten(archive, tmp_path / "changed.pt2", changes)
    with pytest.raises(ValueError, match=r"changed\.pt2'") as error:
        open_exported(path)
    assert message in str(error.value) and type(error.value).__name__ == "InputError"
    assert not marker.exists()


def test_the_code_runs_where_nothing_is_checked(tmp_path: Path) -> None:
    """The attacks above are attacks."""
    marker = tmp_path / "marker"
    torch.load(io.BytesIO(pickled(marker)), weights_only=False)
    assert marker.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"least_frames": 10**12}, "is damaged (`least_frames` is 1000000000000)"),
        ({"form.persons": 10**9}, "the form of clips is damaged (`persons` is 1000000000); export again"),
        ({"form.frames": -1}, "the form of clips is damaged (`frames` is -1); export again"),
        ({"form.stream": ["bone"]}, "the form of clips is damaged (`stream` is ['bone']); export again"),
        ({"form.classes": ["a"]}, "must give scores of shape [1, 1] (got [1, 6] of torch.float32); export it again"),
        ({"form.channels": 4}, "cannot be run on clips of shape [1, 4, "),
        ({"form.layout": None}, "the form of clips is damaged (TypeError"),
    ],
)
def test_a_form_that_does_not_fit_is_refused(archive: Path, tmp_path: Path, change: dict, message: str) -> None:
    def apply(content: dict) -> None:
        for key, value in change.items():
            target = content["form"] if key.startswith("form.") else content
            target[key.removeprefix("form.")] = value

    path = rewritten(archive, tmp_path / "changed.pt2", {"extra/graphkit.json": in_json(apply)})
    with pytest.raises(ValueError, match=r"changed\.pt2'") as error:
        open_exported(path)
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.skipif(not HAS_ONNX, reason="needs onnx, onnxscript and onnxruntime")
@pytest.mark.parametrize("kind", ["operator", "domain", "outside", "cut"])
def test_onnx_files_with_other_operators_or_files_beside_them_are_refused(
    clip_run: Path, tmp_path: Path, kind: str
) -> None:
    import onnx

    path = tmp_path / "model.onnx"
    export_run(open_run(clip_run), "onnx", path)
    model = onnx.load(path)
    if kind == "operator":
        model.graph.node.append(onnx.helper.make_node("RandomNormal", [], ["noise"], shape=[10**6, 10**6]))
    elif kind == "domain":
        model.graph.node.append(onnx.helper.make_node("RunFolder", [], ["more"], domain="else.where"))
        model.opset_import.append(onnx.helper.make_opsetid("else.where", 1))
    elif kind == "outside":
        onnx.external_data_helper.set_external_data(model.graph.initializer[0], "../../etc/passwd")
        model.graph.initializer[0].ClearField("raw_data")
    content = model.SerializeToString()
    path.write_bytes(content[: len(content) // 2] if kind == "cut" else content)
    with pytest.raises(ValueError, match=r"model\.onnx' (holds|is no ONNX file that can be run)") as error:
        open_exported(path)
    assert type(error.value).__name__ == "InputError" and "\n" not in str(error.value)


@pytest.mark.parametrize("command", ["export", "predict"])
def test_a_full_disk_is_one_line_with_the_file_and_leaves_no_half_of_it(
    clip_run: Path, tmp_path: Path, command: str
) -> None:
    name = "model.pt2" if command == "export" else "p.json"
    options = [*(("--format", "pt2") if command == "export" else ()), "--output", name]

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "graphkit", command, str(clip_run), *options],
        cwd=tmp_path, capture_output=True, text=True, preexec_fn=limit, timeout=300,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and f"'{name}' (File too large)" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_end_of_the_name_must_be_that_of_the_format(clip_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`output` must end in .pt2 for the format pt2 .got .*model.onnx'"):
        export_run(open_run(clip_run), "pt2", tmp_path / "model.onnx")
    (tmp_path / "a.pt2").mkdir()
    with pytest.raises(ValueError, match=r"the model cannot be written to .*a.pt2' .it is a folder."):
        export_run(open_run(clip_run), "pt2", tmp_path / "a.pt2")
