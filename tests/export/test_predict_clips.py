import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from graphkit.data import load
from graphkit.data.clip_preprocessing import ClipForm
from graphkit.experiments import open_run
from graphkit.export import find_clips, open_predictor, predict_clips
from graphkit.skeleton import get_layout
from tests.data.test_nw_ucla import write_archive
from tests.fitting import fit
from tests.skeleton.recordings import random_bodies, write_skeleton


def test_files_give_the_predictions_of_the_data_set_that_they_are(clip_run: Path, clips_folder: Path) -> None:
    run = open_run(clip_run)
    expected, predictions = run.predict(), run.predict(clips_folder)
    assert predictions.ids == tuple(f"clip-{number:02d}.npy" for number in range(36)) and len(expected) == 36
    assert (predictions.prediction == expected.prediction).all() and predictions.names == expected.names
    np.testing.assert_allclose(predictions.probability, expected.probability, atol=1e-5)


def test_an_exported_file_predicts_the_same_without_its_run(
    exported: Path, clip_run: Path, clips_folder: Path, tmp_path: Path
) -> None:
    files = find_clips([clips_folder])[:6]
    ours, theirs = (predict_clips(source, files) for source in (open_run(clip_run), exported))
    np.testing.assert_allclose(theirs.probability, ours.probability, atol=1e-5)
    np.save(tmp_path / "short.npy", np.load(files[0])[:3])
    short = predict_clips(exported, tmp_path / "short.npy")
    assert len(short) == 0 and short.problems == {
        "short.npy": f"'{tmp_path / 'short.npy'}' must have at least 4 frames for this model (got 3)"
    }


def test_bad_clips_are_named_and_the_others_predicted(clip_run: Path, clips_folder: Path, tmp_path: Path) -> None:
    good = np.load(clips_folder / "clip-00.npy")
    bad = {
        "joints": (good[:, :, :17], "must be [frames, 20 joints, 3] or [frames, persons, 20 joints, 3] of numbers"),
        "channels": (good[..., :2], f"(got {list(good[..., :2].shape)} of float32); see `data.layout` and"),
        "persons": (np.repeat(good, 2, axis=1), "must have at most 1 person(s), as in training"),
        "nobody": (good * 0, "has no skeleton: all its coordinates are zero; leave it out"),
        "nan": (np.where(good == good[2, 0, 1, 0], np.nan, good), "1,000,000 (got nan in frame 2, person 0, joint"),
        "five": (good[None].transpose(0, 4, 1, 3, 2), "it has five axes: save each clip as a file of its own"),
        "order": (good.transpose(3, 0, 2, 1), "if its axes are in another order, save x.transpose(1, 3, 2, 0)"),
        "empty": (good[:0], "(got [0, 1, 20, 3] of float32)"),
    }
    for name, (x, _) in bad.items():
        np.save(tmp_path / f"{name}.npy", x)
    texts = {
        "broken.json": ("{", "broken.json' cannot be read as JSON ("),
        "other.json": ("[]", "is not a clip: expected the key 'skeletons' (NW-UCLA) or 'data' (Kinetics)"),
        "seventeen.json": (json.dumps({"skeletons": good[:, 0, :17].tolist()}), "must hold frames of 20 joints with 3"),
        "film.json": (json.dumps({"data": [{"frame_index": 1, "skeleton": []}]}), "has no skeleton in any"),
        "empty.skeleton": ("", "is empty (line 1); fetch it again, or leave it out"),
        "words.csv": ("a,b\n1,2\n", "words.csv', line 2: expected 60 numbers, 3 for each of 20 joints (got 2)"),
        "note.txt": ("hello", "must end in .npy, .csv, .skeleton, .json (got '.txt')"),
    }
    for name, (text, _) in texts.items():
        (tmp_path / name).write_text(text)
    ntu = write_skeleton(tmp_path, "S001C001P001R001A001", random_bodies(20))
    np.save(tmp_path / "single.npy", good[:1])  # one frame: short, but a clip
    messages = {f"{name}.npy": message for name, (_, message) in bad.items()}
    messages |= {name: message for name, (_, message) in texts.items()}
    messages[ntu.name] = "must have 20 joints (nw-ucla-20) with 3 channels, as the clips that the model was tr"
    predictions = open_run(clip_run).predict(sorted(tmp_path.iterdir()))
    assert predictions.ids == ("single.npy",) and float(predictions.probability.sum()) == pytest.approx(1.0)
    for name, problem in predictions.problems.items():
        assert messages.pop(name) in problem, name
        assert problem.startswith(f"'{tmp_path / name}'") and "\n" not in problem
    assert not messages
    rows = list(predictions.rows())
    assert [row["id"] for row in rows] == ["single.npy", *predictions.problems] and "problem" not in rows[0]


