import pytest

from graphkit.training.progress import BarProgress, LineProgress, Progress, make_progress

ROW = {"epoch": 1, "loss": 0.5, "validation": 0.25}


def test_lines_are_plain_and_few(capsys: pytest.CaptureFixture[str]) -> None:
    progress = LineProgress(seconds=1000)
    progress.start("gcn seed-0", 3, 0)
    for epoch in (1, 2, 3):
        progress.update({**ROW, "epoch": epoch, "validation": None if epoch == 3 else 0.25})
    progress.close()
    lines = capsys.readouterr()
    assert lines.out == ""
    assert lines.err == "gcn seed-0 epoch 1/3 loss 0.5000 validation 0.2500\ngcn seed-0 epoch 3/3 loss 0.5000\n"


def test_a_bar_shows_loss_and_score(capsys: pytest.CaptureFixture[str]) -> None:
    progress = BarProgress()
    progress.start("gcn", 2, 1)
    progress.update({**ROW, "epoch": 2})
    progress.close()
    shown = capsys.readouterr()
    assert "2/2" in shown.err and "loss 0.5000 validation 0.2500" in shown.err and shown.out == ""


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    progress = make_progress(quiet=True)
    progress.start("gcn", 2, 0)
    progress.update(ROW)
    progress.close()
    assert type(progress) is Progress and capsys.readouterr() == ("", "")


def test_what_is_no_terminal_gets_lines() -> None:
    assert type(make_progress()) is LineProgress
