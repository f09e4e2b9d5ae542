"""Conformance checks for graph layers and models, including user-defined ones."""

from graphkit.testing.layers import check_layer, random_graph
from graphkit.testing.models import check_model, random_graphs

__all__ = ["check_layer", "check_model", "random_graph", "random_graphs"]
