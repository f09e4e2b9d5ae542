"""Experiments: configurations, driver of all commands that train, and run folders."""

from graphkit.continual.continual_config import ContinualConfig
from graphkit.distill.distill_config import DistillConfig, StudentConfig, chosen_losses
from graphkit.experiments.build_config import build_config, config_of_folder
from graphkit.experiments.compare import compare_runs
from graphkit.experiments.driver import resume, run
from graphkit.experiments.ensemble import ensemble_runs
from graphkit.experiments.evaluate import evaluate_run
from graphkit.experiments.fit_model import fit
from graphkit.experiments.keywords import continual_layer, distill_layer, loss_layer, search_layer, train_layer
from graphkit.experiments.predict import predict_run
from graphkit.experiments.predictions import Predictions
from graphkit.experiments.run_folder import ResultFolder, RunFolder, open_run
from graphkit.experiments.scheduler import UnitError
from graphkit.experiments.search import SearchConfig
from graphkit.experiments.workers import Engine
from graphkit.experiments.write_paths import write_paths
from graphkit.training.callbacks import Callback, FitInfo
from graphkit.training.interrupt import Interrupted
from graphkit.training.progress import make_progress
from graphkit.training.tensorboard_callback import TensorBoardCallback
from graphkit.training.train_config import TrainConfig, TrainSettings

__all__ = [
    "Callback",
    "ContinualConfig",
    "DistillConfig",
    "Engine",
    "FitInfo",
    "Interrupted",
    "Predictions",
    "ResultFolder",
    "RunFolder",
    "SearchConfig",
    "StudentConfig",
    "TensorBoardCallback",
    "TrainConfig",
    "TrainSettings",
    "UnitError",
    "build_config",
    "chosen_losses",
    "compare_runs",
    "config_of_folder",
    "continual_layer",
    "distill_layer",
    "ensemble_runs",
    "evaluate_run",
    "fit",
    "loss_layer",
    "make_progress",
    "open_run",
    "predict_run",
    "resume",
    "run",
    "search_layer",
    "train_layer",
    "write_paths",
]
