"""Training: configuration, the loop, checkpoints and the run folder."""

from graphkit.config.schema import TrainSettings, resolve
from graphkit.experiments.compare import compare_runs
from graphkit.experiments.driver import fit, resume
from graphkit.experiments.ensemble import ensemble_runs
from graphkit.experiments.evaluate import evaluate_run
from graphkit.experiments.predict import predict_run
from graphkit.experiments.run_folder import RunFolder, open_run
from graphkit.experiments.write_paths import write_paths
from graphkit.training.interrupt import Interrupted
from graphkit.training.progress import make_progress

__all__ = [
    "Interrupted",
    "RunFolder",
    "TrainSettings",
    "compare_runs",
    "ensemble_runs",
    "evaluate_run",
    "fit",
    "make_progress",
    "open_run",
    "predict_run",
    "resolve",
    "resume",
    "write_paths",
]
