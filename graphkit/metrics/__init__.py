"""Metrics of predictions, factors and continual learning, as pure functions."""

from graphkit.metrics.accuracy import accuracy
from graphkit.metrics.average_precision import average_precision, mean_average_precision
from graphkit.metrics.balanced_accuracy import balanced_accuracy
from graphkit.metrics.class_roc_auc import class_roc_auc
from graphkit.metrics.class_scores import ClassScores, class_scores
from graphkit.metrics.class_weights import class_weights
from graphkit.metrics.confusion_counts import confusion_counts
from graphkit.metrics.continual import (
    average_forgetting,
    average_performance,
    forgetting,
    forward_transfer,
    learning_accuracy,
)
from graphkit.metrics.edge_auc import edge_auc
from graphkit.metrics.edit_distance import EditDistances, edit_distances
from graphkit.metrics.factor_matching import assign_factors, fixed_ged, fixed_matching, matched_ged
from graphkit.metrics.factors import FactorScores, c_score, factor_scores
from graphkit.metrics.feature_correlation import feature_correlation
from graphkit.metrics.fold_curve import FoldScore, fold_curve
from graphkit.metrics.label_scores import LabelScores, label_scores
from graphkit.metrics.link_ranks import hits_at, link_ranks, mean_reciprocal_rank
from graphkit.metrics.macro_f1 import macro_f1
from graphkit.metrics.mae import mae
from graphkit.metrics.micro_f1 import micro_f1
from graphkit.metrics.mixture_weights import mixture_weights
from graphkit.metrics.paired_test import PairedTest, paired_test
from graphkit.metrics.r2 import r2
from graphkit.metrics.random_factors import random_factors
from graphkit.metrics.rmse import rmse
from graphkit.metrics.roc_auc import roc_auc
from graphkit.metrics.saturated_share import saturated_share
from graphkit.metrics.segment_auc import segment_auc
from graphkit.metrics.target_scores import TargetScores, target_scores
from graphkit.metrics.topk_accuracy import topk_accuracy

__all__ = [
    "ClassScores",
    "EditDistances",
    "FactorScores",
    "FoldScore",
    "LabelScores",
    "PairedTest",
    "TargetScores",
    "accuracy",
    "assign_factors",
    "average_forgetting",
    "average_performance",
    "average_precision",
    "balanced_accuracy",
    "c_score",
    "class_roc_auc",
    "class_scores",
    "class_weights",
    "confusion_counts",
    "edge_auc",
    "edit_distances",
    "factor_scores",
    "feature_correlation",
    "fixed_ged",
    "fixed_matching",
    "fold_curve",
    "forgetting",
    "forward_transfer",
    "hits_at",
    "label_scores",
    "learning_accuracy",
    "link_ranks",
    "macro_f1",
    "mae",
    "mean_average_precision",
    "mean_reciprocal_rank",
    "matched_ged",
    "micro_f1",
    "mixture_weights",
    "paired_test",
    "r2",
    "random_factors",
    "rmse",
    "roc_auc",
    "saturated_share",
    "segment_auc",
    "target_scores",
    "topk_accuracy",
]
