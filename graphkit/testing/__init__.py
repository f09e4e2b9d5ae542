"""Checks that any layer and any model must pass, for the tests of this package and of users' own layers."""

from graphkit.testing.layers import check_layer, random_graph
from graphkit.testing.models import check_model, random_graphs

__all__ = ["check_layer", "check_model", "random_graph", "random_graphs"]
