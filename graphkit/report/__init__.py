"""Figures and the HTML report of a run (requires matplotlib)."""

from graphkit.report.clips import clip_animation, clip_strip, learned_graphs_picture, learned_skeleton_picture
from graphkit.report.collect_clips import ClipExample, LearnedGraph, joint_weights
from graphkit.report.confusion import confusion_matrix
from graphkit.report.continual_report import performance_matrices, performance_over_tasks
from graphkit.report.correlation import block_contrast, correlation_maps
from graphkit.report.curves import training_curves
from graphkit.report.factors import (
    FactorExample,
    Match,
    coefficient_histograms,
    factor_graphs,
    found_beside_true,
)
from graphkit.report.path_figures import attention_distributions
from graphkit.report.run_report import factor_picture, report
from graphkit.report.score_figure import ScoreRow, score_comparison
from graphkit.report.search_report import search_progress
from graphkit.report.style import inline_svg, save_png

__all__ = [
    "ClipExample",
    "FactorExample",
    "LearnedGraph",
    "Match",
    "ScoreRow",
    "attention_distributions",
    "block_contrast",
    "clip_animation",
    "clip_strip",
    "coefficient_histograms",
    "confusion_matrix",
    "correlation_maps",
    "factor_graphs",
    "factor_picture",
    "found_beside_true",
    "inline_svg",
    "joint_weights",
    "learned_graphs_picture",
    "learned_skeleton_picture",
    "performance_matrices",
    "performance_over_tasks",
    "report",
    "save_png",
    "score_comparison",
    "search_progress",
    "training_curves",
]
