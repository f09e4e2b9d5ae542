"""Export of models to ONNX and ``.pt2`` files, and predictions for new clips."""

from graphkit.export.exported_model import Exported, open_exported
from graphkit.export.exporter import export_run
from graphkit.export.predict_clips import find_clips, open_predictor, predict_clips

__all__ = ["Exported", "export_run", "find_clips", "open_exported", "open_predictor", "predict_clips"]