def test_recordings_are_prepared_as_for_training(tmp_path: Path) -> None:
    root = write_archive(tmp_path)
    folder = tmp_path / "json"
    folder.mkdir()
    import zipfile

    with zipfile.ZipFile(root / "NW-UCLA" / "all_sqe.zip") as archive:
        for name in archive.namelist():
            (folder / Path(name).name).write_bytes(archive.read(name))
    options = {"frames": 9, "stream": "bone-motion", "align": True}
    check_form("nw-ucla", load("nw-ucla", root, **options), options, folder, "*.json")


def test_clips_of_ntu_are_prepared_as_for_training(tmp_path: Path) -> None:
    folder = tmp_path / "NTU-RGB-D" / "nturgb+d_skeletons"
    for seed, name in enumerate(("S001C001P001R001A001", "S001C002P003R001A002")):
        write_skeleton(folder, name, random_bodies(5 + seed, 3, seed))
    options = {"frames": 11, "stream": "joint-motion", "validation": "none"}
    check_form("ntu60-xsub", load("ntu60-xsub", tmp_path, **options), options, folder, "*.skeleton")


def test_clips_of_kinetics_are_prepared_as_for_training(tmp_path: Path) -> None:
    folder = tmp_path / "Kinetics-Skeleton" / "kinetics_train"
    generator = np.random.default_rng(0)
    for split_name in ("kinetics_train", "kinetics_val"):
        (folder.parent / split_name).mkdir(parents=True)
        for number in range(2):
            people = [{"pose": generator.random(36).tolist(), "score": generator.random(18).tolist()} for _ in "abc"]
            content = {"data": [{"frame_index": 1, "skeleton": people}], "label_index": number}
            (folder.parent / split_name / f"{split_name}{number}.json").write_text(json.dumps(content))
    options = {"stream": "bone", "validation": "none"}
    check_form("kinetics-skeleton", load("kinetics-skeleton", tmp_path, **options), options, folder, "*.json")


def check_form(name: str, dataset: object, options: dict, folder: Path, pattern: str) -> None:
    """Files that are read by the form, after it has been written and read as JSON, are the clips of the data set."""
    form = ClipForm.from_dict(json.loads(json.dumps(ClipForm.of_dataset(dataset, name, options).to_dict())))
    assert form.layout == dataset.layout and len(form.classes) == dataset.num_outputs
    for path in sorted(folder.glob(pattern)):
        batch = form.collect([form.read(path)]).batch([0])
        expected = dataset.graphs[dataset.graphs.names.index(path.stem)]
        torch.testing.assert_close(batch.x, expected.x, atol=1e-6, rtol=1e-6)


def test_a_damaged_form_and_a_model_of_graphs_are_refused(graph_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the form of clips is damaged .KeyError: 'layout'.; export again"):
        ClipForm.from_dict({})
    form = ClipForm(get_layout("coco-17"), 3, 1, ("a", "b")).to_dict()
    with pytest.raises(ValueError, match="the form of clips is damaged .TypeError.*'speed'"):
        ClipForm.from_dict({**form, "speed": 1})
    with pytest.raises(ValueError, match="only models of skeleton clips can predict for new clips .got 'gcn'.; give"):
        open_predictor(open_run(graph_run))
    with pytest.raises(TypeError, match="expected the paths of files or folders of clips, got Tensor; save clips as"):
        predict_clips(tmp_path / "model.pt2", torch.zeros(1))
    with pytest.raises(FileNotFoundError, match=re.escape("there is no file or folder 'nowhere'; check the path")):
        find_clips(["nowhere"])
    (tmp_path / "labels.csv").write_text("file,label\n")
    with pytest.raises(FileNotFoundError, match="there is no clip in .*; files of clips end in .npy, .csv, .skel"):
        find_clips([tmp_path])


def test_a_folder_of_ones_own_is_trained_on_and_predicted(clips_folder: Path, tmp_path: Path) -> None:
    """Labels are in a table, joints named by a layout; the same folder is what is predicted."""
    dataset_dir = tmp_path / "own"
    dataset_dir.mkdir()
    rows = ["file,label"]
    for path in find_clips([clips_folder])[:12]:
        np.save(dataset_dir / path.name, np.load(path)[:, 0])
        rows.append(f"{path.name},{('walk', 'sit')[len(rows) % 2]}")
    (dataset_dir / "labels.csv").write_text("\n".join(rows))
    config = {
        "model": {"name": "st-gcn", "channels": [4], "blocks": [1]},
        "data": {"name": str(dataset_dir), "layout": "nw-ucla-20", "frames": 8, "split": "0.5,0.25,0.25"},
        "train": {"epochs": 1, "batch_size": 6},
    }
    fit(config, tmp_path / "run")
    run = open_run(tmp_path / "run")
    expected, predictions = run.predict(), run.predict(dataset_dir)
    assert predictions.ids == expected.ids and predictions.names == ("sit", "walk")
    for name in ("prediction", "target"):
        assert (getattr(predictions, name) == getattr(expected, name)).all()
    (dataset_dir / "labels.csv").write_text(f"file,label\n{expected.ids[0]},run\n")
    with pytest.raises(ValueError, match="labels.csv': the label of 'clip-00.npy': unknown class 'run'; known: sit"):
        run.predict(dataset_dir)
