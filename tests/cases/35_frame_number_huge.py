"""A user predicts for a Kinetics clip of two frames whose numbers are 1 and 4,000,000.
graphkit made an array of four million frames: gigabytes for a file of 1 kB.
Right: the clip is named and left out, within 500 MB and 5 s more than for another clip.
"""

import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

temporary = tempfile.TemporaryDirectory()
folder = pathlib.Path(temporary.name)


def graphkit(*args, seconds=120):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (12 * 2**30, 12 * 2**30))

    command = [sys.executable, "-W", "ignore", "-m", "graphkit", *args]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=seconds, preexec_fn=limit)


def clip(frames):
    person = {"pose": [0.1] * 36, "score": [1] * 18}
    return json.dumps({"data": [{"frame_index": number, "skeleton": [person]} for number in frames]})


clips = folder / "clips"
clips.mkdir()
rows = ["file,label,split"]
for i in range(9):
    np.save(clips / f"c{i}.npy", np.random.default_rng(i).normal(size=(6, 18, 3)).astype("f4"))
    rows.append(f"c{i}.npy,{'abc'[i % 3]},{['train', 'val', 'test'][i // 3]}")
(clips / "labels.csv").write_text("\n".join(rows) + "\n")
graphkit(
    "train",
    "--model",
    "stigcn",
    "--dataset",
    "clips",
    "--set",
    "data.layout=openpose-18",
    "--epochs",
    "1",
    "--quiet",
    "--output",
    "trained",
)
(folder / "fine.json").write_text(clip([1, 2, 3]))
(folder / "far.json").write_text(clip([1, 4_000_000]))
bad, seconds, memory = [], [], []
for name, code in (("fine.json", 0), ("far.json", 1)):
    start = time.time()
    try:
        done = graphkit("predict", "trained", name, "--output", f"{name}.csv", seconds=60)
        if done.returncode != code or "Traceback" in done.stderr:
            bad.append(f"{name}: exit code {done.returncode}, {done.stderr.strip()[-80:]!r}")
    except subprocess.TimeoutExpired:
        bad.append(f"{name}: not finished after 60 s")
    seconds.append(time.time() - start)
    memory.append(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
if seconds[1] > seconds[0] + 5 or memory[1] > memory[0] + 500:
    bad.append(f"{seconds[1] - seconds[0]:.0f} s and {memory[1] - memory[0]:.0f} MB more")
said = " ".join("; ".join(bad).split())
print(f"WRONG {said}" if bad else "ok a frame number of 4,000,000 is refused")
sys.exit(bool(bad))
