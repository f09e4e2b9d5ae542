"""Training: configuration, the loop, checkpoints and the run folder."""

from graphkit.train.compare import compare_runs
from graphkit.train.config import TrainSettings, resolve
from graphkit.train.ensemble import ensemble_runs
from graphkit.train.evaluate import evaluate_run
from graphkit.train.interrupt import Interrupted
from graphkit.train.opened_run import Run, open_run
from graphkit.train.path_files import write_paths
from graphkit.train.predict import predict_run
from graphkit.train.progress import make_progress
from graphkit.train.run import fit, resume

__all__ = [
    "Interrupted",
    "Run",
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
