import importlib.util
import json
import re
import zipfile
from pathlib import Path

import pytest
import torch

from graphkit.errors import MissingPackageError
from graphkit.experiments import open_run
from graphkit.export import export_run, open_exported
from graphkit.export import exporter as exporting_module
from tests.export.conftest import HAS_ONNX


def test_any_number_of_clips_and_frames_gives_the_scores_of_the_model(exported: Path, clip_run: Path) -> None:
    model, file = open_run(clip_run).model, open_exported(exported, threads=1)
    for count, frames in ((1, 33), (8, 20), (3, file.least_frames)):
        x = torch.randn(count, 3, frames, 20, 1, generator=torch.Generator().manual_seed(frames))
        with torch.no_grad():
            torch.testing.assert_close(file(x), model(x), atol=1e-4, rtol=0)


def test_what_clips_must_look_like_travels_inside(exported: Path, clip_run: Path) -> None:
    file = open_exported(exported)
    assert file.metadata["model"] == "stigcn" and "20 joints" in file.metadata["input"]
    form = file.form
    assert (form.stream, form.frames, form.align, form.center, form.persons) == ("bone", 0, True, "first", 1)
    assert form.classes == open_run(clip_run).dataset.class_names
    assert form.layout == open_run(clip_run).dataset.layout


@pytest.mark.parametrize("exported", ["onnx"], indirect=True)
def test_the_graph_holds_standard_operators_and_no_norm(exported: Path) -> None:
    import onnx

    model = onnx.load(exported)
    assert {node.domain for node in model.graph.node} <= {""}
    assert not any("Normalization" in node.op_type or node.op_type == "Einsum" for node in model.graph.node)
    shapes = [[d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim]
              for v in (*model.graph.input, *model.graph.output)]  # fmt: skip
    assert shapes == [["batch", 3, "frames", 20, 1], ["batch", 6]]
    assert [model.graph.input[0].name, model.graph.output[0].name] == ["clips", "scores"]
    (entry,) = model.metadata_props
    assert json.loads(entry.value)["form"]["layout"]["name"] == "nw-ucla-20"


def test_a_file_that_differs_from_the_model_is_not_kept(
    clip_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "model.pt2"
    old.write_text("what was there before")
    run = open_run(clip_run)
    monkeypatch.setattr(exporting_module, "trace", lambda *_: None)
    monkeypatch.setattr(exporting_module, "write_pt2", lambda _, path, __: path.write_text("a worse file"))
    monkeypatch.setattr(exporting_module, "run_pt2", lambda _: (lambda x: run.model(x) + 0.01, {}))
    with pytest.raises(ValueError, match="the exported file differs from the model by 0.01 for random clips, more"):
        export_run(run, "pt2", old)
    assert old.read_text() == "what was there before" and len(list(tmp_path.iterdir())) == 1


def test_what_cannot_be_exported_is_one_line(clip_run: Path, graph_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="only models of skeleton clips can be exported .got 'gcn'."):
        export_run(open_run(graph_run), "pt2")
    with pytest.raises(ValueError, match="unknown format 'onx'; did you mean 'onnx'"):
        export_run(open_run(clip_run), "onx")
    with pytest.raises(ValueError, match="the model cannot be written to .*No such file or directory"):  # at once
        export_run(open_run(clip_run), "pt2", tmp_path / "nowhere" / "model.pt2")
    (tmp_path / "config.yaml").write_text((clip_run / "config.yaml").read_text())
    with pytest.raises(ValueError, match="has not ended; continue it with: graphkit train --resume"):
        export_run(open_run(tmp_path), "pt2")


def test_a_graph_that_pytorch_cannot_export_is_one_line(clip_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, prefer_deferred_runtime_asserts_over_guards: bool, **options: object) -> None:
        raise AssertionError("frames <= 2147483647/160")

    monkeypatch.setattr(torch.export, "export", fail)
    with pytest.raises(MissingPackageError, match=r"a dynamic number of frames .frames <= 2.*; pip install -U torch$"):
        export_run(open_run(clip_run), "pt2")


def test_without_the_packages_the_error_says_what_to_install(clip_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "onnxscript" else find(name))
    with pytest.raises(ImportError, match=re.escape("needs onnxscript, which is not installed; pip install onnx ")):
        export_run(open_run(clip_run), "onnx")


def test_a_torch_that_is_too_old_says_so(clip_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.export, "export", lambda module, args, dynamic_shapes: None)
    with pytest.raises(ImportError, match="does not support a dynamic number of frames; pip install -U torch"):
        export_run(open_run(clip_run), "pt2", tmp_path / "model.pt2")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pt2", b"no archive", "a.pt2' is not a readable archive; fetch or"),
        ("a.onnx", b"no graph", "a.onnx' is no ONNX file that can be run ("),
        ("a.bin", b"", "a.bin' must end in .onnx or .pt2 (got '.bin')"),
    ],
)
def test_files_that_cannot_be_opened_are_one_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    if name.endswith("onnx") and not HAS_ONNX:
        pytest.skip("needs onnx, onnxscript and onnxruntime: pip install onnx onnxruntime onnxscript")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(message)):
        open_exported(tmp_path / name)
    with pytest.raises(FileNotFoundError, match="there is no file .*write one with graphkit export"):
        open_exported(tmp_path / "absent.pt2")


def test_an_archive_of_someone_else_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "empty.pt2", "w") as archive:
        archive.writestr("note", "hello")
    with pytest.raises(ValueError, match="empty.pt2' holds the member 'note', which graphkit does not export"):
        open_exported(tmp_path / "empty.pt2")
    program = torch.export.export(torch.nn.Linear(2, 2), (torch.ones(1, 2),))
    torch.export.save(program, tmp_path / "other.pt2")
    with pytest.raises(ValueError, match="other.pt2' was not written by graphkit export: it has no metadata of"):
        open_exported(tmp_path / "other.pt2")
