"""A user predicts for a folder of clips of which two are damaged: JSON nested too deep, and a frame number 1e999.
graphkit stopped with a traceback, and wrote no prediction for the good clips.
Right: as documented, a clip that cannot be read is named and left out; the exit code is 1; the others are predicted.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np

temporary = tempfile.TemporaryDirectory()
folder = pathlib.Path(temporary.name)


def graphkit(*args, seconds=120):
    command = [sys.executable, "-W", "ignore", "-m", "graphkit", *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=seconds)


clips = folder / "clips"
clips.mkdir()
rows = ["file,label,split"]
for i in range(9):
    np.save(clips / f"c{i}.npy", np.random.default_rng(i).normal(size=(6 + i, 20, 3)).astype("f4"))
    rows.append(f"c{i}.npy,{'abc'[i % 3]},{['train', 'val', 'test'][i // 3]}")
(clips / "labels.csv").write_text("\n".join(rows) + "\n")
graphkit(
    "train",
    "--model",
    "stigcn",
    "--dataset",
    "clips",
    "--set",
    "data.layout=nw-ucla-20",
    "--epochs",
    "1",
    "--quiet",
    "--output",
    "trained",
)
new = folder / "new"
new.mkdir()
np.save(new / "good.npy", np.ones((6, 20, 3), dtype="f4"))
bad = []
large = '{"data":[{"frame_index":1e999,"skeleton":[{"pose":[],"score":[]}]}]}'
wrong = {"deep.json": "[" * 200_000, "large.json": large}
for name, text in wrong.items():
    for path in new.glob("*.json"):
        path.unlink()
    (new / name).write_text(text)
    done = graphkit("predict", "trained", "new", "--output", f"{name}.csv")
    written = (folder / f"{name}.csv").read_text() if (folder / f"{name}.csv").exists() else ""
    if "Traceback" in done.stderr:
        bad.append(f"{name}: traceback, {done.stderr.strip().splitlines()[-1][:80]}")
    elif "good" not in written or done.returncode != 1 or name not in done.stderr + done.stdout:
        bad.append(f"{name}: exit code {done.returncode}, {done.stderr.strip()[-100:]!r}")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok damaged clips are left out by name")
sys.exit(bool(bad))
