"""graphkit: five published graph-learning methods for PyTorch Geometric.

The rooms, from the ground up: :mod:`graphkit.ops` (operators), :mod:`graphkit.nn` (layers and models),
:mod:`graphkit.metrics`, :mod:`graphkit.transforms`, :mod:`graphkit.loader`, :mod:`graphkit.data`,
:mod:`graphkit.tasks`, :mod:`graphkit.train`, :mod:`graphkit.recipes`, :mod:`graphkit.plot` and :mod:`graphkit.cli`.
Each is imported when it is asked for, so that ``import graphkit`` itself costs nothing.
"""

from graphkit.version import __version__

__all__ = ["__version__"]
