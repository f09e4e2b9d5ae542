"""Actions of skeletons, from training to a file that runs without graphkit.

Run it with ``python examples/skeleton_deploy.py``; it generates its clips and takes about a minute on a laptop. The
format ONNX needs ``pip install onnx onnxruntime onnxscript``.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np

import graphkit
from graphkit.export import export_run


def classify(path: Path, clips: np.ndarray) -> list[str]:
    """Names the actions in clips ``[batch, C, T, V, P]``: all that the machine it runs on needs is onnxruntime."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (scores,) = session.run(["scores"], {"clips": clips.astype(np.float32)})
    about = json.loads(session.get_modelmeta().custom_metadata_map["graphkit"])
    return [about["form"]["classes"][best] for best in scores.argmax(axis=1)]


def main(output: str | None = None, num_clips: int = 600, epochs: int = 15) -> float:
    """Trains, exports and returns the share of test clips that the exported file names rightly."""
    output_dir = Path(output or tempfile.mkdtemp())
    settings = {
        "model.channels": [16, 32],
        "model.blocks": [1, 1],
        "data.num_clips": num_clips,
        "data.frames": 24,
        "train.optimizer": "sgd",
        "train.schedule": "cosine",
    }
    training = {"epochs": epochs, "batch_size": 32, "lr": 0.05, "recipe": "none"}
    run = graphkit.fit("stigcn", "synthetic-skeleton", set=settings, output=output_dir / "run", **training)
    made = export_run(run, "onnx", output_dir / "model.onnx")
    print(f"{made['file']}: {made['bytes'] / 1e3:.0f} kB, scores within {made['real']:.0e} of the model's")

    # Clips of the data set are prepared already: centered, with 24 frames. `graphkit predict model.onnx clips/` does
    # the same for files, with what the exported file says about its training.
    test = run.split.test.tolist()
    clips = np.stack([run.dataset.graphs[i].x.permute(3, 0, 2, 1).numpy() for i in test])
    names, truth = classify(output_dir / "model.onnx", clips), run.dataset.graphs.y[test].tolist()
    right = float(np.mean([name == run.dataset.class_names[y] for name, y in zip(names, truth, strict=True)]))
    print(f"test accuracy {run.result['test']['mean']:.3f} in training, {right:.3f} in onnxruntime")
    return right


if __name__ == "__main__":
    main(*sys.argv[1:2])
